"""Tables of training: networks, learning curves, searches and comparisons of settings."""

from __future__ import annotations

from ferflow.schemas.columns import (
    Column,
    choice,
    count,
    flag,
    percent,
    real,
    share,
    table,
    text,
    with_interval,
)
from ferflow.schemas.shared import (
    ACCURACY,
    ANY_FOLD,
    BATCH,
    EPOCH,
    EPOCHS,
    FILLED,
    FOLD,
    GAP,
    GREATEST,
    IMAGES,
    LEARNING_RATE,
    LEAST,
    MODEL,
    N_CLIPS,
    N_FOLDS,
    N_SUBJECTS,
    N_TRAINING,
    NETWORK,
    NOTE,
    PARAMETERS,
    SFEW_PROTOCOL,
    SPREAD,
    START,
    SYNTHETIC,
    TRAIN_ACCURACY,
    TRAIN_LOSS,
    VALIDATION_ACCURACY,
    VALIDATION_LOSS,
)

HISTORY = (EPOCH, TRAIN_LOSS, TRAIN_ACCURACY, VALIDATION_LOSS, VALIDATION_ACCURACY, LEARNING_RATE)

failed_jobs = table(
    "A job that failed for good in the run that made this report.",
    text("job", "job (rule and what it is of)", pattern=FILLED),
    (text("reason", pattern=FILLED), count("needed_by", "files that need it")),
)

networks = table(
    "A network of an image study: its size, and how it was trained. Megabytes are 10^6 bytes of float32.",
    (MODEL, NETWORK),
    count("parameters", low=1, format=",.0f", empty=True),
    real("weights_mb", "weights (MB)", low=0, format=".2f", empty=True),
    real("size_mb", "estimated size (MB)", low=0, format=".2f", empty=True),
    count("epochs", empty=True),
    count("learnt", "training images", low=1, format=",.0f", empty=True),
    count("near_copies", "left out as near copies", format=",.0f", empty=True, optional=True),
    real("hours", "hours of training", low=0, format=".2f", empty=True),
    count("threads", low=1, empty=True),
    (SYNTHETIC, NOTE),
)

layers = table(
    "A network layer by layer; the last row of each network is its total.",
    (MODEL, text("layer", pattern=FILLED), text("kind", "type")),
    text("output_shape", pattern="([0-9]+( × [0-9]+)*)?"),
    count("parameters", format=",.0f"),
)

PARTS = ("expression", "valence", "arousal")
"""The losses of a network that learns valence and arousal too."""


def _side(side: str, loss: Column, accuracy: Column) -> tuple:
    """An epoch's figures on what is trained on, or on what is watched."""
    losses = (real(f"{side}_{part}_loss", empty=True, optional=True) for part in PARTS)
    agreement = (real(f"{side}_ccc_{part}", low=-1, high=1, empty=True, optional=True) for part in PARTS[1:])
    errors = (real(f"{side}_rmse_{part}", low=0, empty=True, optional=True) for part in PARTS[1:])
    return loss, *losses, accuracy, *agreement, *errors


history = table(
    "Learning curve of one run; epochs are counted from 1. Of a network that learns valence and arousal too, "
    "losses are as optimised, and weights those of the three losses at the epoch's end.",
    EPOCH,
    _side("train", TRAIN_LOSS, TRAIN_ACCURACY),
    _side("validation", VALIDATION_LOSS, VALIDATION_ACCURACY),
    LEARNING_RATE,
    tuple(real(f"{part}_weight", low=0, optional=True) for part in PARTS),
    flag("augmented", optional=True),
)

phases = table(
    "Learning curves of fine-tuning, every attempt of every phase; `kept` marks the attempts whose "
    "weights the next phase went on from.",
    choice("phase", ("classifier", "unfreeze", "refine")),
    (text("attempt", pattern=FILLED), flag("kept"), HISTORY),
)

trials = table(
    "Classifiers tried on the frozen base, in the order of the search (thesis, section 3.2.4, phase 1). "
    "Accuracies and epoch are of the trial's best epoch; they are empty where its training loss stopped "
    "being finite.",
    (count("trial", low=1), count("layers", "dense layers", low=1), count("neurons_1", "neurons", low=1)),
    count("neurons_2", "neurons, second layer", low=1, empty=True),
    share("dropout", format=".1f"),
    percent("validation_accuracy", "validation accuracy (%)", empty=True),
    percent("train_accuracy", "training accuracy (%)", empty=True),
    (count("epoch", "best epoch", low=1, empty=True), count("epochs", "epochs run", low=1, empty=True)),
    percent("best_so_far", "best so far (%)", empty=True),
    (SYNTHETIC, NOTE),
)


def _over_folds(side: str) -> tuple:
    """Loss and accuracy of one side over the folds."""
    ends = ("mean", "min", "max")
    losses = (real(f"{side}_loss_{end}", f"{side} loss, {end}", format=".3f", empty=True) for end in ends)
    shares = (percent(f"{side}_accuracy_{end}", f"{side} accuracy, {end} (%)", empty=True) for end in ends)
    return *losses, *shares


cv_epochs = table(
    "Learning curves averaged epoch by epoch over the folds, with the least and the greatest fold.",
    (MODEL, EPOCH, N_FOLDS),
    _over_folds("train"),
    _over_folds("validation"),
    (SYNTHETIC, NOTE),
)

early_stopping = table(
    "Early stopping per fold: best validation accuracy and its epoch; the row without a fold holds the "
    "folds' mean and the rounded mean epoch (thesis, section 3.2.4, final model).",
    (MODEL, count("fold", empty=True, missing="mean")),
    percent("max_validation_accuracy", "max. validation accuracy (%)"),
    EPOCH,
    count("final_epochs", "epochs of the final run", low=1, empty=True),
    (SYNTHETIC, NOTE),
)

experiments = table(
    "One run of a comparison in cross-validation at its last epoch: accuracy over the folds, and the gap "
    "to the training's (thesis, sections 3.2.4 and 3.2.5).",
    (text("comparison", pattern=FILLED), text("run", pattern=FILLED), text("changes", "settings")),
    (N_FOLDS, EPOCHS, ACCURACY.but(title="validation accuracy, mean (%)"), SPREAD, LEAST, GREATEST),
    percent("train_accuracy", "training accuracy, mean (%)"),
    GAP.but(empty=False),
    (SYNTHETIC, NOTE),
)

head_trials = table(
    "Settings of a temporal head tried in a search over cross-validation, in the order of the search. "
    "Accuracies are means over folds, each fold at its best epoch: epoch and trial were picked by what "
    "they are judged on, so they say which settings to take and not how good these are. A trial that was "
    "stopped between folds, or whose loss stopped being finite, has no validation accuracy. Settings that "
    "were not searched are empty.",
    (count("trial", low=1), count("units", low=1, empty=True), count("layers", low=1, empty=True)),
    (real("dropout", low=0, empty=True), real("recurrent_dropout", low=0, empty=True)),
    (count("kernel", low=1, empty=True), choice("batch_norm", ("", "yes", "no"))),
    (text("activation"), text("pooling"), text("initialiser")),
    count("augmentations", empty=True),
    real("learning_rate", low=0, format=".3g", empty=True),
    BATCH.but(empty=True),
    choice("ended", ("all folds", "stopped", "diverged")),
    N_FOLDS.but(low=0),
    percent("validation_accuracy", "validation accuracy, mean (%)", empty=True),
    (SPREAD, LEAST.but(empty=True), GREATEST.but(empty=True)),
    percent("mean_so_far", "mean of the folds that ran (%)", empty=True),
    percent("train_accuracy", "training accuracy, mean (%)", empty=True),
    GAP,
    real("epoch", "best epoch, mean", low=0, format=".1f", empty=True),
    percent("best_so_far", "best so far (%)", empty=True),
    (SYNTHETIC, NOTE),
)

nested = table(
    "Nested cross-validation: each outer fold's chosen candidate and its accuracy on subjects that had no "
    "part in the choice; the last row of a model is the mean over outer folds.",
    (MODEL, ANY_FOLD.but(title="outer fold")),
    (text("candidate", "chosen"), count("epochs", empty=True)),
    percent("inner_mean", "inner mean (%)", empty=True),
    real("inner_sd", "inner SD (points)", format=".1f", empty=True),
    with_interval(ACCURACY),
    real("sd", "SD over outer folds (points)", format=".1f", empty=True),
    (percent("least", "least (%)", empty=True), percent("greatest", "greatest (%)", empty=True)),
    (N_CLIPS, N_SUBJECTS),
    (SYNTHETIC, NOTE),
)

nested_inner = table(
    "What each candidate reached on each inner fold of nested cross-validation.",
    MODEL,
    (count("outer", "outer fold"), count("inner", "inner fold")),
    text("candidate", pattern=FILLED),
    (ACCURACY, EPOCH.but(title="best epoch"), N_CLIPS),
)

sweep = table(
    "Optimisers and schedules compared on one network (compact paper, section 2.3, of Khaireddin and "
    "Chen). Validation is PublicTest; test is PrivateTest, which only the runs look at whose published "
    "ones did, and once more without the images that the run has learnt from. `best` marks what the next "
    "stage took over, by validation alone.",
    choice("stage", ("optimiser", "schedule", "tuning")),
    text("run", pattern=FILLED),
    (text("optimiser"), text("schedule")),
    real("learning_rate", low=0, format="g"),
    (text("trained_on"), text("network")),
    (count("images", low=1), EPOCHS),
    percent("validation_accuracy", "PublicTest (%)", empty=True),
    EPOCH.but(title="kept epoch"),
    percent("published_validation", "published PublicTest (%)", empty=True),
    percent("test_accuracy", "PrivateTest (%)", empty=True),
    percent("honest_accuracy", "PrivateTest without copies (%)", empty=True),
    percent("published_test", "published PrivateTest (%)", empty=True),
    flag("best"),
    (SYNTHETIC, NOTE),
)

sfew_history = table(
    "Learning curves of one training run; epochs are counted from 1.",
    (FOLD, EPOCH, TRAIN_LOSS, TRAIN_ACCURACY, LEARNING_RATE),
)

sfew_runs = table(
    "One training run in one fold: its length and time.",
    (MODEL, SFEW_PROTOCOL, FOLD),
    (text("network"), IMAGES, count("unfrozen")),
    (BATCH, EPOCHS, N_TRAINING),
    (count("n", low=1), real("seconds", low=0), START),
)

affect_models = table(
    "The networks of a study of expression, valence and arousal: what each starts from, and how large it is.",
    (MODEL, NETWORK.but(title="backbone")),
    (text("start", "starts from", pattern=FILLED), flag("frozen", "backbone frozen")),
    count("size", "pixels", low=1),
    (BATCH, EPOCHS),
    choice("regression", ("mse", "ccc"), "regression loss"),
    choice("weights", ("set", "learned"), "weights of the losses"),
    (PARAMETERS.but(low=0), count("trained", "of them trained")),
    (count("training_images", low=1), count("validation_images", low=1)),
    choice("kept", ("last", "best (leaky)"), "epoch kept"),
    (SYNTHETIC, NOTE.but(optional=True)),
)

affect_training = table(
    "How each network was trained (Akhtar 2022, Table 3).",
    (MODEL, text("loss"), text("weights", "starts from"), count("batch_size", low=1, empty=True)),
    count("epochs", empty=True),
    real("minutes_per_epoch", low=0, format=".2f", empty=True),
    (SYNTHETIC, NOTE),
)

affect_speed = table(
    "Images a second through each network's training step, and from the disk through decoding and "
    "augmentation.",
    (MODEL, count("size", "pixels", low=1), BATCH, text("device", pattern=FILLED)),
    (count("threads", low=1), count("workers", "loader's workers", low=1)),
    real("step_images_per_second", "training step, images/s", low=0, format=".1f"),
    real("loader_images_per_second", "loader, images/s", low=0, format=".1f"),
    real("ratio", "loader / step", low=0, format=".2f"),
    SYNTHETIC,
)

speed = table(
    "Frames a second from a video to the probabilities of its frames: reading, finding and following the "
    "face, and the network.",
    real("fps", "frames a second", low=0, format=".1f"),
    NOTE.but(title="machine and video"),
)
