"""Training of the networks on a clip's frames, fold by fold and finally: as the heads, on other inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferflow import tables
from ferflow.settings import Augment, ClipNetworkSettings, EndToEndPlan, Finalize
from ferflow.settings.types import EndToEndName
from ferflow.training import crossval, final
from ferflow.training import splits as subject_splits

if TYPE_CHECKING:
    from ferflow.models.endtoend import ClipNetwork
    from ferflow.training.frames import FrameStudy


@dataclass(frozen=True)
class Training:
    """A network `name` (settings.EndToEndName), what it is trained on, and how.

    `model` is its name in tables. `faces` are files named `<subject>.h5` (`layout.FACES`); `manifest` and
    `trim` say which frames of which clips count, `splits` on which side they stand. `finalize` None: see
    `crossval.train_and_judge`.
    """

    name: str
    model: str
    splits: str | Path
    manifest: str | Path
    trim: str | Path
    faces: Sequence[str | Path]
    network: ClipNetworkSettings
    plan: EndToEndPlan
    finalize: Finalize | None
    augment: Augment
    classes: Sequence[str]
    seed: int

    def study(self) -> FrameStudy:
        """The clips and their frames. InputError for files that do not go together."""
        from ferflow.training.frames import FrameStudy

        return FrameStudy.read(self.manifest, self.trim, self.faces, self.classes, self.augment, self.seed)

    def build(self) -> ClipNetwork:
        """The network with new weights from torch's current seed."""
        from ferflow.models import endtoend

        return endtoend.build(self.name, len(self.classes), self.network)

    def bfloat16(self) -> bool:
        """Whether it is trained in that format."""
        import torch

        from ferflow.models.precision import device, resolve

        return resolve(self.plan.precision, device()) == torch.bfloat16


def run_fold(
    training: Training,
    fold: int,
    out_folder: str | Path,
    announce: Callable[[str], None] | None = None,
    tested: bool = False,
) -> None:
    """Train the network without fold `fold` and judge it on that fold's clips.

    Writes what `crossval.run_fold` writes, by the same two runs. A training that will be long is announced
    before it starts (None: on stderr). Raises SplitError where a subject stands on both sides under `honest`.
    """
    from ferflow.models import precision
    from ferflow.training import estimate
    from ferflow.training.data import refuse_leak

    name, network, plan = training.name, training.network, training.plan
    split = crossval.read_split(training.splits, fold)
    study = training.study()
    ours = study.of(crossval.training_subjects(split, without=fold))
    held_out = study.of(split["folds"][fold])
    refuse_leak(ours, held_out, split["protocol"])
    shown = study.frames(ours, network, plan.memory, training=True)
    test = None
    if tested:
        clips = study.of(split["test"])
        refuse_leak(ours, clips, split["protocol"])
        test = clips, study.frames(clips, network, plan.memory, training=False)
    cost = estimate.network_cost(name, network, len(study.classes), plan.batch, plan.threads)
    epochs = crossval.most_epochs(plan, training.finalize)
    estimate.announce(f"{training.model}, fold {fold}", cost, len(shown), epochs, announce or estimate.warn)
    crossval.train_and_judge(
        name,
        fold,
        build=training.build,
        training=shown,
        validation=study.frames(held_out, network, plan.memory, training=False),
        held_out=held_out,
        out_folder=out_folder,
        plan=plan,
        finalize=training.finalize,
        classes=study.classes,
        model=training.model,
        seed=training.seed,
        bfloat16=training.bfloat16(),
        device=precision.device().type,
        test=test,
    )


def write_fold(
    name: EndToEndName,
    fold: int,
    out_folder: str | Path,
    *,
    model: str,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    faces: Sequence[str | Path],
    network: Mapping[str, Any],
    plan: EndToEndPlan,
    finalize: Finalize | None,
    augment: Augment,
    classes: Sequence[str],
    seed: int,
    tested: bool,
    announce: Callable[[str], None] | None = None,
) -> None:
    """`run_fold` of the training that the other arguments describe (see `Training`)."""
    own = network_settings(name, network)
    files = (splits, manifest, trim, faces)
    training = Training(name, model, *files, own, plan, finalize, augment, classes, seed)
    run_fold(training, fold, out_folder, announce, tested)


def write_final(
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
) -> None:
    """`train_final` of the training that the other arguments describe (see `Training`)."""
    own = network_settings(name, network)
    files = (splits, manifest, trim, faces)
    training = Training(name, name, *files, own, plan, finalize, augment, classes, seed)
    train_final(training, early, out_folder, prepared)


def network_settings(name: EndToEndName, values: Mapping[str, Any]) -> ClipNetworkSettings:
    """The settings of the network `name` from plain values."""
    from ferflow.models.endtoend import NETWORKS

    return NETWORKS[name][1](**values)


def train_final(
    training: Training, early: Sequence[str | Path], out_folder: str | Path, prepared: dict
) -> None:
    """Train the network on all folds' subjects for `final.final_epochs`, judge it on the test subjects.

    `early` are the folds' `best_epoch.json`; `prepared` are the settings by which frames were found (`faces`,
    `aus`, `trim`), which the file keeps. Writes to `out_folder`, after training has ended: `model.pt`
    (`endtoend.load` reads it), `history.csv`, `predictions.csv`. Raises SplitError as `run_fold`.
    """
    from ferflow.models import endtoend, precision
    from ferflow.training.data import refuse_leak

    name, plan = training.name, training.plan
    split = subject_splits.read(training.splits)
    study = training.study()
    ours, test = study.of(crossval.training_subjects(split)), study.of(split["test"])
    refuse_leak(ours, test, split["protocol"])
    folds = final.folds_table(early)
    epochs = final.final_epochs(folds.epoch.tolist())
    network, history, predictions = final.last_run(
        build=training.build,
        training=study.frames(ours, training.network, plan.memory, training=True),
        testing=study.frames(test, training.network, plan.memory, training=False),
        test=test,
        epochs=epochs,
        plan=plan,
        finalize=training.finalize,
        classes=study.classes,
        model=name,
        purpose=name,
        seed=training.seed,
        bfloat16=training.bfloat16(),
        device=precision.device().type,
    )
    meta = {
        "synthetic": bool(study.clips.synthetic.any()),
        "seed": training.seed,
        "protocol": split["protocol"],
        "epochs": epochs,
        "folds": folds.to_dict("records"),
        "plan": plan.model_dump(mode="json"),
        "settings": prepared,
    }
    out_folder = Path(out_folder)
    tables.write(history, out_folder / "history.csv", "history")
    tables.write(predictions, out_folder / "predictions.csv", "predictions")
    endtoend.save(out_folder / "model.pt", network, study.classes, meta)
