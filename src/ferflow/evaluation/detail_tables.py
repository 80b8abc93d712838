"""The tables of a closer look at the predictions, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence

BY = "results_by"
"""The one that a study has where its clips are in groups (`evaluation.by`)."""
TITLES = {
    "comparisons": "Models against each other",
    "calibration": "Calibration: confidence against accuracy",
    "reliability": "Accuracy in bins of confidence",
    "results_by": "Results by group",
    "confidences": "Most and least confident clips",
    "confidences_by_class": "Confidences of the clips that are right",
    "error_counts": "Errors by emotion",
    "confusion_with_annotators": "Confusion of models and annotators",
}


def titles(by: Sequence[str]) -> dict[str, str]:
    """Those of a study whose clips are grouped `by` these columns."""
    return {name: title for name, title in TITLES.items() if name != BY or by}


SCHEMAS = {"confusion_with_annotators": "confusion"}
"""Schemas of tables that have another name."""
