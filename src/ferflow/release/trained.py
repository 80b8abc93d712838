"""What follows of the trainings of a study of clips: folds, final models, and what was compared with them."""

from __future__ import annotations

import shutil

from ferflow import layout
from ferflow.evaluation import run as evaluation
from ferflow.evaluation import split_kinds
from ferflow.release.steps import CURVES, PREDICTIONS, Places, Step
from ferflow.report import experiments
from ferflow.report import tables as report_tables
from ferflow.training import nested_run


def models(at: Places) -> dict[str, str]:
    """The heads and networks of the study and the names of their models, in the order of its tables."""
    return at.settings.models()


def _fold_files(at: Places, name: str, file: str) -> list[str]:
    """A file of every fold of a head or a network, in the order of the folds."""
    pattern = layout.FOLD if name in at.settings.temporal.heads else layout.END_TO_END_FOLD
    folds = range(at.settings.splits.folds)
    return [f"{at.name(pattern, head=name, network=name, fold=fold)}/{file}" for fold in folds]


def of_folds(at: Places, file: str = "predictions.csv") -> list[str]:
    """A file of every fold of every model, in the order of `models`."""
    return [path for name in models(at) for path in _fold_files(at, name, file)]


def of_finals(at: Places, file: str = "predictions.csv") -> list[str]:
    """A file of every final model."""
    heads, networks = at.settings.temporal.heads, at.settings.end_to_end.run
    return [f"{at.name(layout.FINAL, head=head)}/{file}" for head in heads] + [
        f"{at.name(layout.END_TO_END_FINAL, network=name)}/{file}" for name in networks
    ]


def steps(at: Places) -> list[Step]:
    """Epochs and curves, experiments, nested cross-validation, and the other kind of folds."""
    return [_training(at), *_experiments(at), *_nested(at), *_split_kinds(at)]


def _common(at: Places) -> tuple:
    settings = at.settings
    return settings.evaluation, settings.seed, settings.emotions, settings.protocol


def _marked(at: Places) -> tuple[bool, str]:
    return at.settings.dataset.name == "synth4d", at.settings.protocol


def _training(at: Places) -> Step:
    files = {
        file: {model: _fold_files(at, name, file) for name, model in models(at).items()}
        for file in ("early.csv", "history.csv")
    }
    finals = dict(zip(models(at).values(), of_finals(at, "history.csv"), strict=True))

    def make() -> None:
        early, history = (
            {model: [at.there(one) for one in paths] for model, paths in of_model.items()}
            for of_model in files.values()
        )
        synthetic, protocol = _marked(at)
        final = {model: at.there(one) for model, one in finals.items()}
        out = at.out(at.table("early_stopping"))
        report_tables.early_stopping(early, out, synthetic, final, protocol)
        report_tables.cv_epochs(history, at.out(at.table("cv_epochs")), synthetic, protocol)

    needs = [one for of_model in files.values() for paths in of_model.values() for one in paths]
    return Step(CURVES, [*needs, *finals.values()], make)


def _experiments(at: Places) -> list[Step]:
    settings = at.settings
    comparisons, runs = settings.experiments.chosen(), settings.experiments.trained()
    if not comparisons:
        return []
    compared = list(dict.fromkeys(run for one in comparisons.values() for run in one.runs))

    def files(name: str, file: str) -> list[str]:
        if name in models(at):
            return _fold_files(at, name, file)
        folds = range(settings.splits.folds)
        return [f"{at.name(layout.EXPERIMENT_FOLD, run=name, fold=fold)}/{file}" for fold in folds]

    curves = {name: files(name, "history.csv") for name in compared}
    said, manifest = [one for name in runs for one in files(name, "predictions.csv")], at.name(layout.CLIPS)

    def drawn() -> None:
        histories = {name: [at.there(one) for one in paths] for name, paths in curves.items()}
        changes = {name: settings.told(name) for name in runs}
        report_tables.cv_epochs(histories, at.out(at.table("experiment_epochs")), *_marked(at))
        out = at.out(at.table("experiments"))
        experiments.write_table(histories, comparisons, changes, out, *_marked(at))

    def judged() -> None:
        read, out = [at.there(one) for one in said], at.out(at.table("experiment_results"))
        evaluation.tabulate(read, at.there(manifest), out, *_common(at))

    needs = [one for paths in curves.values() for one in paths]
    return [Step(CURVES, needs, drawn), Step(PREDICTIONS, [*said, manifest], judged)]


def _nested(at: Places) -> list[Step]:
    plan, manifest = at.settings.nested, at.name(layout.CLIPS)
    if not plan.heads:
        return []
    asked = [(candidate, inner) for candidate in plan.tried() for inner in range(plan.inner)]

    def inner_folder(head: str, outer: int, candidate: str, inner: int) -> str:
        fields = {"head": head, "outer": outer, "candidate": candidate, "inner": inner}
        return at.name(layout.NESTED_INNER, **fields)

    outers = [(head, outer) for head in plan.heads for outer in range(plan.outer)]
    chosen = {one: at.name(layout.NESTED_OUTER, head=one[0], outer=one[1]) for one in outers}
    needs = [
        f"{inner_folder(*one, *of)}/{file}"
        for one in outers
        for of in asked
        for file in ("predictions.csv", "early.json")
    ]
    needs += [f"{folder}/predictions.csv" for folder in chosen.values()]

    def make() -> None:
        for (head, outer), folder in chosen.items():
            model = models(at)[head]
            inner = {of: at.there(inner_folder(head, outer, *of)) for of in asked}
            table, choice = nested_run.chosen(model, outer, inner)
            said = at.out(f"{folder}/predictions.csv")
            shutil.copyfile(at.there(f"{folder}/predictions.csv"), said)
            nested_run.write_choice(model, outer, table, choice, said.parent)
        folders = [at.made / folder for folder in chosen.values()]
        outs = [at.out(at.table(name)) for name in ("nested", "nested_inner")]
        nested_run.write_table(folders, at.there(manifest), *outs, *_common(at))

    return [Step(PREDICTIONS, [*needs, manifest], make)]


def _split_kinds(at: Places) -> list[Step]:
    splits, manifest = at.settings.splits, at.name(layout.CLIPS)
    heads = list(dict.fromkeys(splits.compared))
    if not heads:
        return []

    def files(head: str, scheme: str, file: str) -> list[str]:
        if scheme == splits.scheme:
            return _fold_files(at, head, file)
        fields = {"scheme": scheme, "head": head}
        folds = range(splits.folds)
        return [f"{at.name(layout.SPLIT_KIND_FOLD, fold=fold, **fields)}/{file}" for fold in folds]

    asked = [(head, scheme) for head in heads for scheme in (splits.scheme, splits.other())]
    said = {one: files(*one, "predictions.csv") for one in asked}
    curves = {one: files(*one, "history.csv") for one in asked}

    def make() -> None:
        read = [
            {one: [at.there(path) for path in paths] for one, paths in of.items()} for of in (said, curves)
        ]
        out = at.out(at.table("split_kinds"))
        split_kinds.write(*read, at.there(manifest), out, *_common(at))

    needs = [path for of in (said, curves) for paths in of.values() for path in paths]
    return [Step(f"{PREDICTIONS} and {CURVES}", [*needs, manifest], make)]
