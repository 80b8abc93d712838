"""The trained models that `predict` runs, one interface for all kinds, and which of them is the default."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from ferflow import layout, settings, tables, weights
from ferflow.errors import WeightsError
from ferflow.settings import Aus, Faces, Trim, parts_of
from ferflow.training.final import KIND, load_final

if TYPE_CHECKING:
    from ferflow.apps.recognise import KeptFrames

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

    def clip(self, features: np.ndarray | KeptFrames) -> np.ndarray:
        """Probabilities [K] of the head for the features [T,F] of a clip's kept frames."""
        return self._final.predict(features)

    @property
    def features(self) -> tuple:
        """What the features come from: models in which it is the same share them."""
        return self._final.meta.get("spatial_sha256", self.path), self._final.layer, self._dtype


class EndToEnd:
    """A network on the frames themselves (`models.endtoend`); see `recognise.Model`."""

    has_head, has_affect, frame_classes, note, data_root = True, False, (), "", None

    def __init__(self, path: Path) -> None:
        from ferflow.models import endtoend, precision

        self.path = path
        self._network, content = endtoend.load(path)
        meta = content["meta"]
        self.name, self.synthetic = self._network.name, bool(meta["synthetic"])
        self.faces, self.aus, self.trim = prepared(meta["settings"])
        self.clip_classes = tuple(content["classes"])
        self._device = precision.device()
        self._network.to(self._device)

    def frames(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Crops uint8 [n,H,W,3] at the network's size as float16 [n,S·S·3]; no probabilities, [n,0]."""
        from ferflow.training.frames import resize

        size = self._network.settings.size
        small = np.empty((len(crops), size, size, 3), np.uint8)
        resize(crops, small)
        return small.reshape(len(crops), -1).astype(np.float16), np.empty((len(crops), 0), np.float32)

    def clip(self, features: np.ndarray | KeptFrames) -> np.ndarray:
        """Probabilities [K] for the kept frames [T,S·S·3], of which it takes those it would train on."""
        import torch

        from ferflow.training.frames import chosen

        settings, n = self._network.settings, len(features)
        numbers = chosen(np.ones(n, bool), (0, n), settings)
        clip = np.zeros((1, *self._network.shape), np.uint8)
        clip[0, : len(numbers)] = np.asarray(features[numbers]).reshape(-1, *self._network.shape[1:])
        mask = torch.arange(settings.frames)[None] < len(numbers)
        with torch.inference_mode():
            logits = self._network(torch.from_numpy(clip).to(self._device), mask.to(self._device))
        return logits[0].double().softmax(0).cpu().numpy()

    @property
    def features(self) -> tuple:
        """As of `Cascade`: the frames at this size."""
        return ("frames", self._network.settings.size)


class Fused:
    """A fusion of final models by a rule, a row of a study's table `fusion`; see `recognise.Model`.

    The probabilities of frames are those of its first cascade.
    """

    has_head, has_affect = True, False

    def __init__(self, path: Path, row: Mapping, members: Sequence[Cascade | EndToEnd]) -> None:
        first = members[0]
        self.path, self.name, self._rule, self._members = path, row["model"], row["rule"], members
        self._weights = np.array([float(one) for one in str(row["weights"]).split(", ") if one])
        self.synthetic = any(one.synthetic for one in members)
        self.faces, self.aus, self.trim, self.clip_classes = alike = _prepared_as(first)
        for one in members[1:]:
            if _prepared_as(one) != alike:
                problem = f"was trained on other faces, action units or classes than {first.path}"
                raise WeightsError(one.path, problem, "run the study again")
        cascades = [one for one in members if one.frame_classes]
        self.frame_classes = cascades[0].frame_classes if cascades else ()
        notes = dict.fromkeys(one.note for one in members if one.note)
        self.note = " ".join(notes)
        self.data_root = next((one.data_root for one in cascades), None)
        self._widths: dict[tuple, int] = {}

    def frames(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The features [n,F] of all members in a row, and the first cascade's probabilities [n,K]."""
        parts, probabilities = {}, np.empty((len(crops), 0), np.float32)
        for one in self._members:
            if one.features not in parts:
                parts[one.features], of_frames = one.frames(crops)
                if not probabilities.size:
                    probabilities = of_frames
        self._widths = {name: part.shape[1] for name, part in parts.items()}
        return np.concatenate(list(parts.values()), axis=1), probabilities

    def clip(self, features: KeptFrames) -> np.ndarray:
        """Probabilities [K] of the members' for the features [T,F] of the kept frames, as one."""
        from ferflow.fusion.rules import fuse

        ends = dict(zip(self._widths, np.cumsum(list(self._widths.values())), strict=True))
        each = []
        for one in self._members:
            end = int(ends[one.features])
            each.append(one.clip(features.columns(end - self._widths[one.features], end)))
        return fuse(np.stack(each)[:, None], self._rule, self._weights)[0]


def _prepared_as(model: Cascade | EndToEnd) -> tuple:
    return model.faces, model.aus, model.trim, tuple(model.clip_classes)


def prepared(settings: Mapping) -> tuple[Faces, Aus, Trim]:
    """How a clip is prepared for a network on frames, by the `settings` in its file."""
    # Files from before there was a choice of landmarks and of the face at rest lack them.
    faces = Faces.recorded({"landmarks": "wheel"} | settings["faces"])
    aus = Aus.recorded({"neutral": "first", "compared": []} | settings["aus"])
    return faces, aus, Trim.recorded(settings["trim"])


def fused(table_csv: Path, name: str) -> Fused:
    """The fusion `name` of a study, of the table `fusion.csv` in its folder `tables`.

    Raises WeightsError for a name that is not there, a stack, whose weights no table has, and a model that is
    no final one; and as `load_model`.
    """
    rows = tables.read(table_csv, "fusion")
    rows = rows[rows["rule"] != "alone"].fillna({"weights": ""}).set_index("model", drop=False)
    usable = [model for model in rows.index if rows.loc[model, "rule"] != "logistic regression"]
    if name not in usable:
        problem = (
            "is a stack, whose weights are in no file" if name in rows.index else f"has no fusion {name}"
        )
        raise WeightsError(f"{table_csv}:{name}", problem, f"choose from {', '.join(usable)}")
    study, members = table_csv.parent.parent, []
    for model in rows.loc[name, "models"].split(", "):
        extractor, head = parts_of(model)
        pattern = layout.FINAL if extractor else layout.END_TO_END_FINAL
        inside = pattern.removeprefix(f"{layout.RESULTS}/")
        folder = study / inside.format(extractor=extractor, head=head, network=head)
        members.append(load_model(study / folder / "model.pt"))
    return Fused(table_csv, rows.loc[name], members)


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


def load_model(path: Path) -> Cascade | EndToEnd | Fused | Single:
    """The model at `path`: a final model, or a network for single images, perhaps with valence and arousal.

    `results/<study>/tables/fusion.csv:<name>` is a fusion of final models. Raises WeightsError where there is
    nothing, or the file is something else.
    """
    table, _, name = str(path).rpartition(":")
    if table.endswith(".csv") and Path(table).is_file():
        return fused(Path(table), name)
    if not path.is_file():  # before torch is imported, which takes seconds
        raise WeightsError(path, "does not exist", "correct the path")
    from ferflow.models import checkpoint

    content = checkpoint.load_file(path)
    kind = content.get("kind") if isinstance(content, dict) else None
    kinds = {"spatial": Single, "affect": Affective, "end-to-end": EndToEnd}
    return kinds.get(kind, Cascade)(path)


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
