"""Settings of the study of static faces in scenes (SFEW)."""

from __future__ import annotations

from typing import Literal

from ferflow.settings.types import Section


class SceneSet(Section):
    name: Literal["scenes", "sfew"]
    path: str


class Sfew(Section):
    dataset: SceneSet
