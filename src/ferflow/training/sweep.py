"""Optimisers and schedules compared on one network (compact paper, section 2.3).

Khaireddin and Chen 2021 (arXiv 2105.03588) train their network with each optimiser at a fixed and at a
decayed learning rate; the best optimiser with each of five schedules; and the best of those on from its
weights with two schedules, once more with the validation images added to the training. The same here, at the
size of `settings.Sweep`. A run's name says what is known of it before the stage before has ended; what that
stage found to be best, by PublicTest alone, is read from its file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError
from ferflow.evaluation.predictions import table
from ferflow.evaluation.views import view_probabilities
from ferflow.files import read_json, write_text
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Optimiser, OptimiserName, Schedule, Spatial, Sweep
from ferflow.training.crossval import best_epoch
from ferflow.training.predictions import write_run
from ferflow.training.stills import TESTED, TRAINED, WATCHED, honest_accuracy, read

if TYPE_CHECKING:
    from ferflow.training.images import Labelled

OPTIMISER, SCHEDULE, TUNING = "optimiser", "schedule", "tuning"
BEFORE = {OPTIMISER: None, SCHEDULE: OPTIMISER, TUNING: SCHEDULE}
"""Each stage, and the one whose best it goes on with."""
TUNED = ("cosine", "warm_restarts")
FIXED, DECAYED = "constant", "plateau"
BOTH = "Training + PublicTest"


@dataclass(frozen=True)
class Run:
    """One run; no optimiser: the best of the stage before; `both`: PublicTest is trained on too."""

    stage: str
    optimiser: OptimiserName | None
    schedule: str
    both: bool = False

    @property
    def name(self) -> str:
        parts = [self.stage, self.optimiser, self.schedule, "both" if self.both else None]
        return "-".join(part for part in parts if part)


def runs(settings: Sweep) -> dict[str, Run]:
    """All runs of the sweep by name, in the order of the stages."""
    listed = [Run(OPTIMISER, name, how) for how in (FIXED, DECAYED) for name in settings.optimisers]
    listed += [Run(SCHEDULE, None, name) for name in settings.schedules]
    listed += [Run(TUNING, None, name, both) for both in (False, True) for name in TUNED]
    return {run.name: run for run in listed}


def train(
    run: str,
    stills: str | Path,
    best: str | Path | None,
    models: Iterable[str | Path],
    settings: Sweep,
    spatial: Spatial,
    seed: int,
    synthetic: bool,
    protocol: str,
    checkpoints: str | Path,
    out_folder: Path,
    near_copies: int | None = None,
) -> None:
    """Train the run `run` of `runs(settings)`; what `settings` does not say is as in `spatial`.

    `best` is the file of the stage before (`write_best`), `models` the model.pt of that stage's runs, each in
    a folder of its run's name; an interrupted run goes on from `checkpoints`. Writes to `out_folder`:
    `model.pt` (of the best epoch on PublicTest, or the last where PublicTest is trained on), `history.csv`,
    `predictions.csv` (PublicTest of an optimiser's run, PrivateTest of the others) and `run.json`.
    """
    import numpy as np

    from ferflow.models import spatial as networks
    from ferflow.training.images import Labelled, fit_images

    chosen = runs(settings)[run]
    before = None if best is None else read_run(best)
    recipe = recipe_of(chosen, settings, spatial, before)
    data = read(stills, protocol, near_copies=near_copies)
    training, watched = data.parts[TRAINED], data.parts[WATCHED]
    share = 1.0 if settings.images is None else min(1.0, settings.images / len(training.labels))
    learnt = _drawn(training, share, derive_seed(seed, "sweep", TRAINED))
    if chosen.both:
        # The parts keep their proportion, or a small sweep would mostly learn from the validation images.
        more = _drawn(watched, share, derive_seed(seed, "sweep", WATCHED))
        learnt = Labelled(*(np.concatenate(pair) for pair in zip(learnt, more, strict=True)))
    # Each run has a seed of its own: two runs of the same settings differ as two runs of anybody's do.
    start = derive_seed(seed, "sweep", run)
    with reproducible(start, recipe.threads):
        network = networks.build(recipe.network, len(EMOTIONS_NEUTRAL))
    if chosen.stage == TUNING:
        start_from = next(path for path in map(Path, models) if path.parent.name == before["run"])
        # A file's network comes in evaluation mode, in which Lightning would leave it.
        network = networks.load(start_from)[0].train()
    history = fit_images(
        network, learnt, None if chosen.both else watched, recipe, start, run, folder=Path(checkpoints)
    )
    if chosen.stage == OPTIMISER:
        side, role, views = WATCHED, "validation", "one"
    else:
        side, role, views = TESTED, "test", settings.views
    with reproducible(start, recipe.threads):
        probabilities = view_probabilities(network, data.parts[side].images, views, recipe.batch)
    predictions = table(data.listed[side], probabilities, EMOTIONS_NEUTRAL, run, role, None, seed)
    right = (predictions.predicted == predictions.emotion).to_numpy()
    honest = honest_accuracy(right, data.parts[side].images, learnt.images)
    kept = {"epoch": len(history), "max_accuracy": None} if chosen.both else best_epoch(history)
    facts = {
        "stage": chosen.stage,
        "run": run,
        "optimiser": recipe.optimiser.name,
        "schedule": chosen.schedule,
        "learning_rate": recipe.optimiser.learning_rate,
        "trained_on": BOTH if chosen.both else TRAINED,
        "network": recipe.network,
        "images": len(learnt.labels),
        "epochs": recipe.epochs,
        "validation_accuracy": kept["max_accuracy"],
        "epoch": kept["epoch"],
        "test_accuracy": float(right.mean()) if role == "test" else None,
        "honest_accuracy": honest if role == "test" else None,
        "views": views,
        "synthetic": synthetic,
        "protocol": protocol,
    }
    write_run(out_folder, history, predictions)
    settings_of = {"settings": recipe.model_dump(mode="json"), "seed": seed}
    networks.save(out_folder / "model.pt", network, EMOTIONS_NEUTRAL, facts | settings_of)
    write_text(out_folder / "run.json", json.dumps(facts, indent=1) + "\n")


def recipe_of(run: Run, settings: Sweep, spatial: Spatial, before: dict | None) -> Spatial:
    """How `run` trains: `spatial` with the sweep's network, size, optimiser and schedule.

    The best optimiser keeps the learning rate that it was best at, so that only the schedule changes.
    """
    tuning, decay = settings.tuning, settings.decay
    rate = {FIXED: settings.fixed_rate, DECAYED: settings.decayed_rate}.get(run.schedule)
    name = run.optimiser
    if before is not None:
        name = before["optimiser"]
        rate = tuning.learning_rate if run.stage == TUNING else before["learning_rate"]
    return spatial.model_copy(
        update={
            "network": settings.network,
            "method": "train",
            "pretrained": None,
            "weights": None,
            "epochs": tuning.epochs if run.stage == TUNING else settings.epochs,
            "patience": None,
            "optimiser": Optimiser(
                name=name,
                learning_rate=rate,
                momentum=settings.momentum,
                weight_decay=settings.weight_decay,
            ),
            "schedule": Schedule(
                name=run.schedule,
                factor=decay.factor,
                patience=decay.patience,
                period=tuning.period if run.stage == TUNING else decay.period,
                warmup=decay.warmup,
            ),
            "keep": "last" if run.both else "best",
            # Plain cross-entropy and the weights as they are, as theirs; and an average needs more steps.
            "average": 0.0,
            "label_smoothing": 0.0,
            "class_weights": False,
        }
    )


def write_best(run_jsons: Iterable[str | Path], out: str | Path) -> None:
    """Write the run of a stage with the greatest accuracy on PublicTest, of equals the first, to `out`."""
    facts = [read_run(path) for path in run_jsons]
    top = max(facts, key=lambda run: run["validation_accuracy"])
    write_text(out, json.dumps(top, indent=1) + "\n")


def read_run(path: str | Path) -> dict:
    """The `run.json` of a run, or what `write_best` wrote. Raises InputError where it is neither."""
    try:
        facts = read_json(path)
        return {name: facts[name] for name in (*_columns(), "views", "protocol")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"is no run of a sweep ({error})", "delete it and run again") from None


def _columns() -> list[str]:
    of_report = ("published_validation", "published_test", "best", "note")
    return [column for column in tables.schema("sweep").names if column not in of_report]


def _drawn(part: Labelled, share: float, seed: int) -> Labelled:
    """A random share of the images of a part, in their own order; at least one."""
    import numpy as np

    count = max(1, round(share * len(part.labels)))
    rows = np.sort(np.random.default_rng(seed).permutation(len(part.labels))[:count])
    return part._replace(images=part.images[rows], labels=part.labels[rows])
