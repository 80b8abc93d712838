"""How models and marks are written for a reader."""

from __future__ import annotations

from ferflow.evaluation.controls import PREFIX, is_control
from ferflow.evaluation.images import VIEW
from ferflow.evaluation.results import LEAKY

SYNTHETIC = "synthetic data"

_NAMES = {
    "compact": "compact CNN",
    "alexnet": "AlexNet",
    "fernet": "FER-Net",
    "vggnet": "VGG variant",
    "resnet": "ResNet",
    "cnn_lstm": "CNN-LSTM",
    "cnn_bilstm": "CNN-BiLSTM",
    "cnn_lstm2": "CNN-LSTM, two layers",
    "cnn_attention": "CNN with attention",
    "vit": "vision transformer",
    "vgg16": "VGG16",
    "vggface": "VGGFace",
    "resnet50": "ResNet50",
    "densenet201": "DenseNet201",
    "lstm": "LSTM",
    "bilstm": "BiLSTM",
    "cnn1d": "1D-CNN",
    "c3d": "C3D",
    "convlstm": "ConvLSTM",
    "human": "human",
    "aus": "AUs",
}

_VIEWS = {"one": "one view", "mirror": "with mirror image", "ten": "ten crops"}

_PROTOCOLS = {
    "test": "test",
    "honest": "test without copies",
    "validation": "validation",
    "cv": "cross-validation",
    "nested": "nested cross-validation",
    "human": "human annotators",
}


def model_label(model: str) -> str:
    """`compact+lstm` as `compact CNN + LSTM`, `compact@ten` as `compact CNN, ten crops`.

    A control, `control-true-aus`, is `control: true AUs`.
    """
    if is_control(model):
        return f"control: {control_label(model)}"
    if VIEW in model:
        name, views = model.split(VIEW)
        return f"{model_label(name)}, {views_label(views)}"
    return " + ".join(_NAMES.get(part, part) for part in model.split("+"))


def views_label(views: str) -> str:
    """`ten` as `ten crops` and so on."""
    return _VIEWS.get(views, views)


def control_label(model: str) -> str:
    """A control's name without that word: `control-lstm-on-neutral-frames` as `LSTM on neutral frames`."""
    return " ".join(_NAMES.get(word, word) for word in model.removeprefix(PREFIX).split("-"))


def protocol_label(protocol: str) -> str:
    """`cv` as `cross-validation` and so on."""
    return _PROTOCOLS.get(protocol, protocol)


def protocol_order(protocols) -> list[str]:
    """Test first, since that is what a paper reports, then cross-validation and humans."""
    return [protocol for protocol in _PROTOCOLS if protocol in set(protocols)]


def marks(synthetic: bool, notes: str = "") -> str:
    """What must stand on a table or figure: that data are synthetic, that a protocol is leaky, or nothing."""
    return "; ".join(([SYNTHETIC] if synthetic else []) + ([LEAKY] if LEAKY in notes else []))


def marks_of(table) -> str:
    """The marks of a table with the columns `synthetic` and `note` (either may be missing)."""
    synthetic = "synthetic" in table and bool(table["synthetic"].any())
    notes = "; ".join(table["note"].fillna("").astype(str).unique()) if "note" in table else ""
    return marks(synthetic, notes)


def model_order(models) -> list[str]:
    """Models in the order of the thesis's Table 3.6, others by name, controls last."""
    rank = {name: place for place, name in enumerate(_NAMES)}

    def place(model: str) -> tuple:
        words = model.removeprefix(PREFIX).split("-") if is_control(model) else [model.split("+")[-1]]
        return is_control(model), rank.get(words[0], len(rank)), model

    return sorted(set(models), key=place)
