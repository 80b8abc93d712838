"""The settings of a study: `params.yaml`, with a study's YAML laid over it, checked before any job starts.

Values live in `params.yaml` alone; the classes here hold names, types and ranges, and no defaults.
"""

from __future__ import annotations

from ferflow.settings.clips import Augment, Aus, Dataset, Faces, Haar, Stills, Synth4d, Trim
from ferflow.settings.comparing import (
    BASELINE_CONTROLS,
    Calibration,
    Comparison,
    Evaluation,
    Fusion,
    FusionChoice,
    Pictures,
    Range,
    Search,
    SimulatedAnnotators,
    Stacking,
)
from ferflow.settings.heads import (
    SCHEMES,
    SEARCHED_BESIDE,
    C3dSettings,
    ClipNetworkSettings,
    ConvLstmSettings,
    EndToEndPlan,
    Features,
    Finalize,
    HeadSettings,
    Temporal,
    Trained,
)
from ferflow.settings.images import BEST, Best, ClassifierSearch, Finetune, Images, Sequences, Stage, Sweep
from ferflow.settings.loading import check, laid_over, load, watching, write
from ferflow.settings.study import Settings
from ferflow.settings.training import SHIPPED, Online, Optimiser, Schedule, Spatial
from ferflow.settings.types import Activation, Initialiser, OptimiserName, Pooling, Transformation, View

__all__ = [
    "BASELINE_CONTROLS",
    "BEST",
    "SCHEMES",
    "SEARCHED_BESIDE",
    "SHIPPED",
    "Activation",
    "Augment",
    "Aus",
    "Best",
    "C3dSettings",
    "Calibration",
    "ClassifierSearch",
    "ClipNetworkSettings",
    "Comparison",
    "ConvLstmSettings",
    "Dataset",
    "EndToEndPlan",
    "Evaluation",
    "Faces",
    "Features",
    "Finalize",
    "Finetune",
    "Fusion",
    "FusionChoice",
    "Haar",
    "HeadSettings",
    "Images",
    "Initialiser",
    "Online",
    "Optimiser",
    "OptimiserName",
    "Pictures",
    "Pooling",
    "Range",
    "Schedule",
    "Search",
    "Sequences",
    "Settings",
    "SimulatedAnnotators",
    "Spatial",
    "Stacking",
    "Stage",
    "Stills",
    "Sweep",
    "Synth4d",
    "Temporal",
    "Trained",
    "Transformation",
    "Trim",
    "View",
    "check",
    "laid_over",
    "load",
    "watching",
    "write",
]
