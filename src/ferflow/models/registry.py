"""The networks for single images by name, and the class that builds each.

The one list of them: `settings.SpatialNetwork` takes its names from here. Nothing is imported here, since
settings are read where torch would cost more than the job itself.
"""

from __future__ import annotations

NETWORKS: dict[str, tuple[str, str]] = {
    "compact": ("compact", "Compact"),
    "alexnet": ("alexnet", "AlexNet"),
    "fernet": ("fernet", "FerNet"),
    "vggnet": ("vggnet", "VggNet"),
    "resnet": ("resnet", "ResNet"),
    "cnn_lstm": ("recurrent", "CnnLstm"),
    "cnn_bilstm": ("recurrent", "CnnBiLstm"),
    "cnn_lstm2": ("recurrent", "CnnLstm2"),
    "cnn_attention": ("transformer", "CnnAttention"),
    "vit": ("transformer", "Vit"),
    "vgg16": ("backbones", "Vgg16"),
    "vggface": ("backbones", "VggFace"),
    "resnet50": ("backbones", "ResNet50"),
    "densenet201": ("backbones", "DenseNet201"),
}
"""Name: module under `ferflow.models`, and class."""

BACKBONES = ("vgg16", "vggface", "resnet50", "densenet201")
"""Those with published weights to start from, and a classifier whose dense layers can be set."""
