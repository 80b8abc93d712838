"""The command `ferflow`: what a person runs, one subcommand each.

Only Typer is imported at the start; a command imports what it needs when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ferflow import __version__, layout
from ferflow.apps.terminal import errors_in_one_line

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

WEIGHTS, PARAMS = Path(layout.WEIGHTS), Path("params.yaml")
WeightsFolder = Annotated[Path, Option(help="Folder of the pretrained files.")]
Params = Annotated[Path, Argument(help="A complete settings file.")]
Overlays = Annotated[list[Path], Argument(help="Study files laid over it, in this order.")]
Results = Annotated[Path, Argument(help="A study's results.", metavar="FOLDER")]


@contextmanager
def _usage() -> Iterator[None]:
    """Report a ValueError, which says that options do not go together, as wrong usage (exit code 2)."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def predict(
    inputs: Annotated[
        list[str],
        Argument(
            metavar="VIDEO...",
            help="Videos, images, folders of videos, folders of images (a clip each), or a camera's number.",
        ),
    ],
    model: Annotated[
        Path | None,
        Option(
            help="A final model, a fusion (results/STUDY/tables/fusion.csv:NAME) or a network for single "
            "images. Default: the best model of the newest study of real data, else the network that comes "
            "with ferflow."
        ),
    ] = None,
    out: Annotated[Path | None, Option(help="Write all probabilities to a .csv or .json file.")] = None,
    annotate: Annotated[
        Path | None,
        Option(
            help="Write a copy with face, landmarks and bars: a .mp4, .avi, .webm (an image: .png, .jpg), "
            "or a folder for several inputs."
        ),
    ] = None,
    seconds: Annotated[
        float | None, Option(min=0.1, help="Stop after so many seconds of a clip or camera.")
    ] = None,
    detector: Annotated[
        str | None,
        Option(
            help="The face detector: auto (Haar, and BlazeFace where it finds nobody), haar, blazeface or "
            "mtcnn. Default: the model's own."
        ),
    ] = None,
    weights_folder: WeightsFolder = WEIGHTS,
    curve: Annotated[
        Path | None,
        Option(
            help="Plot valence and arousal over time, for a model that predicts them: a .svg or .png, or a "
            "folder for several inputs."
        ),
    ] = None,
) -> None:
    """Predict the expression of each clip, with the probabilities of the clip and of every frame."""
    from ferflow.apps import predict as application

    with _usage():
        options = application.Options(inputs, model, out, annotate, seconds, weights_folder, detector, curve)
    raise typer.Exit(application.run(options))


@app.command()
def evaluate(
    clips: Annotated[
        Path | None,
        Option(metavar="FILE.csv", help="Clips with their classes: clip_id, subject_id, emotion, source."),
    ] = None,
    dataset: Annotated[str | None, Option(metavar="NAME", help="Or a set of images, e.g. fer2013.")] = None,
    root: Annotated[
        Path | None,
        Option(
            metavar="PATH",
            help="The set's folder, CSV or tar file; for clips the folder that their paths begin in "
            "(default: the table's folder).",
        ),
    ] = None,
    model: Annotated[
        list[Path],
        Option(
            "--model",
            "--weights",
            metavar="FILE",
            help="For clips, a final model or an image network (default: as for `predict`). For images, an "
            "image network that ferflow trained (default: the one that comes with ferflow); repeat it to "
            "average several.",
        ),
    ] = (),
    split: Annotated[
        str | None,
        Option(
            metavar="SPLIT", help="A part of the images, e.g. PrivateTest; leave it out where a set has none."
        ),
    ] = None,
    peak: Annotated[
        int | None, Option(min=1, metavar="N", help="For image sequences (CK+): the last N show the emotion.")
    ] = None,
    neutral: Annotated[
        bool, Option("--neutral", help="For image sequences: the first image is neutral.")
    ] = False,
    crop: Annotated[
        str | None,
        Option(
            metavar="HOW",
            help="The detector that faces are cut out by: auto, haar, blazeface or mtcnn; for images also "
            "none, where they are faces already. Default: auto; for clips the model's own.",
        ),
    ] = None,
    ten_crop: Annotated[bool, Option("--ten-crop", help="Average ten crops of each image.")] = False,
    mirror: Annotated[bool, Option("--mirror", help="Average each image and its mirror image.")] = False,
    side: Annotated[
        int | None, Option(min=1, metavar="PIXELS", help="Side of the ten crops. Default: 44 of 48.")
    ] = None,
    choose_on: Annotated[
        str | None,
        Option(metavar="SPLIT", help="Average only the networks that do best together on this part."),
    ] = None,
    most: Annotated[int, Option(min=1, help="Choose at most so many networks.")] = 5,
    budget: Annotated[
        int, Option(min=1, help="The chosen networks have fewer parameters than this in all.")
    ] = 5_000_000,
    out: Annotated[Path | None, Option(metavar="FILE", help="Write the metrics as JSON.")] = None,
    predictions: Annotated[
        Path | None, Option(metavar="FILE", help="Write the probabilities of every clip or image to a CSV.")
    ] = None,
    weights_folder: WeightsFolder = WEIGHTS,
    bootstrap: Annotated[int, Option(min=1, help="Bootstrap resamples of the intervals.")] = 2000,
    confidence: Annotated[
        float, Option(min=0.5, max=0.999, help="Confidence level of the intervals.")
    ] = 0.95,
    seed: Annotated[int, Option(min=0, help="Seed of the resamples.")] = 20,
) -> None:
    """Evaluate a model on labelled clips, or an image network, or an average of several, on images."""
    from ferflow.apps import evaluate_screen
    from ferflow.settings import Evaluation

    evaluation = Evaluation(bootstrap=bootstrap, confidence=confidence, by=[], controls=False)
    images = (split, peak, neutral, crop, ten_crop, mirror, side, choose_on, most, budget)
    with _usage():
        options = evaluate_screen.Options(
            clips, dataset, root, model, *images, out, predictions, weights_folder, evaluation, seed
        )
    if clips is not None:
        from ferflow.apps import evaluate_clips as application
    else:
        from ferflow.apps import evaluate as application
    application.run(options)


@app.command()
def export(
    model: Annotated[Path, Argument(help="An image network that ferflow trained.", metavar="MODEL.pt")],
    out: Annotated[Path, Argument(help="The ONNX file to write.", metavar="OUT.onnx")],
    dense: Annotated[bool, Option("--dense", help="Output the dense layer's features too.")] = False,
) -> None:
    """Write an image network as ONNX, checked against ONNX Runtime before the file appears."""
    from ferflow.models import export as exporter

    exporter.export(model, out, dense=dense)
    typer.echo(f"{out}: the same probabilities as {model} to {exporter.TOLERANCE:g}")


@app.command()
def annotate(
    overlays: Annotated[
        list[Path], Argument(metavar="STUDY.yaml", help="Study files laid over the settings.")
    ] = (),
    params: Annotated[Path, Option(help="A complete settings file.")] = PARAMS,
    manifest: Annotated[Path | None, Option(help="Show the clips of this manifest, without a study.")] = None,
    splits: Annotated[Path | None, Option(help="Show the test subjects of this splits.json alone.")] = None,
    every: Annotated[bool, Option("--all", help="Show all clips of the study.")] = False,
    database: Annotated[Path | None, Option(help="Keep the answers in this SQLite file.")] = None,
    host: Annotated[
        str, Option(help="Address to listen on; any but this machine's own requires an access token.")
    ] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8000,
    token: Annotated[
        bool, Option("--token", help="Require an access token from users of this machine too (login nodes).")
    ] = False,
    new_token: Annotated[bool, Option("--new-token", help="Make a new access token.")] = False,
    export: Annotated[
        Path | None,
        Option(
            metavar="FILE.csv",
            help="Write all answers as a table of predictions instead of starting the page.",
        ),
    ] = None,
) -> None:
    """Let people label the clips in a browser, or --export their answers."""
    from ferflow.apps import annotate as application

    places = application.of_study(params, overlays, manifest, splits, every)
    if database is not None:
        places["database"] = database
    access = {"host": host, "port": port, "token": token, "new_token": new_token}
    application.run(application.Options(**places, export=export, **access))


@app.command()
def doctor(
    weights_folder: WeightsFolder = WEIGHTS,
    slurm: Annotated[
        bool, Option("--slurm", help="Check the cluster instead, with a trial job of a minute.")
    ] = False,
    account: Annotated[str | None, Option(help="With --slurm: the account to charge.")] = None,
    partition: Annotated[str | None, Option(help="With --slurm: the partition to use.")] = None,
    gres: Annotated[
        str | None, Option(help="With --slurm: request a GPU, as gpu:1, and check that a job sees it.")
    ] = None,
    wait: Annotated[float, Option(min=1, help="With --slurm: seconds for the trial job.")] = 120,
) -> None:
    """Check this machine: packages, pretrained files, GPU, FFmpeg, Slurm, disk, memory, data."""
    if slurm:
        from ferflow.apps import doctor_slurm

        profile = doctor_slurm.Profile(account, partition, gres)
        raise typer.Exit(doctor_slurm.run(Path(), profile, wait))
    from ferflow.apps import doctor as application

    raise typer.Exit(application.run(weights_folder))


@app.command()
def results(folder: Results = Path("results/demo")) -> None:
    """Print a study's results as tables."""
    from ferflow.report import console

    console.print_results(folder)


@app.command()
def new(
    name: Annotated[str, Argument(metavar="NAME", help="Name of the study.")],
    clips: Annotated[Path, Option(metavar="FOLDER", help="Folder of videos, or of image folders.")],
    pattern: Annotated[
        str | None,
        Option(
            help="How paths in FOLDER are built: '{subject}_{class}_{take}', '{class}/{subject:4}*'. "
            "Default: a pattern is proposed."
        ),
    ] = None,
    classes: Annotated[str, Option(help="What codes of classes mean, e.g. 01=neutral,02=sad.")] = "",
    yes: Annotated[bool, Option("--yes", help="Accept the proposed pattern.")] = False,
    no_look: Annotated[bool, Option("--no-look", help="Do not look for faces.")] = False,
    force: Annotated[bool, Option("--force", help="Overwrite existing files.")] = False,
    weights_folder: WeightsFolder = WEIGHTS,
) -> None:
    """Write the clip table and the study file for a folder of clips, and report what is odd about them."""
    from ferflow.apps import new as application

    application.run(
        application.Options(name, clips, pattern, classes, yes, not no_look, force, weights_folder)
    )


@app.command()
def check(
    params: Params = PARAMS,
    overlays: Overlays = (),
    profile: Annotated[
        Path | None,
        Option(metavar="FOLDER", help="Name runs that do not fit this profile's machine. Default: this one."),
    ] = None,
) -> None:
    """Check a study and print what it will do: data, files, folds, models, and what does not fit here."""
    from ferflow.apps import check as application

    application.run(params, overlays, profile)


@app.command()
def settings(
    section: Annotated[str, Argument(metavar="SECTION", help="One section only, e.g. sfew.crops.")] = "",
    write: Annotated[
        bool, Option("--write", help="Write params.yaml and the schema for editors here, from the defaults.")
    ] = False,
) -> None:
    """Describe every setting of every kind of study: default, meaning, [unit], (source)."""
    from ferflow.settings import document

    if write:
        typer.echo("\n".join(f"{path}: written" for path in document.write(Path())))
    else:
        typer.echo(document.described(section), nl=False)


@app.command()
def networks(params: Params = PARAMS, overlays: Overlays = ()) -> None:
    """Count the parameters of every network that a study of clips or images trains; no data is needed."""
    from ferflow import settings
    from ferflow.apps import estimate as application

    lines = application.network_lines(settings.load(params, *overlays))
    typer.echo("\n".join(lines or ["its networks have no size to set"]))


@app.command()
def estimate(
    params: Params = PARAMS,
    overlays: Overlays = (),
    on: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="By stated rates: cpu, or a GPU as a100, v100, rtx3090, h200. Default: this machine, where "
            "a step of each network that no earlier run tells of is measured.",
        ),
    ] = None,
    left: Annotated[bool, Option("--left", help="Only what is left to run in this folder.")] = False,
    records: Annotated[
        Path, Option(help="The folder whose earlier runs' benchmark files are used.")
    ] = Path(),
    times: Annotated[int, Option(min=1, help="For so many times the subjects.")] = 1,
) -> None:
    """Estimate what a study takes before it runs: jobs, hours, memory and disk, of every rule and in all."""
    from ferflow.apps import estimate as application

    application.run(params, overlays, records, left, times, on, params.parent / "Snakefile")


@app.command()
def rehearse(
    overlays: Annotated[
        list[Path], Argument(metavar="STUDY.yaml", help="Study files laid over the settings.")
    ],
    params: Annotated[Path, Option(help="A complete settings file.")] = PARAMS,
    folder: Annotated[
        Path | None, Option(help="Where it runs; a second call goes on there. Default: rehearsal/<study>.")
    ] = None,
    cores: Annotated[int, Option(min=1, help="Jobs' cores at a time.")] = 2,
    memory: Annotated[
        float | None, Option(min=1, help="Gibibytes that jobs may take together. Default: this machine's.")
    ] = None,
    subjects: Annotated[
        int | None, Option(min=1, help="Fabricate clips of so many subjects. Default: all of the data set.")
    ] = None,
    fresh: Annotated[bool, Option("--fresh", help="Start anew: remove what an earlier call made.")] = False,
    weights_folder: WeightsFolder = WEIGHTS,
) -> None:
    """Run a study's own graph on fabricated data, each kind of job at its real size and for a few steps."""
    from ferflow.apps import rehearse as application

    raise typer.Exit(
        application.main(params, overlays, folder, weights_folder, cores, memory, subjects, fresh)
    )


@app.command()
def overhead(
    folder: Annotated[Path, Argument(help="The folder a study ran in.", metavar="FOLDER")] = Path(),
    log: Annotated[
        Path | None, Option(help="A file of .snakemake/ferflow/events. Default: the newest run's.")
    ] = None,
    study: Annotated[str | None, Option(help="The newest run of this study.")] = None,
    out: Annotated[Path | None, Option(help="Write the figures to a JSON file too.")] = None,
) -> None:
    """Print how much of a workflow run was work: the jobs' times against wall time x cores."""
    from ferflow.runs import overhead as report

    figures = report.of_folder(folder, log, study)
    if out is not None:
        report.write(out, figures)
    typer.echo("\n".join(report.lines(figures)))


@app.command()
def bundle(
    folder: Results = Path("results/demo"),
    out: Annotated[
        Path | None, Option(metavar="FILE.zip", help="The archive. Default: <study>-bundle.zip.")
    ] = None,
    without_pictures: Annotated[
        bool,
        Option(
            "--without-pictures",
            help="Leave out the report, figures and pages, which show faces of the data set.",
        ),
    ] = False,
) -> None:
    """Put a study's results into one archive that a reviewer can check with `ferflow verify`."""
    from ferflow.apps import release

    release.bundle(folder, out, not without_pictures)


@app.command()
def verify(
    bundle: Annotated[
        Path, Argument(help="An archive of `ferflow bundle`, or its unpacked folder.", metavar="BUNDLE")
    ],
) -> None:
    """Make every table of a bundle again from its predictions, and report whether all are equal."""
    from ferflow.apps import release

    raise typer.Exit(release.verify(bundle))


@app.command()
def schema(
    name: Annotated[str | None, Argument(metavar="TABLE", help="Default: list all tables.")] = None,
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
def weights_list(weights_folder: WeightsFolder = WEIGHTS) -> None:
    """List every pretrained file with its source, hash, licence and whether it is there."""
    from ferflow.apps import doctor as application

    application.list_weights(weights_folder)


@weights_app.command("fetch")
def weights_fetch(
    names: Annotated[
        list[str],
        Argument(
            help="Files, or groups: faces, blendshapes, mtcnn, imagenet, vggface, test-media. Default: faces."
        ),
    ] = (),
    weights_folder: WeightsFolder = WEIGHTS,
) -> None:
    """Fetch pretrained files from their sources into the folder."""
    from ferflow import weights

    wanted: list[str] = []
    for name in names or [weights.FACES]:
        members = [weight.name for weight in weights.group(name)]
        wanted += members or [weights.entry(name).name]
    for path in weights.fetch_many(wanted, weights_folder):
        checked = "hash" if weights.entry(path.name).sha256 else "size and noted hash"
        typer.echo(f"{path}: present, {checked} checked")


def main() -> None:
    """Run the command line. An error that the user can fix is one line and exit code 1 (2: wrong usage)."""
    with errors_in_one_line():
        app()


if __name__ == "__main__":
    main()
