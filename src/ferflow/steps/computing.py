"""The steps that compute, in the order of the data. Their rules (`workflow/rules`) name their files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ferflow.steps import passes, work
from ferflow.steps.step import Step

DATA, FACES, TRAINING = "ferflow.datasets", "ferflow.faces", "ferflow.training"
QUALITY = "ferflow.datacentric.run"
RUN = ("classes=emotions", "seed")
"""What every training on clips sees."""
HONEST = ("protocol", "near_copies=stills.near_copies")
"""Which stills are left out of a training."""

prepares = partial(Step, group="prepare", work=work.frames)
lists = partial(Step, group="list")


def trains(
    name: str, call: str, sees: tuple[str, ...] = (), memory: int = 1000, minutes: int = 720, **more: Any
) -> Step:
    """A step that a GPU makes faster. What its networks take comes to its memory, and may exceed its time."""
    return Step(name, call, sees, memory, minutes, gpu=True, **more)


trains_clips = partial(trains, passes=passes.clip_network)


def trains_images(
    name: str,
    call: str,
    sees: tuple[str, ...],
    minutes: int,
    through: passes.Passes,
    epochs: Callable[..., int],
) -> Step:
    """A training of a network for single images, or a pass, for so many epochs."""
    return trains(name, call, sees, minutes=minutes, work=work.image_training(name, epochs), passes=through)


WEIGHTS = (
    Step("weights", "ferflow.weights:fetch_many"),
    Step("published_weights", "ferflow.weights:fetch_many"),
)
CLIPS = (
    prepares(
        "synth4d", f"{DATA}.synth4d.clips:write_subject", ("settings=synth4d", "emotions", "seed"), 800, 10
    ),
    Step(
        "manifest",
        f"{DATA}:write_manifest",
        ("dataset", "emotions"),
        minutes=30,
        group="list",
        work=work.clips,
    ),
    prepares("faces", f"{FACES}.store:write_faces", ("settings=faces",), minutes=10),
    lists("unusable", f"{DATA}.usable:write", minutes=30),
    lists("clips", f"{DATA}.usable:write_clips", ("emotions", "protocol"), work=work.clips),
    lists("splits", f"{TRAINING}.splits:write_planned", ("splits", "protocol", "seed"), 2000, 30),
    prepares("aus", "ferflow.aus.run:write_aus", ("settings=aus",)),
    Step("trim", "ferflow.aus.trim:write_trim", ("settings=trim",), 2000, 30, work=work.clips),
    Step("trackers", f"{FACES}.compare:write_trackers", ("faces",), 2000, 240),
    Step("simulated_annotators", "ferflow.humans.run:write_simulated", ("emotions", "seed"), 2000, 30),
)
SPATIAL = (
    Step(
        "stills",
        f"{DATA}.synth4d.stills:write_stills",
        ("settings=stills", "synth4d", "seed"),
        1000,
        10,
        work=work.stills,
    ),
    trains_images("spatial", f"{TRAINING}.spatial:write", HONEST, 600, passes.image_network, work.fixed),
    trains_images(
        "frozen", f"{TRAINING}.classifier:write_frozen", HONEST, 240, passes.frozen_base, work.once
    ),
    trains_images(
        "classifier",
        f"{TRAINING}.classifier:search_classifier",
        ("stages=finetune", "protocol"),
        600,
        passes.classifier,
        work.searched,
    ),
    trains_images(
        "finetune",
        f"{TRAINING}.finetune:finetune",
        ("stages=finetune", *HONEST),
        1440,
        passes.finetuning,
        work.finetuned,
    ),
)
FEATURES = (
    trains(
        "features",
        "ferflow.features.extract:write_versions",
        ("seed",),
        minutes=90,
        group="features",
        work=work.versions,
        passes=passes.extraction,
    ),
    Step("export", "ferflow.features.export:write_folds", ("emotions",), 2000, 30, work=work.clips),
)
HEADS = (
    trains_clips("fold", f"{TRAINING}.crossval:run_fold", ("finalize", *RUN), work=work.fold),
    trains_clips("final", f"{TRAINING}.final:train_final", minutes=480, work=work.final),
    Step("baselines", f"{TRAINING}.baselines:write", (), 3000, 60),
    trains_clips("control_neutral", f"{TRAINING}.controls:neutral_frames", minutes=480, work=work.final),
    Step("control_true_aus", f"{TRAINING}.controls:true_aus", (), 2000, 30),
    trains_clips("experiment_fold", f"{TRAINING}.crossval:run_fold", RUN, work=work.fold_alone),
    Step("other_splits", f"{TRAINING}.splits:write_regrouped", ("seed",), 2000, 30),
    trains_clips("other_splits_fold", f"{TRAINING}.crossval:run_fold", RUN, work=work.fold_alone),
    Step("nested_plan", f"{TRAINING}.nested:write_plan", ("seed",), 2000, 30),
    trains_clips("nested_inner", f"{TRAINING}.nested:run_inner", work=work.nested_inner),
    trains(
        "nested_outer",
        f"{TRAINING}.nested:run_outer",
        minutes=480,
        work=work.nested_outer,
        passes=passes.chosen_candidates,
    ),
    trains(
        "search_head",
        f"{TRAINING}.head_search:search_head",
        ("protocol", *RUN),
        minutes=2880,
        work=work.search,
        passes=passes.searched,
    ),
)
FRAMES = (
    trains_clips(
        "end_to_end_fold",
        f"{TRAINING}.crossval:run_network_fold",
        ("finalize", "augment", *RUN),
        minutes=1440,
        work=work.fold,
    ),
    trains_clips(
        "end_to_end_final",
        f"{TRAINING}.final:train_final_network",
        ("finalize", "augment", *RUN),
        work=work.final,
    ),
    trains_clips(
        "experiment_frames_fold",
        f"{TRAINING}.crossval:run_network_fold",
        ("augment", *RUN),
        minutes=1440,
        work=work.fold_alone,
    ),
)
IMAGES = (
    Step("image_manifest", f"{DATA}.fer2013:write_manifest", (), 2000, 30),
    Step(
        "stills_by_subject",
        f"{TRAINING}.stills:write_by_subject",
        ("settings=stills", "faces", "sequences=images.sequences", "seed"),
        2000,
        120,
        work=work.images,
    ),
    Step(
        "further_images",
        f"{TRAINING}.stills:write_further",
        ("faces", "sequences=images.sequences"),
        2000,
        120,
    ),
    Step("image_counts", "ferflow.report.image_counts:write", ("stills",), 2000, 30),
    trains(
        "views",
        "ferflow.evaluation.images:predict_test_parts",
        minutes=60,
        work=work.views,
        passes=passes.views,
    ),
    trains(
        "sweep_run",
        f"{TRAINING}.sweep:train",
        ("spatial", "seed", *HONEST),
        minutes=600,
        work=work.swept,
        passes=passes.swept,
    ),
    Step("sweep_best", f"{TRAINING}.sweep:write_best", (), 2000, 30),
)
trains_rows = {"minutes": 240, "work": work.datacentric_training, "passes": passes.datacentric}
DATACENTRIC = (
    Step("datacentric_images", f"{QUALITY}:unpack", (), 2000, 30),
    Step("datacentric_quality", f"{QUALITY}:examine", ("seed",), 3000, 30),
    trains("datacentric_fold", f"{QUALITY}:train_fold", ("seed",), **trains_rows),
    Step("datacentric_label_errors", f"{QUALITY}:find_label_errors", (), 1000, 30),
    Step("datacentric_cleaning", f"{QUALITY}:clean", (), 2000, 30),
    trains("datacentric_row", f"{QUALITY}:train_row", ("seed",), **trains_rows),
)
SCENES = (
    Step(
        "scenes",
        f"{DATA}.scenes.write:write_scenes",
        ("settings=sfew.scenes", "synth4d", "seed"),
        1000,
        20,
        work=work.images,
    ),
    Step(
        "sfew_manifest",
        f"{DATA}.sfew:write_manifest",
        ("smallest=sfew.dataset.smallest",),
        minutes=30,
        work=work.images,
    ),
    Step("sfew_originals", "ferflow.sfew.crops:write_originals", minutes=30, work=work.images),
    Step("sfew_crops", "ferflow.sfew.crops:write", ("settings=sfew.crops",), 1500, 30, work=work.images),
    Step("sfew_folds_of", "ferflow.sfew.folds:write", ("n_folds=sfew.transfer.folds", "seed"), minutes=10),
    trains(
        "sfew_frozen",
        "ferflow.sfew.run:write_features",
        ("threads=sfew.transfer.threads", "seed"),
        minutes=60,
        work=work.frozen_stages,
        passes=passes.frozen_stages,
    ),
    trains(
        "sfew_run",
        "ferflow.sfew.run:train",
        ("seed",),
        minutes=60,
        group="transfer",
        work=work.transfer,
        passes=passes.transferred,
    ),
    Step(
        "sfew_handmade",
        "ferflow.sfew.svm:write_predictions",
        ("settings=sfew.handmade", "seed"),
        1500,
        30,
        work=work.images,
    ),
)
AFFECT = (
    Step(
        "affect_images",
        f"{DATA}.synth4d.affect:write",
        ("settings=affect.synthetic", "synth4d", "seed"),
        1000,
        20,
        work=work.images,
    ),
    Step(
        "affect_manifest",
        f"{DATA}.affectnet:write_manifest",
        ("smallest=affect.dataset.smallest",),
        2000,
        120,
        work=work.images,
    ),
    trains(
        "affect_network",
        "ferflow.training.affect:train",
        ("loading=affect.loading", "seed"),
        minutes=2400,
        work=work.affect_training,
        passes=passes.affect,
    ),
    trains(
        "affect_speed",
        "ferflow.bench.affect_speed:measure",
        ("models=affect.models", "loading=affect.loading", "seed"),
        minutes=120,
        passes=passes.affect,
    ),
)
STEPS = {
    step.name: step
    for stage in (WEIGHTS, CLIPS, SPATIAL, FEATURES, HEADS, FRAMES, IMAGES, DATACENTRIC, SCENES, AFFECT)
    for step in stage
}
"""Every step with a rule of its own, by the name of the rule."""
