"""The final model: trained on all training subjects, tested once, kept with all that using it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from ferflow import files, tables
from ferflow.errors import InputError, SettingError, WeightsError
from ferflow.evaluation.predictions import table
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Aus, Faces, Features, Finalize, Settings, Trained, Trim
from ferflow.training import splits as subject_splits
from ferflow.training.crossval import training_subjects
from ferflow.training.predictions import probabilities

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from ferflow.models.network import SpatialNetwork
    from ferflow.models.temporal import TemporalHead
    from ferflow.training.data import Study

KIND = "cascade"
Network = TypeVar("Network")


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
) -> None:
    """Train `head` on all folds' subjects for `final_epochs` and judge it once on the test subjects, if any.

    `features` as in `crossval.run_fold`; `early` are the folds' `best_epoch.json`; `spatial` is the model the
    features come from. Writes to `out_folder`, after training has ended: `model.pt` (`load_final` reads it;
    it needs no other file), `history.csv`, `predictions.csv`. Raises SplitError as `run_fold`.
    """
    from ferflow.models import checkpoint
    from ferflow.models import spatial as networks
    from ferflow.training.data import Study

    frames, frames_model = networks.load(spatial)
    split = subject_splits.read(splits)
    study = Study.of_settings(manifest, trim, features, settings)
    if study.source["model_sha256"] != files.sha256(spatial):
        raise InputError(spatial, "is not the model that gave the features", "run the `features` step again")
    folds = folds_table(early)
    epochs = final_epochs(folds.epoch.tolist())
    model = f"{frames.name}+{head}"
    network, history, predictions = fit_and_judge(head, study, split, epochs, settings, model, model)
    meta = {
        "synthetic": bool(study.clips.synthetic.any()) or frames_model["meta"]["synthetic"],
        "seed": settings.seed,
        "protocol": split["protocol"],
        "epochs": epochs,
        "folds": folds.to_dict("records"),
        "layer": study.source["layer"],
        "settings": settings.model_dump(mode="json"),
        "spatial_sha256": study.source["model_sha256"],
        "spatial": frames_model["meta"],
    }
    options = {
        "n_features": network.n_features,
        "settings": network.settings.model_dump(),
        "spatial": frames.name,
        "spatial_options": frames.options,
        "frame_classes": frames_model["classes"],
    }
    out_folder = Path(out_folder)
    tables.write(history, out_folder / "history.csv", "history")
    tables.write(predictions, out_folder / "predictions.csv", "predictions")
    both = _cascade(frames, network)
    checkpoint.write(out_folder / "model.pt", KIND, head, both, settings.emotions, options, meta)


def fit_and_judge(
    head: str, study: Study, split: dict, epochs: int, settings: Settings, model: str, purpose: str
) -> tuple[TemporalHead, pd.DataFrame, pd.DataFrame]:
    """Train on all folds' subjects for `epochs`, predict the test subjects' original clips.

    Without a validation side the learning rate follows the training accuracy. Returns the network, its
    history and the predictions under the name `model`. `purpose` names the run in seeds and logs.
    """
    from ferflow.models import temporal as heads
    from ferflow.training.data import refuse_leak

    temporal = settings.temporal
    ours, test = study.of(training_subjects(split)), study.of(split["test"])
    refuse_leak(ours, test, split["protocol"])
    return last_run(
        build=lambda: heads.build(head, study.width, len(study.classes), temporal.heads[head]),
        training=study.features(ours, study.augmentations, temporal.memory),
        testing=study.features(test, (), temporal.memory),
        test=test,
        epochs=epochs,
        plan=temporal,
        finalize=settings.finalize,
        classes=study.classes,
        model=model,
        purpose=purpose,
        seed=settings.seed,
    )


def last_run(
    *,
    build: Callable[[], Network],
    training: Dataset,
    testing: Dataset,
    test: pd.DataFrame,
    epochs: int,
    plan: Trained,
    finalize: Finalize,
    classes: Sequence[str],
    model: str,
    purpose: str,
    seed: int,
    bfloat16: bool = False,
    device: str = "cpu",
) -> tuple[Network, pd.DataFrame, pd.DataFrame]:
    """The run of `fit_and_judge` for any network for clips; `test` are the clips of `testing`, in its order.

    `bfloat16` is for training, `device` for what is judged.
    """
    from ferflow.training import optimise
    from ferflow.training.data import loader
    from ferflow.training.fit import fit
    from ferflow.training.module import Recipe
    from ferflow.training.task import Expression

    recipe = Recipe(
        optimise.adam(plan.learning_rate),
        epochs,
        schedule=optimise.plateau(finalize.rate_factor, finalize.rate_patience),
        monitor="train_accuracy",
        bfloat16=bfloat16,
    )
    start = derive_seed(seed, "final", purpose)
    with reproducible(start, plan.threads):
        network = build()
        batches = loader(training, plan.batch, start)
        history = fit(network, Expression(), recipe, batches, None, f"{purpose}, final", seed=start)
        # Without test subjects there is nobody to ask it about.
        shares = np.empty((0, len(classes)))
        if len(test):
            shares = probabilities(network, loader(testing, plan.batch), device)
    predictions = table(test, shares, classes, model, "test", None, seed)
    return network, history, predictions


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

    def _over(self, frames: np.ndarray, ask) -> np.ndarray:
        import torch

        from ferflow.models.spatial import prepare

        size = self.extraction.batch
        with torch.inference_mode():
            parts = [
                ask(prepare(frames[i : i + size], self.spatial)).float() for i in range(0, len(frames), size)
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
