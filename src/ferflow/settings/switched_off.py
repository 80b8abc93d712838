"""Models that a study switches off vanish wherever they are named: fusion, comparisons, search, other folds.

A head is switched off by writing null (`temporal: {heads: {cnn1d: null}}`), a network on frames by leaving it
out of `end_to_end.run`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import get_args

from ferflow.settings.comparing import BASELINE_MODELS, Comparison, Experiments, Fusion
from ferflow.settings.study import Settings
from ferflow.settings.types import EndToEndName, Head, parts_of

KNOWN = (*get_args(Head), *get_args(EndToEndName))
"""Every model for clips that there is."""
FEWEST = 2
"""Models or runs of which a fusion or a comparison is made."""


def without(settings: Settings) -> tuple[Settings, list[str]]:
    """`settings` of clips with what their own models leave of them, and a line for each thing that vanishes.

    Raises ValueError where no model is left, and for the name of one that there is nowhere.
    """
    models = [*settings.temporal.heads, *settings.end_to_end.run]
    if not models:
        raise ValueError("temporal.heads and end_to_end.run name no model; a study of clips needs one")
    off = [name for name in KNOWN if name not in models]
    notes = [f"{name}: switched off" for name in off]
    heads = list(settings.temporal.heads)
    changes = {
        "fusion": _fusion(settings, models, notes),
        "experiments": _experiments(settings.experiments, models, notes),
        "splits": _of_heads(settings.splits, "splits.compared", heads, notes),
        "search": _of_heads(settings.search, "search.run", heads, notes),
        "nested": _of_heads(settings.nested, "nested.heads", heads, notes),
    }
    return settings.model_copy(update=changes), notes


def _of_heads(section, setting: str, heads: Iterable[str], notes: list[str]):
    """The block of `setting`, a list of heads, without those that are switched off."""
    name = setting.split(".")[1]
    listed = getattr(section, name)
    kept = [head for head in listed if head in heads]
    notes += [f"{setting}: without {head}, which is switched off" for head in listed if head not in heads]
    return section if kept == listed else section.model_copy(update={name: kept})


def _fusion(settings: Settings, models: list[str], notes: list[str]) -> Fusion:
    fusion, changes = settings.fusion, {}
    sets = {}
    for name, members in fusion.named().items():
        where = f"fusion.sets.{name}"
        kept = _left(where, members, settings, models, notes)
        twin = next((other for other, of in sets.items() if of and set(of) == set(kept)), None)
        if twin and kept != members:
            notes[-1] = f"{where}: left out, as what is left of it is fusion.sets.{twin}"
            kept = []
        sets[name] = kept or None
    if sets != fusion.named():
        changes["sets"] = {**fusion.sets, **sets}
    for name in ("stacking", "best"):
        if (section := getattr(fusion, name)) is not None:
            kept = _left(f"fusion.{name}.models", section.models, settings, models, notes)
            changes[name] = section.model_copy(update={"models": kept}) if kept else None
    return fusion.model_copy(update=changes)


def _left(
    where: str, members: Iterable[str], settings: Settings, models: list[str], notes: list[str]
) -> list[str]:
    """The `members` that are trained; none where too few of them are left for a fusion."""
    kept, lost = [], []
    models = [*models, *settings.baselines.models().values()]
    for member in members:
        if member in BASELINE_MODELS.values():
            (kept if member in models else lost).append(member)
            continue
        network, name = parts_of(member)
        if name not in KNOWN or network not in ("", settings.spatial.network):
            close = difflib.get_close_matches(name, [*KNOWN, *settings.models().values()], 1)
            hint = f"did you mean {close[0]}?" if close else f"the models are {', '.join(KNOWN)}"
            if name in KNOWN:
                hint = f"the study's network is {settings.spatial.network}"
            raise ValueError(f"{where} names {member}, which is no model of the study; {hint}")
        (kept if name in models else lost).append(member)
    gone = ", ".join(lost)
    if lost and len(kept) < FEWEST:
        notes.append(f"{where}: left out, {_fewer(len(kept), 'model')} without {gone}")
        return []
    if lost:
        notes.append(f"{where}: without {gone}, which {_is(lost)} switched off")
    return kept


def _experiments(experiments: Experiments, models: list[str], notes: list[str]) -> Experiments:
    """The comparisons without the runs of models that are switched off."""
    compared, comparisons = [], dict(experiments.comparisons)
    for name in experiments.compared:
        whole = experiments.comparisons[name]
        nulls = [run for run in whole.runs if experiments.runs.get(run, run) is None]
        drawn = [
            run
            for run in whole.runs
            if run not in nulls and (experiments.runs[run].of if run in experiments.runs else run) in models
        ]
        where = f"experiments.compared: {name}"
        if len(drawn) < FEWEST:
            notes.append(f"{where}: left out, {_fewer(len(drawn), 'run')}")
            continue
        lost = [run for run in whole.runs if run not in (*drawn, *nulls)]
        if lost:
            notes.append(f"{where}: without {', '.join(lost)}, of models that are switched off")
            comparisons[name] = Comparison(title=whole.title, runs=drawn)
        compared.append(name)
    return experiments.model_copy(update={"compared": compared, "comparisons": comparisons})


def _fewer(count: int, what: str) -> str:
    return f"only {count} {what} is left" if count == 1 else f"no {what} is left"


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
