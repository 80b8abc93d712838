"""The trained models that `predict` runs, one interface for all kinds, and which of them is the default."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from ferflow import layout, settings, weights
from ferflow.errors import WeightsError
from ferflow.training.final import KIND, load_final

CLIP_MEAN = (
    "It was trained on features minus the mean over all clips of a person. Here the mean of the clip itself "
    "is subtracted: expect less than in its study."
)
"""The note on a model whose features are normalised by subject: of a new person there is one clip."""


class Cascade:
    """A final model of `training.final`, for frames and for the clip; see `recognise.Model`."""

    has_head, has_affect = True, False

    def __init__(self, path: Path) -> None:
        from ferflow.models import precision
        from ferflow.models.fuse import placed

        self.path = path
        self._final = load_final(path)
        self.name, self.synthetic = self._final.name, self._final.synthetic
        self.faces, self.aus, self.trim = self._final.faces, self._final.aus, self._final.trim
        self.max_frames = self._final.extraction.max_frames
        self.note = CLIP_MEAN if self._final.extraction.normalise == "subject" else ""
        self.data_root = self._final.meta["settings"]["dataset"]["root"]
        self.frame_classes, self.clip_classes = self._final.frame_classes, self._final.classes
        # As features are extracted for training: fused, and in the precision that the settings name.
        self._device = precision.device()
        self._dtype = precision.resolve(self._final.extraction.precision, self._device)
        self._network = placed(self._final.spatial, self._dtype)

    def frames(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features float16 [n,F] and probabilities float32 [n,K] of crops uint8 [n,S,S,3] (RGB)."""
        import torch

        from ferflow.models.spatial import prepare

        network, layer = self._network, self._final.layer
        with torch.inference_mode():
            features = network.features(prepare(crops, network).to(self._device, self._dtype), layer)
            # The rest of the network on the same features: one pass serves both.
            dense = features if layer == "dense" else network.dense_head(features)
            probabilities = network.classifier(dense).float().softmax(1)
        return features.to(torch.float16).cpu().numpy(), probabilities.cpu().numpy()

    def clip(self, features: np.ndarray) -> np.ndarray:
        """Probabilities [K] of the head for the features [T,F] of a clip's kept frames."""
        return self._final.predict(features)


class Single:
    """A network for single images, without a head over the clip; see `recognise.Model`.

    It computes in float32, so that a network gives the same whichever way it was stored.
    """

    has_head, has_affect = False, False

    def __init__(self, path: Path) -> None:
        from ferflow.models.fuse import optimize_for_cpu, placed
        from ferflow.models.spatial import load

        network, content = load(path)
        self._describe(path, network.name, content)
        self._inputs = network
        self._network = (optimize_for_cpu if self._device.type == "cpu" else placed)(network)

    def _describe(self, path: Path, name: str, content: dict) -> None:
        """What the file's `content` and the settings of `watching` say."""
        from ferflow.models import precision

        self.path, self.name, self.synthetic = path, name, bool(content["meta"]["synthetic"])
        watching = settings.watching()
        self.faces, self.aus = watching.faces, watching.aus
        self.frame_classes = self.clip_classes = tuple(content["classes"])
        self._device = precision.device()

    def _run(self, crops: np.ndarray):
        """The network's output for crops uint8 [n,S,S,3] (RGB)."""
        from ferflow.models.spatial import prepare

        return self._network(prepare(crops, self._inputs).to(self._device))

    def frames(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """No features, float16 [n,0], and probabilities float32 [n,K] of crops uint8 [n,S,S,3] (RGB)."""
        import torch

        with torch.inference_mode():
            probabilities = self._run(crops).softmax(1)
        return np.empty((len(crops), 0), np.float16), probabilities.cpu().numpy()


class Affective(Single):
    """A network of kind `affect`; `frame_classes` are in the order of its logits."""

    has_affect = True

    def __init__(self, path: Path) -> None:
        from ferflow.models.affect import load

        network, content = load(path)
        size = int(content["options"]["size"])
        self._describe(path, str(content["meta"].get("model", content["network"])), content)
        self._inputs = SimpleNamespace(input_size=size, channels=3)
        self._network = network.to(self._device).eval()
        # Faces are cut out at the size that the network sees, so that nothing is enlarged twice.
        self.faces = self.faces.model_copy(update={"size": size})

    def frames(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """No features, float16 [n,0], and probabilities float32 [n,K] of crops uint8 [n,S,S,3] (RGB)."""
        return np.empty((len(crops), 0), np.float16), self.affect(crops)[0]

    def affect(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities float32 [n,K], and valence and arousal float32 [n,2] in -1..1, of such crops."""
        import torch

        with torch.inference_mode():
            logits, values = self._run(crops)
        return logits.softmax(1).cpu().numpy(), values.clamp(-1, 1).cpu().numpy()


def load_model(path: Path) -> Cascade | Single:
    """The model at `path`: a final model, or a network for single images, perhaps with valence and arousal.

    Raises WeightsError where there is nothing, or the file is something else.
    """
    if not path.is_file():  # before torch is imported, which takes seconds
        raise WeightsError(path, "does not exist", "correct the path")
    from ferflow.models import checkpoint

    content = checkpoint.load_file(path)
    kind = content.get("kind") if isinstance(content, dict) else None
    return {"spatial": Single, "affect": Affective}.get(kind, Cascade)(path)


def default(folder: Path = Path()) -> tuple[Path, str]:
    """The model that is taken where none is named, and a line on one that was passed over for it, or "".

    It is the final model of the newest study in `folder` that was trained on real data: the head with the
    best accuracy in cross-validation; where there is none, the network that ships. A model that was trained
    on synthetic data is taken by name only, since its answers on real faces mean little. Raises WeightsError
    where neither is there.
    """
    models = final_models(folder)
    synthetic = list(itertools.takewhile(trained_on_synthetic, reversed(models)))
    real = models[: len(models) - len(synthetic)]
    note = ""
    if synthetic:
        passed = best_of_newest(synthetic[::-1], folder)
        note = f"passed over, since it was trained on synthetic data: {passed} (name it with --model)"
    if not real:
        return weights.shipped(), note
    study = _study(real[-1], folder)
    heads = [model for model in real if _study(model, folder) == study]
    return best_of_newest([model for model in heads if not trained_on_synthetic(model)], folder), note


def final_models(folder: Path = Path()) -> list[Path]:
    """The final models of all studies in `folder`, the newest last."""
    pattern = layout.FINAL.format(study="*", extractor="*", head="*") + "/model.pt"
    return sorted(folder.glob(pattern), key=lambda file: (file.stat().st_mtime_ns, str(file)))


def trained_on_synthetic(path: Path) -> bool:
    """Whether any training data of the final model at `path` was synthetic; WeightsError if it is damaged."""
    from ferflow.models import checkpoint

    return checkpoint.read(path, KIND, mmap=True)["meta"]["synthetic"]


def best_of_newest(models: Sequence[Path], folder: Path = Path()) -> Path:
    """Among the `models` of the last one's study the head with the best accuracy in cross-validation.

    Without metrics, the last. The test result is not used to choose: then it would no longer be a test.
    """
    study = _study(models[-1], folder)
    accuracies = _accuracies(folder / layout.METRICS.format(study=study))
    here = [model for model in models if _study(model, folder) == study]
    # Reversed, since of equals `max` takes the first: here the newest.
    return max(reversed(here), key=lambda model: accuracies.get(model.parent.parent.name, -1.0))


def _study(model: Path, folder: Path) -> str:
    return model.relative_to(folder).parts[1]


def _accuracies(metrics: Path) -> dict[str, float]:
    """Accuracy in cross-validation of each model in a study's metrics.json; none where it cannot be read."""
    try:
        models = json.loads(metrics.read_text("utf-8"))["models"]
        validated = {name: parts["cv"] for name, parts in models.items() if "cv" in parts}
        return {name: float(part["accuracy"]["value"]) for name, part in validated.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
