"""The command `ferflow`: what a person runs, one subcommand each.

Only Typer is imported at the start; a command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ferflow import __version__, layout
from ferflow.errors import FerflowError

app = typer.Typer(
    name="ferflow",
    help="Facial-expression recognition: run a trained model, look at results, check this machine.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
weights_app = typer.Typer(help="List or fetch the pretrained files.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")

WeightsFolder = Annotated[Path, typer.Option(help="Folder of the pretrained files.")]


@app.command()
def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="VIDEO...",
            help="Videos, images, folders of videos, folders of images (a clip each), or a camera's number.",
            show_default=False,
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            help="A final model or a network for single images; otherwise the best of the newest study of "
            "real data, or the network that ships.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write all probabilities to a .csv or .json file.", show_default=False),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            help="Write a copy with face, landmarks and bars: a .mp4, .avi, .webm (an image: .png, .jpg), "
            "or a folder for several inputs.",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="Stop after so many seconds of a clip or camera.", show_default=False),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            help="What finds faces: auto (Haar, and BlazeFace where it finds nobody), haar, blazeface or "
            "mtcnn. Default: the model's own.",
            show_default=False,
        ),
    ] = None,
    weights_folder: WeightsFolder = Path(layout.WEIGHTS),
    curve: Annotated[
        Path | None,
        typer.Option(
            help="Draw valence and arousal over time, of a model that has them: a .svg or .png, or a folder "
            "for several inputs.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say what expression each clip shows, with the probabilities of the clip and of every frame."""
    from ferflow.apps import predict as application

    try:
        options = application.Options(inputs, model, out, annotate, seconds, weights_folder, detector, curve)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    raise typer.Exit(application.run(options))


@app.command()
def evaluate(
    clips: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Clips with their classes: clip_id, subject_id, emotion, source.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Or a set of images, e.g. fer2013.", show_default=False)
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Its folder, CSV or tar file; of clips the folder that their paths begin in. Default: the "
            "table's.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            "--weights",
            metavar="FILE",
            help="Of clips, a final model or an image network; otherwise the one that `predict` takes. Of "
            "images, an image network that ferflow trained; given several times: their average; otherwise "
            "the network that ships.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="SPLIT",
            help="A part of the images, e.g. PrivateTest; left out where a set has none.",
            show_default=False,
        ),
    ] = None,
    peak: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Of sequences of images (CK+): the last N show the emotion.",
            show_default=False,
        ),
    ] = None,
    neutral: Annotated[
        bool,
        typer.Option("--neutral", help="Of sequences: the first image is neutral.", show_default=False),
    ] = False,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="What finds the faces that are cut out: auto, haar, blazeface or mtcnn; of images also "
            "none, where they are faces already. Default: auto; of clips the model's own.",
            show_default=False,
        ),
    ] = None,
    ten_crop: Annotated[
        bool, typer.Option("--ten-crop", help="Average ten crops of each image.", show_default=False)
    ] = False,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Average each image and its mirror image.", show_default=False)
    ] = False,
    side: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="PIXELS", help="Side of the ten crops. Default: 44 of 48.", show_default=False
        ),
    ] = None,
    choose_on: Annotated[
        str | None,
        typer.Option(
            metavar="SPLIT", help="Average only those that do best together on this part.", show_default=False
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="So many are chosen at most.")] = 5,
    budget: Annotated[
        int, typer.Option(min=1, help="Those chosen have fewer parameters than this in all.")
    ] = 5_000_000,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the metrics as JSON.", show_default=False)
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the probabilities of every clip or image to a CSV.",
            show_default=False,
        ),
    ] = None,
    weights_folder: WeightsFolder = Path(layout.WEIGHTS),
    bootstrap: Annotated[int, typer.Option(min=1, help="Resamples behind the intervals.")] = 2000,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 20,
) -> None:
    """Judge a model on labelled clips, or an image network, or the average of several, on a set of images."""
    from ferflow.settings import Evaluation

    if (clips is None) == (dataset is None):
        raise typer.BadParameter("give --clips, or --dataset")
    evaluation = Evaluation(bootstrap=bootstrap, confidence=confidence, by=[], controls=False)
    if clips is not None:
        of_images = {"split": split, "peak": peak, "neutral": neutral, "ten-crop": ten_crop}
        of_images |= {"mirror": mirror, "side": side, "choose-on": choose_on}
        if given := [name for name, value in of_images.items() if value]:
            raise typer.BadParameter(f"--{given[0]} is for --dataset")
        if model and len(model) > 1:
            raise typer.BadParameter("--model: clips are judged by one model")
        from ferflow.apps import evaluate_clips
        from ferflow.faces.detect import DETECTORS

        if crop not in (None, *DETECTORS):
            raise typer.BadParameter(f"--crop {crop}: of clips one of {', '.join(DETECTORS)}")
        one = model[0] if model else None
        evaluate_clips.run(
            evaluate_clips.Options(clips, root, one, weights_folder, out, predictions, evaluation, seed, crop)
        )
        return
    if root is None:
        raise typer.BadParameter("--root is missing: where the images of --dataset lie")
    if ten_crop and mirror:
        raise typer.BadParameter("--mirror is part of --ten-crop; give one of them")
    if side is not None and not ten_crop:
        raise typer.BadParameter("--side is for --ten-crop")
    from ferflow.apps import evaluate as application

    application.run(
        application.Options(
            dataset=dataset,
            root=root,
            split=split,
            weights=model or [],
            peak=peak,
            neutral=neutral,
            crop=crop,
            weights_folder=weights_folder,
            views="ten" if ten_crop else "mirror" if mirror else "one",
            side=side,
            choose_on=choose_on,
            most=most,
            budget=budget,
            out=out,
            predictions=predictions,
            evaluation=evaluation,
            seed=seed,
        )
    )


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="An image network that ferflow trained.", metavar="MODEL.pt")],
    out: Annotated[Path, typer.Argument(help="The ONNX file to write.", metavar="OUT.onnx")],
    dense: Annotated[
        bool, typer.Option("--dense", help="Give the dense layer's features too.", show_default=False)
    ] = False,
) -> None:
    """Write an image network as ONNX, checked against ONNX Runtime before the file appears."""
    from ferflow.models import export as exporter

    exporter.export(model, out, dense=dense)
    typer.echo(f"{out}: the same probabilities as {model} to {exporter.TOLERANCE:g}")


@app.command()
def annotate(
    overlays: Annotated[
        list[Path] | None,
        typer.Argument(metavar="STUDY.yaml", help="Studies laid over the settings.", show_default=False),
    ] = None,
    params: Annotated[Path, typer.Option(help="A whole set of settings.")] = Path("params.yaml"),
    manifest: Annotated[
        Path | None,
        typer.Option(help="Ask about the clips of this manifest, without a study.", show_default=False),
    ] = None,
    splits: Annotated[
        Path | None,
        typer.Option(help="Ask about the test subjects of this split alone.", show_default=False),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Ask about all clips of the study.", show_default=False)
    ] = False,
    database: Annotated[
        Path | None, typer.Option(help="Keep the answers in this SQLite file.", show_default=False)
    ] = None,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; any but this machine's own makes an access token needed."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Make a new access token.", show_default=False)
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write all answers as a table of predictions instead of starting the page.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Ask people what the clips show, in a browser; or --export their answers."""
    from ferflow.apps import annotate as application

    places = application.of_study(params, overlays or [], manifest, splits, every)
    if database is not None:
        places["database"] = database
    application.run(application.Options(**places, host=host, port=port, export=export, new_token=new_token))


@app.command()
def doctor(
    weights_folder: WeightsFolder = Path(layout.WEIGHTS),
    slurm: Annotated[
        bool, typer.Option("--slurm", help="Check the cluster instead, with a trial job of a minute.")
    ] = False,
    account: Annotated[
        str | None, typer.Option(help="With --slurm: the account to charge.", show_default=False)
    ] = None,
    partition: Annotated[
        str | None, typer.Option(help="With --slurm: the partition to use.", show_default=False)
    ] = None,
    gres: Annotated[
        str | None,
        typer.Option(help="With --slurm: ask for a GPU, as gpu:1, and see it in a job.", show_default=False),
    ] = None,
    wait: Annotated[float, typer.Option(min=1, help="With --slurm: seconds for the trial job.")] = 120,
) -> None:
    """Check this machine: packages, pretrained files, GPU, FFmpeg, Slurm, disk, memory, data."""
    if slurm:
        from ferflow.apps import doctor_slurm

        asked = doctor_slurm.Asked(account, partition, gres, wait)
        raise typer.Exit(doctor_slurm.run(Path(), asked))
    from ferflow.apps import doctor as application

    raise typer.Exit(application.run(weights_folder))


@app.command()
def results(
    folder: Annotated[Path, typer.Argument(help="A study's results.", metavar="FOLDER")] = Path(
        "results/demo"
    ),
) -> None:
    """Print a study's results as tables."""
    from ferflow.report import console

    console.print_results(folder)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the study.", show_default=False)],
    clips: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Videos, or folders of images.", show_default=False)
    ],
    pattern: Annotated[
        str | None,
        typer.Option(
            help="How paths in FOLDER are built: '{subject}_{class}_{take}', '{class}/{subject:4}*'. "
            "Otherwise one is proposed.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        str, typer.Option(help="What codes of classes mean: 01=neutral,02=sad.", show_default=False)
    ] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Take the pattern that is proposed.", show_default=False)
    ] = False,
    no_look: Annotated[
        bool, typer.Option("--no-look", help="Do not look for faces.", show_default=False)
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over what is there.", show_default=False)
    ] = False,
    weights_folder: WeightsFolder = Path(layout.WEIGHTS),
) -> None:
    """Write the table and the study of a folder of clips, by what their paths say; tell what is odd."""
    from ferflow.apps import new as application

    application.run(
        application.Options(name, clips, pattern, classes, yes, not no_look, force, weights_folder)
    )


@app.command()
def check(
    params: Annotated[Path, typer.Argument(help="A whole set of settings.")] = Path("params.yaml"),
    overlays: Annotated[
        list[Path] | None, typer.Argument(help="Studies laid over it.", show_default=False)
    ] = None,
) -> None:
    """Say what a study will do, or what is wrong with it: settings, data, tables, files, folds, models."""
    from ferflow.apps import check as application

    application.run(params, overlays or [])


@app.command()
def settings(
    section: Annotated[
        str, typer.Argument(metavar="SECTION", help="One of them: sfew.crops.", show_default=False)
    ] = "",
    write: Annotated[
        bool,
        typer.Option("--write", help="Write params.yaml and the schema for editors here, from the defaults."),
    ] = False,
) -> None:
    """Describe every setting, of all kinds of study: default, meaning, [unit], (source)."""
    from ferflow.settings import document

    if write:
        typer.echo("\n".join(f"{path}: written" for path in document.write(Path())))
    else:
        typer.echo(document.described(section), nl=False)


@app.command()
def networks(
    params: Annotated[Path, typer.Argument(help="A whole set of settings.")] = Path("params.yaml"),
    overlays: Annotated[
        list[Path] | None, typer.Argument(help="Studies laid over it.", show_default=False)
    ] = None,
) -> None:
    """Count the parameters of every network that a study of clips or images trains; its data play no part."""
    from ferflow import settings
    from ferflow.apps import estimate as application

    found = application.network_lines(settings.load(params, *(overlays or [])))
    typer.echo("\n".join(found or ["its networks have no size to set"]))


@app.command()
def estimate(
    params: Annotated[Path, typer.Argument(help="A whole set of settings.")] = Path("params.yaml"),
    overlays: Annotated[
        list[Path] | None, typer.Argument(help="Studies laid over it.", show_default=False)
    ] = None,
    clips: Annotated[
        int | None,
        typer.Option(min=1, help="Clips to train on; otherwise all of the data set.", show_default=False),
    ] = None,
) -> None:
    """Say how long a study's networks for clips will train on this machine, from one measured step each."""
    from ferflow import settings
    from ferflow.apps import estimate as application

    application.run(settings.load(params, *(overlays or [])), clips)


@app.command()
def plan(
    params: Annotated[Path, typer.Argument(help="A whole set of settings.")] = Path("params.yaml"),
    overlays: Annotated[
        list[Path] | None,
        typer.Option("--configfile", metavar="STUDY.yaml", help="Studies laid over it.", show_default=False),
    ] = None,
    records: Annotated[
        Path, typer.Option(help="The folder of the earlier runs whose benchmark files count.")
    ] = Path(),
    everything: Annotated[
        bool, typer.Option("--all", help="The whole study, not only what is left to run.", show_default=False)
    ] = False,
    times: Annotated[int, typer.Option(min=1, help="Plan for so many times the subjects.")] = 1,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Measure a training step of each network that no earlier run trained.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Say what a study will cost before it runs: jobs, hours, storage and memory of every rule."""
    from ferflow.apps import plan as application

    application.run(application.Options(params, overlays or [], records, everything, times, measure))


@app.command()
def overhead(
    folder: Annotated[Path, typer.Argument(help="The folder a study ran in.", metavar="FOLDER")] = Path(),
    log: Annotated[
        Path | None,
        typer.Option(
            help="A file of .snakemake/ferflow/events; otherwise the newest run's.", show_default=False
        ),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="The newest run of this study.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the figures to a JSON file too.", show_default=False)
    ] = None,
) -> None:
    """Say how much of a run of the workflow was work: the jobs' times against wall time x cores."""
    from ferflow.runs import overhead as report

    found = report.of_folder(folder, log, study)
    if out is not None:
        report.write(out, found)
    typer.echo("\n".join(report.lines(found)))


@app.command()
def bundle(
    folder: Annotated[Path, typer.Argument(help="A study's results.", metavar="FOLDER")] = Path(
        "results/demo"
    ),
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.zip", help="The archive; otherwise <study>-bundle.zip.", show_default=False
        ),
    ] = None,
    without_pictures: Annotated[
        bool,
        typer.Option(
            "--without-pictures",
            help="Leave out the report, figures and pages, which show faces of the data set.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Put a study's results into one archive that a reviewer can check with `ferflow verify`."""
    from ferflow.apps import release

    release.bundle(folder, out, not without_pictures)


@app.command()
def verify(
    bundle: Annotated[
        Path, typer.Argument(help="An archive of `ferflow bundle`, or its unpacked folder.", metavar="BUNDLE")
    ],
) -> None:
    """Make every table of a bundle again from its predictions, and say whether all are equal."""
    from ferflow.apps import release

    raise typer.Exit(release.verify(bundle))


@app.command()
def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="TABLE", help="Otherwise all are listed.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON schema of a row of a table, e.g. predictions, for programs that read it."""
    import json

    from ferflow import schemas

    if name is None:
        for table, declared in schemas.TABLES.items():
            typer.echo(f"{table}: {declared.about}")
    else:
        typer.echo(json.dumps(schemas.schema(name).json_schema(name), indent=2, ensure_ascii=False))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"ferflow {__version__}")


@weights_app.command("list")
def weights_list(weights_folder: WeightsFolder = Path(layout.WEIGHTS)) -> None:
    """List every pretrained file with its source, hash, licence and whether it is there."""
    from ferflow.apps import weights_table

    weights_table.show(weights_folder)


@weights_app.command("fetch")
def weights_fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, or groups: faces, mtcnn, imagenet, vggface, test-media. Default: faces.",
            show_default=False,
        ),
    ] = None,
    weights_folder: WeightsFolder = Path(layout.WEIGHTS),
) -> None:
    """Fetch pretrained files from their sources into the folder."""
    from ferflow import weights

    wanted: list[str] = []
    for name in names or [weights.FACES]:
        members = [weight.name for weight in weights.group(name)]
        wanted += members or [weights.entry(name).name]
    for path in weights.fetch_many(wanted, weights_folder):
        checked = "hash" if weights.entry(path.name).sha256 else "size"
        typer.echo(f"{path}: present, {checked} checked")


def main() -> None:
    """Run the command line. A mistake that the user can mend is one line and exit code 1 (2: wrong usage)."""
    try:
        app()
    except FerflowError as error:
        _fail(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}; check the path and its permissions")


def _fail(line: str) -> None:
    print(f"ferflow: error: {line}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
