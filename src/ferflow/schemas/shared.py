"""Columns that several tables have, and the lists that they choose from."""

from __future__ import annotations

from typing import Any

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.schemas.columns import Column, choice, count, flag, percent, points, real, share, text

# What text may look like, as a whole
FILLED = r".+"
ID = r"[A-Za-z0-9._+-]+"
FILE_ID = r"(?!\.+$)[A-Za-z0-9._+-]+"
"""An identifier that is safe as a file's name: not dots alone."""
CLASS = r"""[^\\/,"'\x00-\x1f]+"""
"""A class's name: it stands in headings and file names."""
CLASS_OR_NONE = CLASS[:-1] + "*"

FAILED, NOT_RUN = "failed: ", "not run: "
"""Beginnings of the note of a row of a run that failed, and of what was not run."""

# Lists
SFEW_PROTOCOLS = ("random", "film", "spi")
PROTOCOLS = (
    *("cv", "nested", "test", "validation", "human"),
    *SFEW_PROTOCOLS,
    *("published", "honest", "cleaned"),
)
"""By what a prediction is made: who trains, who is judged.

random, film and spi are kinds of folds. honest: the test images without those that have a copy in the
training; of the data-centric study without copies in the training, which published leaves in.
"""
ROLES = ("model", "control", "baseline", "ensemble", "fusion", "human", "simulated")
"""What predicts. simulated: annotators that a noise model drew."""
STARTS = ("imagenet", "shipped", "untrained", "none")

# Who and what is shown
CLIP_ID = text("clip_id", "clip", pattern=ID)
PICTURE_ID = CLIP_ID.but(title="image")
IMAGE_ID = text("image_id", "image", pattern=FILE_ID)
SUBJECT_ID = text("subject_id", "subject")
SEX = choice("sex", ("female", "male", ""), empty=True)
EMOTION = text("emotion", pattern=CLASS)
PREDICTED = text("predicted", pattern=CLASS)
LABEL = choice("emotion", EMOTIONS_NEUTRAL, "label")
EMOTION_OR_ALL = choice("emotion", (*EMOTIONS_NEUTRAL, "all"))
SPLIT = text("split", "part")
SOURCE = text("source", pattern=FILLED)
VALENCE = real("valence", low=-1, high=1, empty=True)
AROUSAL = real("arousal", low=-1, high=1, empty=True)
N_CLIPS = count("n_clips", "clips")
N_FRAMES = count("n_frames", "frames", low=1)
N_SUBJECTS = count("n_subjects", "subjects")
UNIT = choice("unit", ("subject", "film", "clip", "photograph"), "drawn and permuted")
"""What is resampled and permuted as a whole."""
N_TRAINING = count("n_training", "training images", low=1)
N_TEST = count("n_test", "test images", low=1)

# What a result rests on
SYNTHETIC = flag("synthetic", "synthetic data")
SIMULATED = flag("simulated", "simulated annotators")
LEAKY = flag("leaky", "published protocol, leaky")
NOTE = text("note")

# Models and their training
MODEL = text("model", pattern=FILLED)
NETWORK = text("network", pattern=FILLED)
ROLE = choice("role", ROLES)
VIEW = choice("view", ("", "one", "mirror", "ten"), about="How an image was looked at; empty: as it is.")
PROTOCOL = choice("protocol", PROTOCOLS)
WHO = (MODEL, ROLE, VIEW, PROTOCOL)
"""Whose number it is, in which view and under which protocol."""
SFEW_PROTOCOL = choice("protocol", SFEW_PROTOCOLS)
FOLD = count("fold")
ANY_FOLD = count("fold", empty=True)
N_FOLDS = count("n_folds", "folds", low=1)
START = choice("start", STARTS)
IMAGES = choice("images", ("originals", "crops"))
PARAMETERS = count("parameters", low=1)
BATCH = count("batch", low=1)
EPOCH = count("epoch", low=1)
EPOCHS = count("epochs", low=1)
TRAIN_LOSS = real("train_loss")
TRAIN_ACCURACY = share("train_accuracy")
VALIDATION_LOSS = real("validation_loss", empty=True)
VALIDATION_ACCURACY = share("validation_accuracy", empty=True)
LEARNING_RATE = real("learning_rate", low=0)

# Results
TRUE = EMOTION.but(title="true")
METRIC = text("metric", pattern=FILLED)
ACCURACY = percent("accuracy", "accuracy (%)")
SPREAD = percent("spread", "standard deviation over folds (%)", high=None, empty=True)
LEAST = percent("least", "least fold (%)")
GREATEST = percent("greatest", "greatest fold (%)")
GAP = percent("gap", "training less validation (points)", low=-1, empty=True)
DIFFERENCE = points("difference")
P_PERMUTATION = share("p_permutation", "sign-flip p", format=".3g")
P_PERMUTATION_HOLM = share("p_permutation_holm", "sign-flip p, Holm", format=".3g")
DIFFERS = flag("differs", "differs (sign-flip p, Holm)")
"""Whether two models differ: columns of the permutation test."""
CORRELATION = real("correlation", low=-1, high=1, empty=True)

# A paper's numbers and ours
STUDY = text("study", pattern=FILLED)
TABLE = text("table", pattern=FILLED)
ITEM = text("item", pattern=FILLED)
DATA = text("data", "our data")
OUR_MODEL = text("model", "our model")
PUBLISHED = real("published")
PUBLISHED_NOTE = text("published_note", "remark in the paper")
OURS = real("ours", empty=True)


def box(**more: Any) -> tuple[Column, ...]:
    """A face's box in pixels: its upper left corner, width and height; `more` are further fields of each."""
    return real("x", **more), real("y", **more), real("width", low=0, **more), real("height", low=0, **more)
