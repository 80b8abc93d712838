"""The tables of a closer look at the predictions, and what they are called."""

from __future__ import annotations

TITLES = {
    "comparisons": "Models against each other",
    "calibration": "Calibration: confidence against accuracy",
    "reliability": "Accuracy in bins of confidence",
    "results_by_sex": "Results by sex",
    "confidences": "Most and least confident clips",
    "confidences_by_class": "Confidences of the clips that are right",
    "error_counts": "Errors by emotion",
    "confusion_beside": "Confusion of models and annotators",
}
SCHEMAS = {"confusion_beside": "confusion"}
"""Schemas of tables that have another name."""
