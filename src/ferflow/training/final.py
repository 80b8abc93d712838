"""Final models: trained on all training subjects, tested once, kept with all that using them takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ferflow import files
from ferflow.errors import InputError, SettingError, WeightsError
from ferflow.evaluation.predictions import table
from ferflow.seeds import derive_seed
from ferflow.settings import Augment, Aus, EndToEndPlan, Faces, Features, Finalize, Settings, Trim
from ferflow.settings.types import EndToEndName
from ferflow.training import checkpoints
from ferflow.training import splits as subject_splits
from ferflow.training.crossval import ClipTraining, head_of_settings, network_training, training_subjects
from ferflow.training.predictions import write_run

if TYPE_CHECKING:
    from torch import nn

    from ferflow.models.network import SpatialNetwork
    from ferflow.models.temporal import TemporalHead

KIND = "cascade"


def folds_table(early: Sequence[str | Path]) -> pd.DataFrame:
    """The folds' `best_epoch.json` as a table: fold, max_accuracy, epoch (thesis, section 3.2.4)."""
    entries = {"fold": int, "max_accuracy": float, "epoch": int}
    rows = [files.read_record(path, entries, "delete it and run the fold again") for path in early]
    return pd.DataFrame(rows, columns=list(entries)).sort_values("fold", ignore_index=True)


def final_epochs(epochs: Sequence[int]) -> int:
    """Epochs of the final run: the folds' mean best epoch, rounded, halves up (9, 22, 4, 4, 16: 11)."""
    return math.floor(sum(epochs) / len(epochs) + 0.5)


def train_final(
    head: str,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    features: Sequence[str | Path],
    early: Sequence[str | Path],
    spatial: str | Path,
    out_folder: str | Path,
    settings: Settings,
    run: str | Path | None = None,
) -> None:
    """`write_final` of `head`, with `model.pt` (`load_final` reads it; it needs no other file).

    `features` and `run` as in `crossval.run_fold`; `spatial` is the model the features come from.
    """
    from ferflow.models import checkpoint
    from ferflow.models import spatial as networks

    frames, frames_model = networks.load(spatial)
    model = f"{frames.name}+{head}"
    training = head_of_settings(head, model, manifest, trim, features, settings)
    source = training.study.source
    if source["model_sha256"] != files.sha256(spatial):
        raise InputError(spatial, "is not the model that gave the features", "run the `features` step again")
    with checkpoints.of_job(run) as kept:
        network, meta = write_final(training, splits, early, out_folder, kept)
        meta["synthetic"] |= frames_model["meta"]["synthetic"]
        meta |= {
            "layer": source["layer"],
            "settings": settings.model_dump(mode="json"),
            "spatial_sha256": source["model_sha256"],
            "spatial": frames_model["meta"],
        }
        options = {
            "n_features": network.n_features,
            "settings": network.settings.model_dump(),
            "spatial": frames.name,
            "spatial_options": frames.options,
            "frame_classes": frames_model["classes"],
        }
        both, path = _cascade(frames, network), Path(out_folder) / "model.pt"
        checkpoint.write(path, KIND, head, both, settings.emotions, options, meta)


def train_final_network(
    name: EndToEndName,
    early: Sequence[str | Path],
    out_folder: str | Path,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    faces: Sequence[str | Path],
    network: Mapping[str, Any],
    plan: EndToEndPlan,
    finalize: Finalize,
    augment: Augment,
    classes: Sequence[str],
    seed: int,
    prepared: dict,
    run: str | Path | None = None,
) -> None:
    """`write_final` of the network `name` on frames, with `model.pt` (`models.endtoend.load` reads it).

    `prepared` are the settings by which frames were made (`faces`, `aus`, `trim`), which the file keeps;
    `run` as in `crossval.run_fold`, other arguments as of `crossval.network_training`.
    """
    from ferflow.models import endtoend

    how = network, plan, finalize, augment, classes, seed
    training = network_training(name, name, manifest, trim, faces, *how)
    with checkpoints.of_job(run) as kept:
        trained, meta = write_final(training, splits, early, out_folder, kept)
        meta |= {"plan": plan.model_dump(mode="json"), "settings": prepared}
        endtoend.save(Path(out_folder) / "model.pt", trained, tuple(classes), meta)


def write_final(
    training: ClipTraining,
    splits: str | Path,
    early: Sequence[str | Path],
    out_folder: str | Path,
    kept: Path | None,
) -> tuple[nn.Module, dict]:
    """Train on all folds' subjects for `final_epochs` and predict the test subjects, if any, once.

    `early` are the folds' `best_epoch.json`, `kept` is as in `run_final`. Writes `history.csv` and
    `predictions.csv` to `out_folder` after training has ended, and returns the network and what its file says
    of the training. Raises SplitError as `crossval.write_fold`.
    """
    split, folds = subject_splits.read(splits), folds_table(early)
    epochs = final_epochs(folds.epoch.tolist())
    network, history, predictions = run_final(training, split, epochs, training.model, kept)
    write_run(out_folder, history, predictions)
    return network, {
        "synthetic": bool(training.study.clips.synthetic.any()),
        "seed": training.seed,
        "protocol": split["protocol"],
        "epochs": epochs,
        "folds": folds.to_dict("records"),
    }


def run_final(
    training: ClipTraining, split: dict, epochs: int, purpose: str, kept: Path | None
) -> tuple[nn.Module, pd.DataFrame, pd.DataFrame]:
    """Train on all folds' subjects of `split` for `epochs`, predict the test subjects' clips as they are.

    Without a validation side the learning rate follows the training accuracy. Returns the network, its
    history and the predictions. `purpose` names the run in seeds and logs, `kept` is the folder of its
    checkpoints.
    """
    from ferflow.training import optimise
    from ferflow.training.data import refuse_leak

    study, finalize = training.study, training.finalize
    shown, test = study.of(training_subjects(split)), study.of(split["test"])
    refuse_leak(shown, test, split["protocol"])
    recipe = training.recipe(
        epochs,
        schedule=optimise.plateau(finalize.rate_factor, finalize.rate_patience),
        monitor="train_accuracy",
    )
    sides = training.items(shown, True), None, training.items(test, False)
    start = derive_seed(training.seed, "final", purpose)
    folder = None if kept is None else kept / "final"
    network, history, probabilities = training.run(recipe, *sides, start, f"{purpose}, final", folder)
    columns = study.classes, training.model, "test", None, training.seed
    return network, history, table(test, probabilities, *columns)


class FinalModel:
    """A trained cascade: frames to features to the emotion of the clip.

    `classes` are the clip's emotions, `frame_classes` those of single frames; `spatial` and `head` the two
    networks in evaluation mode; `synthetic` says whether any of its training data were. `faces`, `aus`,
    `trim` and `extraction` are the settings that a new video must be prepared with; `meta` says how it was
    made.
    """

    def __init__(self, spatial: SpatialNetwork, head: TemporalHead, content: dict) -> None:
        self.spatial, self.head = spatial, head
        self.name = f"{spatial.name}+{head.name}"
        self.classes: tuple[str, ...] = tuple(content["classes"])
        self.frame_classes: tuple[str, ...] = tuple(content["options"]["frame_classes"])
        self.meta: dict = content["meta"]
        self.layer: str = self.meta["layer"]
        self.synthetic: bool = self.meta["synthetic"]
        settings = self.meta["settings"]
        # Files from before there was a choice of landmarks, face at rest and normalisation lack them.
        self.faces = Faces.recorded({"landmarks": "wheel"} | settings["faces"])
        self.aus = Aus.recorded({"neutral": "first", "compared": []} | settings["aus"])
        self.trim = Trim.recorded(settings["trim"])
        self.extraction = Features.recorded({"normalise": "none"} | settings["features"])

    def features(self, frames: np.ndarray) -> np.ndarray:
        """Features float32 [T,F] of face crops uint8 [T,H,W,3] (RGB)."""
        return self._over(frames, lambda batch: self.spatial.features(batch, self.layer))

    def predict_frames(self, frames: np.ndarray) -> np.ndarray:
        """Probabilities [T,K] over `frame_classes` of each single face crop of uint8 [T,H,W,3] (RGB)."""
        return self._over(frames, lambda batch: self.spatial(batch).softmax(1))

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probabilities float64 [K] over `classes` of a clip with features [T,F].

        `features` are those of the kept frames; beyond `features.max_frames` they are cut off, as in
        training, and what `features.normalise` takes off is the mean of this clip: of its subject there is
        no other. Raises InputError for none at all.
        """
        import torch

        if not len(features):
            raise InputError("clip", "has no frame with a face", "give a video that shows one")
        rows = np.asarray(features[: self.extraction.max_frames], np.float32)
        kept = torch.as_tensor(rows if self.extraction.normalise == "none" else rows - rows.mean(axis=0))
        with torch.inference_mode():
            logits = self.head(kept[None], torch.ones(1, len(kept), dtype=torch.bool))
        return logits[0].double().softmax(0).numpy()

    def _over(self, frames: np.ndarray, of_batch) -> np.ndarray:
        import torch

        from ferflow.models.spatial import prepare

        size = self.extraction.batch
        with torch.inference_mode():
            parts = [
                of_batch(prepare(frames[i : i + size], self.spatial)).float()
                for i in range(0, len(frames), size)
            ]
        return torch.cat(parts).numpy()


def load_final(path: str | Path) -> FinalModel:
    """Read a `model.pt` of `train_final`. WeightsError if it is missing, damaged or something else."""
    from ferflow.models import checkpoint
    from ferflow.models import spatial as networks
    from ferflow.models import temporal as heads

    content = checkpoint.read(path, KIND)
    options, state = content["options"], content.pop("state_dict")

    def build():
        dense = options.get("spatial_options", {})  # files from before there was a choice lack it
        spatial = networks.build(options["spatial"], len(options["frame_classes"]), **dense)
        head = heads.build(
            content["network"],
            options["n_features"],
            len(content["classes"]),
            heads.settings_of(content["network"], options["settings"]),
        )
        return _cascade(spatial, head)

    try:
        both = checkpoint.built(path, state, f"{options['spatial']}+{content['network']}", build).eval()
        return FinalModel(both["spatial"], both["head"], content)
    except (KeyError, ValueError, TypeError, AttributeError, RuntimeError, SettingError) as error:
        reason = str(error).split("\n")[0]
        raise WeightsError(
            path, f"was made by another version of ferflow ({reason})", "train it again"
        ) from None


def _cascade(spatial: SpatialNetwork, head: TemporalHead):
    from torch import nn

    return nn.ModuleDict({"spatial": spatial, "head": head})
