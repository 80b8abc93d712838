"""The settings of a study: defaults, `params.yaml` and the study's YAML laid over one another, and checked.

The classes hold names, defaults, units, sources, descriptions and ranges; `params.yaml` is written from them.
"""

from __future__ import annotations

from ferflow.settings.clips import Augment, Aus, Dataset, Faces, Haar, Stills, SubjectParts, Synth4d, Trim
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
    Batched,
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
from ferflow.settings.loading import check, load, watching, write
from ferflow.settings.study import (
    KINDS,
    AffectSettings,
    ClipSettings,
    ImageSettings,
    Settings,
    SfewSettings,
    stills_folder,
)
from ferflow.settings.training import SHIPPED, Online, Optimiser, Schedule, Spatial
from ferflow.settings.types import (
    Activation,
    Initialiser,
    OptimiserName,
    Pooling,
    Transformation,
    View,
    parts_of,
)
