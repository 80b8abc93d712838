"""Training of networks for clips, heads on features and networks on frames, without one fold.

A fold is trained on twice. The first run, of a fixed number of epochs, measures the recipe; its curves are
averaged epoch-wise over the folds (thesis, section 3.2.3). The second stops early and finds the epoch at
which the fold is best, from which the final model's number of epochs comes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ferflow import __version__, files, tables
from ferflow.errors import SplitError
from ferflow.evaluation.predictions import table
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import (
    Augment,
    Batched,
    ClipNetworkSettings,
    EndToEndPlan,
    Finalize,
    HeadSettings,
    Settings,
    Temporal,
    Trained,
)
from ferflow.settings.types import EndToEndName, Normalise
from ferflow.training import splits as subject_splits
from ferflow.training.predictions import write_run

if TYPE_CHECKING:
    from torch import nn

    from ferflow.training.data import ClipItems, ClipStudy, Study
    from ferflow.training.estimate import Cost
    from ferflow.training.module import Recipe


@dataclass(frozen=True, kw_only=True)
class ClipTraining:
    """A network for clips, the study that it is trained on, and how.

    `name` is what the network is called in seeds, `model` in tables; `settings` are its own. `build` makes it
    with new weights from torch's current seed. `batched` says how many clips a batch has. `items` gives the
    data set of some of the study's clips: for training (True) with their augmented versions, else as they
    are. `cost` measures a training step. `finalize` None: only runs of a fixed number of epochs. `bfloat16`
    is for training, `device` for predictions.
    """

    name: str
    model: str
    settings: HeadSettings | ClipNetworkSettings
    batched: Batched
    study: ClipStudy
    build: Callable[[], nn.Module]
    items: Callable[[pd.DataFrame, bool], ClipItems]
    cost: Callable[[], Cost]
    plan: Trained
    finalize: Finalize | None
    seed: int
    bfloat16: bool = False
    device: str = "cpu"

    def recipe(self, epochs: int, **more: Any) -> Recipe:
        """How the network is trained for so many epochs; `more` are further fields."""
        from ferflow.training import optimise
        from ferflow.training.module import Recipe

        passes = None if self.batched.at_once == self.batched.batch else self.batched.at_once
        adam = optimise.adam(self.plan.learning_rate)
        return Recipe(adam, epochs, bfloat16=self.bfloat16, micro_batch=passes, **more)

    def run(
        self,
        recipe: Recipe,
        shown: ClipItems,
        watched: ClipItems | None,
        tested: ClipItems,
        start: int,
        title: str,
        folder: Path | None = None,
    ) -> tuple[nn.Module, pd.DataFrame, np.ndarray]:
        """Train on `shown` from the seed `start`.

        Returns the network, its learning curve (schema `history`, with figures of `watched`) and its
        probabilities [N,K] of the clips `tested`. With a `folder` the same call goes on where an interrupted
        one was (`training.checkpoints`).
        """
        from ferflow.training import checkpoints
        from ferflow.training.data import loader
        from ferflow.training.fit import fit
        from ferflow.training.predictions import probabilities
        from ferflow.training.task import Expression

        at_once = self.batched.at_once
        with reproducible(start, self.plan.threads):
            network = self.build()
            history = fit(
                network,
                Expression(),
                recipe,
                loader(shown, self.batched.batch, start),
                None if watched is None else loader(watched, at_once),
                title,
                seed=start,
                folder=folder,
                identity="" if folder is None else self._identity(recipe, shown, watched, start),
                every=checkpoints.EVERY,
            )
            if not len(tested):  # no test subjects
                return network, history, np.empty((0, len(self.study.classes)))
            return network, history, probabilities(network, loader(tested, at_once), self.device)

    def _identity(self, recipe: Recipe, shown: ClipItems, watched: ClipItems | None, start: int) -> str:
        """What makes two runs the same: settings, data, seed, and what computes."""
        import torch

        from ferflow.training import checkpoints

        study = {one.name: getattr(self.study, one.name) for one in dataclasses.fields(self.study)}
        items = [[] if side is None else side.items for side in (shown, watched)]
        paths = dict.fromkeys(part for item in chain(*items) for part in item if isinstance(part, Path))
        study |= {"clips": self.study.clips.to_dict("list"), "files": checkpoints.fingerprint(paths)}
        facts = [
            (self.name, self.settings, self.batched.batch, self.plan.threads, recipe, start),
            (study, items),
            (torch.__version__, __version__, self.device),
        ]
        return hashlib.sha256(repr(facts).encode()).hexdigest()


def head_training(
    head: str, model: str, study: Study, temporal: Temporal, finalize: Finalize | None, seed: int
) -> ClipTraining:
    """The training of `head` on the features of `study`."""
    from ferflow.models import temporal as heads
    from ferflow.training import estimate

    settings, n_classes = temporal.heads[head], len(study.classes)
    shape = study.width, study.max_frames, n_classes
    return ClipTraining(
        name=head,
        model=model,
        settings=settings,
        batched=temporal,
        study=study,
        build=lambda: heads.build(head, study.width, n_classes, settings),
        items=lambda clips, training: study.features(
            clips,
            study.augmentations if training else (),
            temporal.memory,
            temporal.readers,
            temporal.staging,
        ),
        cost=lambda: estimate.head_cost(head, settings, *shape, temporal.at_once, temporal.threads),
        plan=temporal,
        finalize=finalize,
        seed=seed,
    )


def head_of_settings(
    head: str,
    model: str,
    manifest: str | Path,
    trim: str | Path,
    features: Sequence[str | Path],
    settings: Settings,
) -> ClipTraining:
    """`head_training` by the settings of a study; `features` as in `run_fold`."""
    from ferflow.training.data import Study

    shown = settings.features
    study = Study.read(manifest, trim, features, settings.emotions, shown.max_frames, shown.normalise)
    return head_training(head, model, study, settings.temporal, settings.finalize, settings.seed)


def network_training(
    name: EndToEndName,
    model: str,
    manifest: str | Path,
    trim: str | Path,
    faces: Sequence[str | Path],
    network: Mapping[str, Any],
    plan: EndToEndPlan,
    finalize: Finalize | None,
    augment: Augment,
    classes: Sequence[str],
    seed: int,
) -> ClipTraining:
    """The training of the network `name` on frames, with its settings `network` as plain values.

    `faces` are files named `<subject>.h5` (`layout.FACES`); `manifest` and `trim` say which frames of which
    clips count. Raises InputError for files that do not go together.
    """
    import torch

    from ferflow.models import endtoend, precision
    from ferflow.training import estimate
    from ferflow.training.frames import FrameStudy

    settings, n_classes = endtoend.BY_NAME[name].takes(**network), len(classes)
    study = FrameStudy.read(manifest, trim, faces, classes, augment, seed)
    device = precision.device()
    return ClipTraining(
        name=name,
        model=model,
        settings=settings,
        batched=settings,
        study=study,
        build=lambda: endtoend.build(name, n_classes, settings),
        items=lambda clips, training: study.frames(
            clips, settings, plan.memory, plan.readers, training=training
        ),
        cost=lambda: estimate.network_cost(name, settings, n_classes, settings.at_once, plan.threads),
        plan=plan,
        finalize=finalize,
        seed=seed,
        bfloat16=precision.resolve(plan.precision, device) == torch.bfloat16,
        device=device.type,
    )


def run_fold(
    head: str,
    fold: int,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    features: Sequence[str | Path],
    out_folder: str | Path,
    temporal: Temporal,
    finalize: Finalize | None,
    max_frames: int,
    classes: Sequence[str],
    model: str,
    seed: int,
    normalise: Normalise = "none",
    announce: Callable[[str], None] | None = None,
    tested: bool = False,
    run: str | Path | None = None,
    keep_run: bool = False,
) -> None:
    """`write_fold` of `head`.

    `features` are files named `<augmentation>/<subject>.h5`, off which `normalise` takes a mean
    (`data.offset`); every augmentation among them is trained on, none is tested on.
    """
    from ferflow.training.data import Study

    study = Study.read(manifest, trim, features, classes, max_frames, normalise)
    training = head_training(head, model, study, temporal, finalize, seed)
    write_fold(training, fold, splits, out_folder, announce, tested, run, keep_run)


def run_network_fold(
    name: EndToEndName,
    fold: int,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    faces: Sequence[str | Path],
    out_folder: str | Path,
    network: Mapping[str, Any],
    plan: EndToEndPlan,
    finalize: Finalize | None,
    augment: Augment,
    classes: Sequence[str],
    model: str,
    seed: int,
    announce: Callable[[str], None] | None = None,
    tested: bool = False,
    run: str | Path | None = None,
) -> None:
    """`write_fold` of the network `name` on frames; other arguments as of `network_training`."""
    how = network, plan, finalize, augment, classes, seed
    training = network_training(name, model, manifest, trim, faces, *how)
    write_fold(training, fold, splits, out_folder, announce, tested, run)


def write_fold(
    training: ClipTraining,
    fold: int,
    splits: str | Path,
    out_folder: str | Path,
    announce: Callable[[str], None] | None = None,
    tested: bool = False,
    run: str | Path | None = None,
    keep_run: bool = False,
) -> None:
    """Train without fold `fold` of `splits` and predict that fold's clips as they are.

    Writes to `out_folder`, after both runs have ended: `history.csv` and `predictions.csv` (of the last
    epoch's weights: no epoch is picked by the clips that are predicted) of the fixed run of `plan.epochs`, at
    a constant learning rate; `early_history.csv` and `best_epoch.json` (see `best_epoch`) of the run that
    stops early, which is left out where `training.finalize` is None. With `tested` also
    `fold_test_predictions.csv`: what its best weights predict of the test subjects, by whom nothing is
    chosen. A training that will be long is announced before it starts (None: on stderr). `run` is a folder
    from which the same call goes on where an interrupted one was; unless `keep_run`, it is removed at the
    end. Raises SplitError where a subject stands on both sides under `honest`.
    """
    from ferflow.training import checkpoints, estimate, optimise
    from ferflow.training.data import refuse_leak

    split, out_folder = read_split(splits, fold), Path(out_folder)
    study, plan, finalize = training.study, training.plan, training.finalize
    shown = study.of(training_subjects(split, without=fold))
    held_out = study.of(split["folds"][fold])
    test = study.of(split["test"]) if tested else held_out
    for clips in (held_out, test):
        refuse_leak(shown, clips, split["protocol"])
    sides = training.items(shown, True), training.items(held_out, False)
    of_best = training.items(test, False) if tested else sides[1]
    epochs = plan.epochs + (0 if finalize is None else finalize.max_epochs)
    title = f"{training.model}, fold {fold}"
    estimate.announce(title, training.cost(), len(sides[0]), epochs, announce or estimate.warn)
    # Both runs start from the same weights and see the clips in the same order.
    start = derive_seed(training.seed, "fold", training.name, fold)
    of_fold = study.classes, training.model, "cv", fold, training.seed
    with checkpoints.of_job(run, keep_run) as kept:

        def trained(recipe: Recipe, tested: ClipItems, name: str) -> tuple[pd.DataFrame, np.ndarray]:
            folder = None if kept is None else kept / name.replace(" ", "-")
            return training.run(recipe, *sides, tested, start, f"{title}, {name}", folder)[1:]

        history, probabilities = trained(training.recipe(plan.epochs), sides[1], "fixed run")
        if finalize is not None:
            stopped = training.recipe(
                finalize.max_epochs,
                schedule=optimise.plateau(finalize.rate_factor, finalize.rate_patience),
                patience=finalize.patience,
                best=True,
            )
            early, of_test = trained(stopped, of_best, "stopped early")
        write_run(out_folder, history, table(held_out, probabilities, *of_fold))
        if finalize is None:
            return
        if tested:
            predictions = table(test, of_test, *of_fold).assign(protocol="test")
            tables.write(predictions, out_folder / "fold_test_predictions.csv", "predictions")
        tables.write(early, out_folder / "early_history.csv", "history")
        best = {"fold": fold, **best_epoch(early)}
        files.write_text(out_folder / "best_epoch.json", json.dumps(best) + "\n")


def read_split(splits: str | Path, fold: int) -> dict:
    """Read `splits.json`; SplitError where it has no fold `fold`."""
    split = subject_splits.read(splits)
    if not 0 <= fold < len(split["folds"]):
        raise SplitError(splits, f"has no fold {fold}", f"its folds are 0 to {len(split['folds']) - 1}")
    return split


def training_subjects(split: dict, without: int | None = None) -> list[str]:
    """The subjects of all folds but `without`."""
    return [s for i, fold in enumerate(split["folds"]) if i != without for s in fold]


def best_epoch(history: pd.DataFrame) -> dict[str, int | float]:
    """Epoch of the greatest validation accuracy, counted from 1, the first of several; and that accuracy."""
    row = history.loc[history.validation_accuracy.idxmax()]
    return {"epoch": int(row.epoch), "max_accuracy": float(row.validation_accuracy)}
