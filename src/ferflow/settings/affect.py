"""Settings of the study of expression with valence and arousal (AffectNet)."""

from __future__ import annotations

from typing import Literal

from ferflow.settings.types import Section


class AffectSet(Section):
    name: Literal["affect", "affectnet"]
    path: str


class Affect(Section):
    dataset: AffectSet
