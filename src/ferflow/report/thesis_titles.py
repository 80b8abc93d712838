"""The thesis's tables (Cao 2022) and what they are called here."""

from __future__ import annotations

STUDY = "thesis"
TITLES = {
    "3.2": "Pretrained networks (thesis, Table 3.2)",
    "3.3": "Images of FER2013 (thesis, Table 3.3)",
    "3.4": "Fine-tuned networks (thesis, Table 3.4)",
    "3.5": "Spatial model by emotion (thesis, Table 3.5)",
    "3.6": "Best models (thesis, Table 3.6)",
    "3.7": "Fusion (thesis, Table 3.7)",
    "3.2.4": "Cascades in cross-validation (thesis, section 3.2.4)",
    "3.2.5": "C3D in cross-validation (thesis, section 3.2.5)",
    "fig3.4": "Clip lengths after trimming (thesis, Figure 3.4)",
    "fig3.15": "Parameters of the LSTM (thesis, Figure 3.15)",
    "fig3.22": "Parameters of C3D (thesis, Figure 3.22)",
    "fig3.25": "Human ground truth (thesis, Figure 3.25)",
    "fig3.28": "Recall of the cascades (thesis, Figure 3.28)",
    "fig3.29": "Mislabelled clips of VGGFace + 1D-CNN (thesis, Figure 3.29)",
}
"""The thesis's tables, sections and figures that give numbers, in the order they are shown in."""


def file_name(table: str) -> str:
    """Name of a table's files: `fig3.29` as `thesis_fig3_29`."""
    return f"thesis_{table.replace('.', '_')}"
