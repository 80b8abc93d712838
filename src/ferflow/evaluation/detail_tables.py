"""The tables of a closer look at the predictions, and what they are called."""

from __future__ import annotations

TITLES = {
    "comparisons": "Models against each other",
    "calibration": "Calibration: confidence against accuracy",
    "reliability": "Accuracy in bins of confidence",
    "confidences": "Most and least confident clips",
    "confidences_by_class": "Confidences of the clips that are right",
    "error_counts": "Errors by emotion",
    "confusion_with_annotators": "Confusion of models and annotators",
}
SCHEMAS = {"confusion_with_annotators": "confusion"}
"""Schemas of tables that have another name."""
