"""Training of the networks on a clip's frames, fold by fold and finally: as the heads, on other inputs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ferflow import tables
from ferflow.settings import Settings
from ferflow.training import crossval, final
from ferflow.training import splits as subject_splits


def warn(line: str) -> None:
    """Say `line` where a person or a log reads it."""
    print(line, file=sys.stderr, flush=True)


def run_fold(
    name: str,
    fold: int,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    faces: Sequence[str | Path],
    out_folder: str | Path,
    settings: Settings,
    announce: Callable[[str], None] = warn,
) -> None:
    """Train network `name` (settings.EndToEndName) without fold `fold` and judge it on that fold's clips.

    `faces` are files named `<subject>.h5` (`layout.FACES`). Writes what `crossval.run_fold` writes, by the
    same two runs. A training that will be long is announced before it starts. Raises SplitError where a
    subject stands on both sides under `honest`.
    """
    import torch

    from ferflow.models import endtoend
    from ferflow.models.precision import resolve
    from ferflow.training import estimate
    from ferflow.training.data import refuse_leak
    from ferflow.training.frames import FrameStudy

    plan = settings.end_to_end
    network = plan.of(name)
    split = crossval.read_split(splits, fold)
    study = FrameStudy.read(manifest, trim, faces, settings.emotions, settings.augment, settings.seed)
    ours = study.of(crossval.training_subjects(split, without=fold))
    held_out = study.of(split["folds"][fold])
    refuse_leak(ours, held_out, split["protocol"])
    training = study.frames(ours, network, plan.memory, training=True)
    cost = estimate.step_cost(name, network, len(study.classes), plan.batch, plan.threads)
    epochs = plan.epochs + settings.finalize.max_epochs
    estimate.announce(f"{name}, fold {fold}", cost, len(training), epochs, announce)
    crossval.train_and_judge(
        name,
        fold,
        build=lambda: endtoend.build(name, len(study.classes), network),
        training=training,
        validation=study.frames(held_out, network, plan.memory, training=False),
        held_out=held_out,
        out_folder=out_folder,
        plan=plan,
        finalize=settings.finalize,
        classes=study.classes,
        model=name,
        seed=settings.seed,
        bfloat16=resolve(plan.precision, device()) == torch.bfloat16,
        device=device(),
    )


def train_final(
    name: str,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    faces: Sequence[str | Path],
    early: Sequence[str | Path],
    out_folder: str | Path,
    settings: Settings,
) -> None:
    """Train network `name` on all folds' subjects for `final.final_epochs`, judge it on the test subjects.

    `early` are the folds' `early.json`. Writes to `out_folder`, after training has ended: `model.pt`
    (`endtoend.load` reads it), `history.csv`, `predictions.csv`. Raises SplitError as `run_fold`.
    """
    import torch

    from ferflow.models import endtoend
    from ferflow.models.precision import resolve
    from ferflow.training.data import refuse_leak
    from ferflow.training.frames import FrameStudy

    plan = settings.end_to_end
    chosen = plan.of(name)
    split = subject_splits.read(splits)
    study = FrameStudy.read(manifest, trim, faces, settings.emotions, settings.augment, settings.seed)
    ours, test = study.of(crossval.training_subjects(split)), study.of(split["test"])
    refuse_leak(ours, test, split["protocol"])
    folds = final.folds_table(early)
    epochs = final.final_epochs(folds.epoch.tolist())
    network, history, predictions = final.last_run(
        build=lambda: endtoend.build(name, len(study.classes), chosen),
        training=study.frames(ours, chosen, plan.memory, training=True),
        testing=study.frames(test, chosen, plan.memory, training=False),
        test=test,
        epochs=epochs,
        plan=plan,
        settings=settings,
        model=name,
        purpose=name,
        bfloat16=resolve(plan.precision, device()) == torch.bfloat16,
        device=device(),
    )
    meta = {
        "synthetic": bool(study.clips.synthetic.any()),
        "seed": settings.seed,
        "protocol": split["protocol"],
        "epochs": epochs,
        "folds": folds.to_dict("records"),
        "settings": settings.model_dump(mode="json"),
    }
    out_folder = Path(out_folder)
    tables.write(history, out_folder / "history.csv", "history")
    tables.write(predictions, out_folder / "predictions.csv", "predictions")
    endtoend.save(out_folder / "model.pt", network, study.classes, meta)


def device() -> str:
    """Where these networks are asked: on a GPU where there is one, since a CPU takes long."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
