"""The study file that `ferflow new` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from ferflow import settings, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import FerflowError, SettingError
from ferflow.files import write_text
from ferflow.steps import preflight

STUDIES = Path("workflow/studies")
PARAMS = Path("params.yaml")
TESTED = 15
"""Subjects from which on some are held out; with fewer, each is tested by models of all others."""
SMALL = 400
"""Clips below which heads are smaller and train on no augmented copies."""
GROUPS = 6
"""Values, at most, of a column by which results may be grouped."""
STACKED = 15
"""Subjects in the folds from which on fusions are trained or chosen."""


def path(name: str) -> Path:
    """Where the study `name` is written: among the others, or here where no workflow is."""
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise SettingError("NAME", f"{name!r} is no name", "use letters, digits, - and _ alone")
    return (STUDIES if STUDIES.is_dir() else Path()) / f"{name}.yaml"


def commands(name: str, study: Path) -> list[str]:
    """What a user runs next."""
    return [
        f"ferflow check {PARAMS} {study}",
        f"snakemake --profile workflow/profiles/default --configfile {study}",
        f"snakemake --configfile {study} --report results/{name}/report.html",
    ]


@dataclass(frozen=True)
class Study:
    """A study of the `clips` (schema `clips`) in `folder`, which `table` lists."""

    name: str
    folder: Path
    table: Path
    clips: pd.DataFrame
    emotions: Sequence[str]

    def _has(self, column: str) -> bool:
        return column in self.clips and bool(self.clips[column].fillna("").str.strip().any())

    @property
    def _marked(self) -> set[str]:
        """Subjects that the table marks as test subjects."""
        if "split" not in self.clips:
            return set()
        return set(self.clips["subject_id"][self.clips["split"] == "test"])

    @property
    def trained_on(self) -> int:
        """Subjects that are not marked as test subjects."""
        return self.clips["subject_id"].nunique() - len(self._marked)

    def splits(self) -> str:
        """The section `splits`."""
        if self._has("fold"):
            return "{scheme: given, test_share: 0}"
        if self.trained_on < TESTED:
            return "{scheme: leave_one_out, test_share: 0}"
        return f"{{scheme: stratified, folds: 5, test_share: {0 if self._marked else 0.2}}}"

    def rule(self) -> str:
        """The rule by which that was chosen, in words."""
        test = f"; the {len(self._marked)} subjects marked in the table are held out" if self._marked else ""
        if self._has("fold"):
            return f"those of the column `fold`{test}"
        if self.trained_on < TESTED:
            few = f"{self.trained_on} subjects, fewer than {TESTED}"
            return f"{few}: each is tested by models trained on all others{test}"
        return f"{self.trained_on} subjects: 5 folds{test or ', and a fifth of the subjects held out'}"

    def normalise(self) -> str:
        """`subject` where every person's mean is over several classes, else `none`: it would be a class's."""
        kinds = self.clips.groupby("subject_id")["emotion"].nunique()
        return "subject" if (kinds > 1).all() else "none"

    def baselines(self) -> list[str]:
        """Those that so few subjects allow, and those whose classes the shipped network knows."""
        known = set(self.emotions) <= set(EMOTIONS_NEUTRAL)
        names = ["majority", *(["mean", "weighted_mean"] if known else [])]
        if self.trained_on > 3:
            names += ["logistic", *(["logistic_subject"] if self.normalise() == "subject" else [])]
        return names

    def text(self, study: Path) -> str:
        """The study's file."""
        people = self.clips["subject_id"].nunique()
        data = {"name": "manifest", "root": self.folder.as_posix(), "manifest": self.table.as_posix()}
        lines = [
            f"# {len(self.clips)} clips of {people} subjects, by `ferflow new`; what is not here is as in",
            f"# {PARAMS}, which describes every setting. Go on with",
            *(f"#   {command}" for command in commands(self.name, study)),
            f"study: {_flow(self.name)}",
            f"emotions: {_flow(list(self.emotions))}",
            "",
            "# unusable: stop, or leave_out to go on without clips that cannot be used",
            f"dataset: {_flow({**data, 'unusable': 'stop'})}",
            "",
            "faces: {extend: 0.063}       # at the chin: a share of the box, or pixels",
            "aus: {neutral: subject}      # first: where each clip begins with the face at rest",
            "trim: {algorithm: none}      # thesis: where clips go from rest to the expression and back",
            "",
            f"# {self.rule()}.",
            f"splits: {self.splits()}",
            "",
            f"features: {{normalise: {self.normalise()}}}   # subject: the person's own mean is taken off",
            *self._models(),
            f"baselines: {{run: {_flow(self.baselines())}}}",
        ]
        if self.trained_on < STACKED:
            lines += ["fusion: {stacking: null, best: null}   # too few people to learn or choose from"]
        if groups := self._groups():
            by = f"# evaluation: {{by: {_flow(groups)}}}   # further columns by which results are shown"
            lines += ["", by]
        return "\n".join(lines) + "\n"

    def _groups(self) -> list[str]:
        """Columns that put subjects into a few groups."""
        known = tables.schema("clips").names
        further = [name for name in self.clips if name == "sex" or name not in known]
        return [name for name in further if 1 < self.clips[name].nunique() <= GROUPS]

    def _models(self) -> list[str]:
        none = "end_to_end: {run: []}        # c3d, convlstm: networks on frames, for many clips and a GPU"
        if len(self.clips) >= SMALL:
            return [none]
        return [
            "temporal:                    # small, for few clips",
            "  heads:",
            "    lstm: {units: 64, dropout: 0.4, augmentations: 0}",
            "    bilstm: {units: 64, dropout: 0.4, augmentations: 0}",
            "    cnn1d: {units: 64, layers: 2, dropout: 0.4, augmentations: 0}",
            "  epochs: 30",
            none,
        ]


def write(made: Study, study: Path, clips: pd.DataFrame | None) -> None:
    """Write the study, and its table from `clips` if any, unless `ferflow check` finds an error.

    Then the earlier files are restored.
    """
    before = {path: path.read_bytes() if path.exists() else None for path in (made.table, study)}
    try:
        if clips is not None:
            tables.write(clips, made.table, "clips")
        write_text(study, made.text(study))
        if PARAMS.exists():
            preflight.look(settings.load(PARAMS, study))
    except (FerflowError, OSError):
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        raise


def _flow(value: object) -> str:
    """`value` as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip()
