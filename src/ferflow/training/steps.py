"""How many clips a training shows its network: every clip in every version once an epoch."""

from __future__ import annotations


def final_steps(clips: int, augmentations: int, epochs: int) -> float:
    """Clips shown in a training on all of `clips` and their augmented versions."""
    return clips * (1 + augmentations) * epochs


def fold_steps(clips: int, augmentations: int, folds: int, epochs: int) -> float:
    """The same without one of `folds` folds."""
    return final_steps(clips, augmentations, epochs) * (folds - 1) / folds
