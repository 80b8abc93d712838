"""The networks for single images: the one list of them, and what is known of each without building it.

A network is a subclass of `network.SpatialNetwork` under `ferflow.models`, with an entry here;
`settings.SpatialNetwork` takes its names from here. Nothing is imported, since settings are read where torch
would cost more than the job itself.
"""

from __future__ import annotations

from dataclasses import dataclass

Colours = tuple[tuple[float, ...], tuple[float, ...]]
"""What is taken off the channels of an image of 0–1, and what they are then divided by."""
GREY: Colours = (0.5,), (0.25,)
RGB: Colours = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
IMAGENET: Colours = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's training images (Gong, equation 2)."""
LITE: Colours = (127 / 255, 127 / 255, 127 / 255), (128 / 255, 128 / 255, 128 / 255)
"""Of EfficientNet-Lite's ImageNet training, as published with its code (MEAN_RGB, STDDEV_RGB)."""
VGGFACE: Colours = (129.1863 / 255, 104.7624 / 255, 93.5940 / 255), (1 / 255, 1 / 255, 1 / 255)
VGGFACE2: Colours = (131.0912 / 255, 103.8827 / 255, 91.4953 / 255), (1 / 255, 1 / 255, 1 / 255)
"""RGB of 0–255 less the mean colour of the training faces, and not divided by anything."""


@dataclass(frozen=True)
class Network:
    """A network for single images.

    `title` is its name for a reader, `made_by` its module and class; inputs have
    `size` pixels a side, and with seven classes it has so many `parameters`. Features come from the layers
    `pool` (so many values) and `dense` (the first of the dense layers' neurons). `pretrained` are published
    files that its base can start from, by their names in `weights.WEIGHTS`, the usual one first; only
    networks that have some let their dense layers be set. `faces` names the same network as it is with
    weights that were trained on faces.
    """

    title: str
    made_by: str
    size: int
    colours: Colours
    parameters: int
    pool: int
    dense: tuple[int, ...]
    pretrained: tuple[str, ...] = ()
    faces: str | None = None

    @property
    def mean(self) -> tuple[float, ...]:
        return self.colours[0]

    @property
    def std(self) -> tuple[float, ...]:
        return self.colours[1]


def _backbone(
    title: str,
    made_by: str,
    parameters: int,
    pool: int,
    *pretrained: str,
    colours: Colours = IMAGENET,
    dense: tuple[int, ...] = (1024,),
    faces: str | None = None,
) -> Network:
    """One with published weights; `dense` is the thesis's, which is told from the counts in its Table 3.4."""
    return Network(title, made_by, 224, colours, parameters, pool, dense, pretrained, faces)


NETWORKS = {
    "compact": Network("compact CNN", "ferflow.models.compact:Compact", 48, GREY, 784_263, 4608, (32,)),
    "alexnet": Network("AlexNet", "ferflow.models.compact:AlexNet", 227, RGB, 56_896_903, 9216, (4096,)),
    "fernet": Network("FER-Net", "ferflow.models.compact:FerNet", 48, GREY, 1_012_583, 2304, (256,)),
    "vggnet": Network("VGG variant", "ferflow.models.compact:VggNet", 48, GREY, 40_376_519, 4608, (4096,)),
    "resnet": Network("ResNet", "ferflow.models.resnet:SmallResNet", 48, GREY, 2_828_263, 256, (128,)),
    "cnn_lstm": Network("CNN-LSTM", "ferflow.models.sequences:CnnLstm", 48, GREY, 431_663, 128, (128,)),
    "cnn_bilstm": Network("CNN-BiLSTM", "ferflow.models.sequences:CnnBiLstm", 48, GREY, 809_519, 256, (128,)),
    "cnn_lstm2": Network(
        "CNN-LSTM, two layers", "ferflow.models.sequences:CnnLstm2", 48, GREY, 563_759, 128, (128,)
    ),
    "cnn_attention": Network(
        "CNN with attention", "ferflow.models.sequences:CnnAttention", 48, GREY, 558_575, 3456, (128,)
    ),
    "vit": Network("vision transformer", "ferflow.models.sequences:Vit", 48, GREY, 402_951, 2304, (128,)),
    "vgg16": _backbone(
        "VGG16", "ferflow.models.backbones:Vgg16", 40_412_999, 25_088, "vgg16-397923af.pth", faces="vggface"
    ),
    "vggface": _backbone(
        "VGGFace",
        "ferflow.models.backbones:VggFace",
        41_462_599,
        25_088,
        "rcmalli_vggface_tf_notop_vgg16.h5",
        "vgg_face_dag.pth",
        colours=VGGFACE,
        dense=(1024, 1024),
    ),
    "resnet50": _backbone(
        "ResNet50",
        "ferflow.models.resnet:ResNet50",
        25_613_383,
        2048,
        "resnet50-0676ba61.pth",
        faces="vggface2",
    ),
    "densenet201": _backbone(
        "DenseNet201", "ferflow.models.backbones:DenseNet201", 20_067_207, 1920, "densenet201-c1103571.pth"
    ),
    "resnet18": _backbone(
        "ResNet18", "ferflow.models.resnet:ResNet18", 11_708_999, 512, "resnet18-f37072fd.pth"
    ),
    "resnet34": _backbone(
        "ResNet34", "ferflow.models.resnet:ResNet34", 21_817_159, 512, "resnet34-b627a593.pth"
    ),
    "efficientnet_lite0": _backbone(
        "EfficientNet-Lite0",
        "ferflow.models.efficientnet:EfficientNetLite0",
        4_689_927,
        1280,
        "efficientnet-lite0-57934424.pth",
        colours=LITE,
    ),
    "vggface2": _backbone(
        "VGGFace2",
        "ferflow.models.resnet:ResNet50Face",
        25_613_383,
        2048,
        "rcmalli_vggface_tf_notop_resnet50.h5",
        colours=VGGFACE2,
    ),
}
"""By name, in the order in which they are listed to a user."""

BACKBONES = tuple(name for name, network in NETWORKS.items() if network.pretrained)
"""Those with published weights to start from, and a classifier whose dense layers can be set."""
TRANSFERRED = tuple(name for name in BACKBONES if NETWORKS[name].colours in (IMAGENET, LITE))
"""Those that start from what was learnt on ImageNet."""
SHIPPED_NETWORK = "compact"
"""The network that comes with ferflow, trained on FER2013's faces."""
