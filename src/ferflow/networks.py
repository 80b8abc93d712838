"""The networks by name: for single images with the class that builds each, and for transfer learning.

The one list of them: settings take their names from here, and `ferflow.models` builds them. Nothing is
imported here, since settings are read where torch would cost more than the job itself.
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

TRANSFER_FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
}
"""Name: its published ImageNet weights, by their name in `ferflow weights list`."""
COMPACT = "compact"
"""The network that comes with ferflow, trained on FER2013's faces; it stands beside those of ImageNet."""
TRANSFER_WIDTHS = {"resnet18": 512, "resnet34": 512, "resnet50": 2048, COMPACT: 32}
"""Values at the last pooling; of the compact network at its first dense layer."""
