"""What is written from other tables of a study of clips: of its data, beside the thesis, and for readers."""

from __future__ import annotations

from ferflow import layout, tables
from ferflow.aus.agreement import summarise
from ferflow.datasets import usable
from ferflow.datasets.check import write_check
from ferflow.explain.strips import links
from ferflow.release import trained
from ferflow.release.bundle import manifest_of
from ferflow.release.steps import OTHERS, PREDICTIONS, Places, Step
from ferflow.report import error_table, opening, reference
from ferflow.report import tables as report_tables
from ferflow.report.thesis import counts, load, others

STILLS = "thesis_3_3"
"""The thesis's table of images, which are not in a bundle."""


def steps(at: Places) -> list[Step]:
    """Tables of the data, published numbers beside ours, the page that opens the report, mistaken clips."""
    thesis = [_beside(at), _thesis(at)] if at.settings.thesis_classes() else []
    return [*_data(at), *thesis, _opening(at), *_mislabelled(at)]


def _data(at: Places) -> list[Step]:
    """Tables of the data that rest on other tables: the manifest, the trimming, the trackers."""
    settings, manifest, trim = at.settings, manifest_of(at.settings), at.name(layout.TRIM)
    clips, unusable, splits = at.name(layout.CLIPS), at.table("unusable"), at.name(layout.SPLITS)

    def dataset() -> None:
        given = [at.there(name) for name in (manifest, splits, unusable)]
        write_check(*given, at.out(at.table("dataset")), settings.dataset, settings.synth4d)

    def left_out() -> None:
        out = at.out(at.table("unusable_counts"))
        usable.write_counts(at.there(manifest), at.there(unusable), out, settings.emotions)

    def trimming() -> None:
        outs = [at.out(at.table(name)) for name in ("trimming", "anomalies")]
        longest = settings.features.max_frames
        report_tables.trimming(at.there(trim), at.there(clips), *outs, longest, settings.emotions)

    def trackers() -> None:
        out = at.out(at.table("tracker_summary"))
        report_tables.trackers(at.there(at.table("trackers")), out, settings.dataset.name == "synth4d")

    def agreement() -> None:
        clips = tables.read(at.there(at.table("au_agreement")), "au_agreement")
        name = "au_agreement_summary"
        tables.write(summarise(clips), at.out(at.table(name)), name)

    found = [
        Step(OTHERS, [manifest, splits, unusable], dataset),
        Step(OTHERS, [manifest, unusable], left_out),
        Step(OTHERS, [clips, trim], trimming),
    ]
    if settings.faces.compared_clips:
        found.append(Step(OTHERS, [at.table("trackers")], trackers))
    if settings.dataset.name == "synth4d":
        found.append(Step(OTHERS, [at.table("au_agreement")], agreement))
    return found


def _beside(at: Places) -> Step:
    def make() -> None:
        out = at.out(at.table("beside"))
        apart = others(at.settings)
        reference.write_best_models(at.best(at.table("results")), out, at.settings.dataset.name, apart)

    return Step(PREDICTIONS, [at.table("results")], make)


def _thesis(at: Places) -> Step:
    settings, manifest = at.settings, at.name(layout.CLIPS)
    names = ["results", "trimming", "cv_epochs", "early_stopping", "error_counts"]
    names += ["fusion"] if settings.fusion.any() else []
    own = settings.trains_spatial()
    names += ["spatial_results"] if own else []
    names += ["finetuned"] if own and settings.spatial.method == "finetune" else []
    names += ["human_summary"] if settings.humans.source(settings.dataset.name) else []
    runs = settings.experiments.trained()
    names += ["experiment_results", "experiment_epochs"] if settings.experiments.chosen() else []
    said = at.name(layout.PREDICTIONS)
    spatial = at.name(layout.SPATIAL, model=settings.spatial.network) + "/predictions.csv"
    needs = [*(at.table(name) for name in names), said, manifest, *([spatial] if own else [])]

    def make() -> None:
        ours = load(
            {name: at.best(at.table(name)) for name in names},
            at.there(said),
            at.there(manifest),
            settings.emotions,
            at.there(spatial) if own else None,
            settings.stills.source == "synth4d",
            dataset=settings.dataset.name,
            stills=settings.stills.source,
            evaluation=settings.evaluation,
            seed=settings.seed,
            spatial=settings.spatial.network,
            others=others(settings),
            experiments={item: run for item, run in settings.experiments.published.items() if run in runs},
            image_counts=None,
            parameters=counts(settings.temporal.heads.get("lstm"), settings.end_to_end.c3d),
        )
        folder = at.out(at.table("results")).parent
        reference.write_each("thesis", ours, folder)
        if own:  # it counts images, of which a bundle has none: checked by its hash
            (folder / f"{STILLS}.csv").unlink()

    return Step(PREDICTIONS, needs, make)


def _opening(at: Places) -> Step:
    def make() -> None:
        read = {name: at.best(at.table(name)) for name in opening.TABLES}
        out = at.out(at.name(layout.TABLES) + "/opening.html")
        opening.write(read, out, at.settings.study, at.settings.evaluation.confidence)

    return Step(PREDICTIONS, [at.table(name) for name in opening.TABLES], make)


def _mislabelled(at: Places) -> list[Step]:
    """The lists of mistaken clips; a bundle without pictures has none."""
    errors, folder = at.table("errors"), at.name(layout.TABLES)
    pages = {name: f"{folder}/mislabelled-{name}.html" for name in trained.models(at)}

    def step(page: str, model: str) -> Step:
        def make() -> None:
            clips = tables.read(at.best(errors), "errors")["clip_id"].unique()
            # Text leads to the pictures as it does in the bundle; the page takes them in.
            for seen_from, ends in ((at.there(folder), (".md", ".tex")), (at.out(page).parent, (".html",))):
                strips = links(at.there(at.name(layout.STRIPS)), clips, seen_from.resolve())
                outputs = [at.out(page).with_suffix(end) for end in ends]
                error_table.render(at.best(errors), model, outputs, at.settings.splits.judged, strips)

        return Step(PREDICTIONS, [errors], make)

    models = trained.models(at)
    return [step(page, models[name]) for name, page in pages.items() if at.there(page).is_file()]
