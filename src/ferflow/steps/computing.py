"""The steps that compute, in the order of the data. Their rules (`workflow/rules`) name their files."""

from __future__ import annotations

from ferflow.steps.step import Step

DATA, FACES, TRAINING = "ferflow.datasets", "ferflow.faces", "ferflow.training"

_ALL = (
    Step("weights", "ferflow.weights:fetch_many"),
    Step("published_weights", "ferflow.weights:fetch_many"),
    # Rendered data.
    Step(
        "synth4d",
        f"{DATA}.synth4d.clips:write_subject",
        ("settings=synth4d", "emotions", "seed"),
        800,
        10,
        group="prepare",
    ),
    Step("stills", f"{DATA}.synth4d.stills:write_stills", ("settings=stills", "synth4d", "seed"), 1000, 10),
    # Clips, faces, action units.
    Step("manifest", f"{DATA}:write_manifest", ("dataset", "emotions"), 1000, 30),
    Step("faces", f"{FACES}.store:write_faces", ("settings=faces",), 1000, 10, group="prepare"),
    Step("unusable", f"{DATA}.usable:write", (), 1000, 30, group="list"),
    Step("clips", f"{DATA}.usable:write_clips", ("emotions", "protocol"), 1000, 5, group="list"),
    Step(
        "splits", f"{TRAINING}.splits:write_planned", ("splits", "protocol", "seed"), 2000, 30, group="list"
    ),
    Step("aus", "ferflow.aus.run:write_aus", ("settings=aus",), 1000, 5, group="prepare"),
    Step("trim", "ferflow.aus.trim:write_trim", ("settings=trim",), 2000, 30),
    Step("trackers", f"{FACES}.compare:write_trackers", ("faces",), 2000, 240),
    # Networks for single images, and what they make of the frames.
    Step("spatial", f"{TRAINING}.spatial:write", ("protocol",), 4000, 600, gpu=True),
    Step("frozen", f"{TRAINING}.classifier:write_frozen", ("protocol",), 4000, 240, gpu=True),
    Step(
        "classifier",
        f"{TRAINING}.classifier:search_classifier",
        ("stages=finetune", "protocol"),
        6000,
        600,
        gpu=True,
    ),
    Step("finetune", f"{TRAINING}.finetune:finetune", ("stages=finetune", "protocol"), 8000, 1440, gpu=True),
    Step(
        "features", "ferflow.features.extract:write_versions", ("seed",), 2000, 90, gpu=True, group="features"
    ),
    Step("export", "ferflow.features.export:write_folds", ("emotions",), 2000, 30),
    # Cross-validation and final models.
    Step(
        "fold", f"{TRAINING}.crossval:run_fold", ("finalize", "classes=emotions", "seed"), 3000, 720, gpu=True
    ),
    Step("final", f"{TRAINING}.final:train_final", (), 3000, 480, gpu=True),
    Step(
        "end_to_end_fold",
        f"{TRAINING}.endtoend:write_fold",
        ("finalize", "augment", "classes=emotions", "seed"),
        2500,
        1440,
        gpu=True,
    ),
    Step(
        "end_to_end_final",
        f"{TRAINING}.endtoend:write_final",
        ("finalize", "augment", "classes=emotions", "seed"),
        2500,
        720,
        gpu=True,
    ),
    Step(
        "experiment_fold", f"{TRAINING}.crossval:run_fold", ("classes=emotions", "seed"), 3000, 720, gpu=True
    ),
    Step(
        "experiment_frames_fold",
        f"{TRAINING}.endtoend:write_fold",
        ("augment", "classes=emotions", "seed"),
        2500,
        1440,
        gpu=True,
    ),
    Step("other_splits", f"{TRAINING}.splits:write_regrouped", ("seed",), 2000, 30),
    Step(
        "other_splits_fold",
        f"{TRAINING}.crossval:run_fold",
        ("classes=emotions", "seed"),
        3000,
        720,
        gpu=True,
    ),
    Step("nested_plan", f"{TRAINING}.nested_run:write_plan", ("seed",), 2000, 30),
    Step("nested_inner", f"{TRAINING}.nested_run:run_inner", (), 3000, 720, gpu=True),
    Step("nested_outer", f"{TRAINING}.nested_run:run_chosen", (), 3000, 480, gpu=True),
    Step(
        "search_head",
        f"{TRAINING}.head_search:search_head",
        ("classes=emotions", "seed", "protocol"),
        3000,
        2880,
        gpu=True,
    ),
    Step("baselines", f"{TRAINING}.baselines:write", (), 3000, 60),
    Step("control_neutral", f"{TRAINING}.controls:neutral_frames", (), 3000, 480, gpu=True),
    Step("control_true_aus", f"{TRAINING}.controls:true_aus", (), 2000, 30),
    Step("simulated_annotators", "ferflow.humans.run:write_simulated", ("emotions", "seed"), 2000, 30),
    # Faces in scenes (SFEW).
    Step(
        "scenes",
        f"{DATA}.scenes.write:write_scenes",
        ("settings=sfew.scenes", "synth4d", "seed"),
        1000,
        20,
    ),
    Step(
        "sfew_manifest",
        f"{DATA}.sfew:write_manifest",
        ("smallest=sfew.dataset.smallest",),
        1000,
        30,
    ),
    Step("sfew_originals", f"{DATA}.sfew:write_originals", (), 1000, 30),
    Step("sfew_crops", "ferflow.sfew.crops:write", ("settings=sfew.crops",), 1500, 30),
    Step("sfew_folds_of", "ferflow.sfew.folds:write", ("n_folds=sfew.transfer.folds", "seed"), 1000, 10),
    Step(
        "sfew_frozen",
        "ferflow.sfew.frozen:write_published",
        ("threads=sfew.transfer.threads", "seed"),
        2000,
        60,
        gpu=True,
    ),
    Step("sfew_cell", "ferflow.sfew.run:train_cell", ("seed",), 2000, 60, gpu=True, group="transfer"),
    Step("sfew_handmade", "ferflow.sfew.svm:judge", ("settings=sfew.handmade", "seed"), 1500, 30),
    # Expression with valence and arousal (AffectNet).
    Step(
        "affect_images",
        f"{DATA}.synth4d.affect:write",
        ("settings=affect.synthetic", "synth4d", "seed"),
        1000,
        20,
    ),
    Step(
        "affect_index",
        f"{DATA}.affect_index:build",
        ("smallest=affect.dataset.smallest",),
        2000,
        120,
    ),
    Step(
        "affect_network",
        "ferflow.affect.train:train",
        ("root=affect.dataset.path", "loading=affect.loading", "seed"),
        6000,
        2400,
        gpu=True,
    ),
    Step(
        "affect_speed",
        "ferflow.affect.speed:measure",
        ("models=affect.models", "root=affect.dataset.path", "loading=affect.loading", "seed"),
        6000,
        120,
        gpu=True,
    ),
)
STEPS = {step.name: step for step in _ALL}
"""Every step with a rule of its own, by the name of the rule."""
