"""Tables of the data: what is there, what is left out, and what the makers of synthetic sets know."""

from __future__ import annotations

from ferflow.classes import EMOTIONS_CONTEMPT, EMOTIONS_NEUTRAL
from ferflow.schemas.columns import choice, count, flag, real, share, table, text, whole
from ferflow.schemas.shared import (
    ANY_FOLD,
    AROUSAL,
    CLIP_ID,
    EMOTION,
    EMOTION_OR_ALL,
    FILE_ID,
    FILLED,
    ID,
    IMAGE_ID,
    LABEL,
    LEAKY,
    MODEL,
    NOTE,
    PICTURE_ID,
    SEX,
    SFEW_PROTOCOL,
    SOURCE,
    SPLIT,
    SUBJECT_ID,
    SYNTHETIC,
    VALENCE,
    box,
)

FERPLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown")
"""What an annotator of FER+ may say, but for `nf`: there is no face."""
PART = choice("part", ("train", "validation"))

clips = table(
    "A user's own list of clips; source is relative to dataset.root. Further columns are kept as text.",
    (text("clip_id"), SUBJECT_ID, SEX.but(optional=True), text("emotion", pattern=r".*\S.*")),
    text("source", pattern=r".*\S.*"),
    choice(
        "split",
        ("train", "test", ""),
        empty=True,
        optional=True,
        about="test: the subject is held out; train or empty: it is trained on.",
    ),
    text("fold", empty=True, optional=True),
    further=text("", empty=True),
)

manifest = table(
    "One clip (an image is a clip of one frame) per row.",
    text("clip_id", pattern=FILE_ID),
    text(
        "subject_id",
        pattern=r"(?!\.+$)[A-Za-z0-9._+-]*",
        about="Empty where the data set does not say who is shown (FER2013).",
    ),
    text(
        "group_id",
        pattern=FILLED,
        optional=True,
        about="What is not independent, in place of the subject: the film that an image is from (SFEW).",
    ),
    (SEX, EMOTION),
    VALENCE.but(optional=True, about="Empty: not given."),
    AROUSAL.but(optional=True, about="Empty: not given."),
    text("split", empty=True, about="The official part; of SFEW the set of the SPI protocol, 1 or 2."),
    text(
        "fold",
        empty=True,
        optional=True,
        about="The user's own fold of the clip's subject; empty in the test set.",
    ),
    SOURCE,
    count("n_frames", about="As the file declares; 0 of a clip that cannot be opened, or does not say."),
    real("fps", low=0),
    (count("width"), count("height")),
    text("sha256", pattern="([0-9a-f]{64})?"),
    SYNTHETIC,
    tuple(
        count(f"votes_{name}", high=10, optional=True, about="Of ten annotators (FER+); nf: no face.")
        for name in (*FERPLUS, "nf")
    ),
    further=text("", empty=True),
)

unusable = table(
    "A clip that cannot be used, why, and what helps.",
    (CLIP_ID, SUBJECT_ID),
    (text("emotion", pattern=FILLED), text("reason", "why", pattern=FILLED)),
    count("frames", about="That can be decoded."),
    (count("not_blank"), count("with_face", "with a face")),
    text("remedy", "what helps", pattern=FILLED),
    SYNTHETIC,
)

unusable_counts = table(
    "Clips that are used and left out: in all, of each class, of each subject that lost some.",
    (choice("of", ("all", "class", "subject")), text("name", pattern=FILLED)),
    (count("clips"), count("left_out"), count("used")),
    SYNTHETIC,
)

remarks = table(
    "What is odd about a clip that is used all the same.",
    (CLIP_ID, SUBJECT_ID),
    (text("emotion", pattern=FILLED), text("remark", pattern=FILLED)),
    SYNTHETIC,
)

dataset = table(
    "What a data set is known to hold and what the manifest lists.",
    text("point", pattern=FILLED),
    (text("expected"), text("found")),
    (NOTE, SYNTHETIC),
)

image_counts = table(
    "Images per class and data set, published and counted here.",
    (text("dataset", "data set", pattern=FILLED), SPLIT.but(about="Empty: all parts together.")),
    choice("emotion", (*EMOTIONS_CONTEMPT, "total"), "class"),
    text("source", "published in", pattern=FILLED, about="Where the published number stands."),
    (count("published", empty=True), count("ours", empty=True)),
    whole(
        "difference",
        empty=True,
        about="Ours less the published number; empty where one is missing or ours is synthetic.",
    ),
    (SYNTHETIC, NOTE),
)

copies = table(
    "An image of a test part whose very pixels are also among the images that a network was trained on.",
    (MODEL, text("split", "part", pattern=FILLED), PICTURE_ID, text("copy_of", pattern=ID)),
)

ferplus = table(
    "fer2013new.csv as FER+ publishes it: the votes of ten annotators for each row of fer2013.csv, in its "
    "order.",
    choice("Usage", ("Training", "PublicTest", "PrivateTest")),
    text("Image name", empty=True, optional=True),
    tuple(count(name, high=10) for name in (*FERPLUS, "NF")),
)

sfew_dropped = table(
    "An image of the data set that is left out, and why.",
    (text("path", "image"), LABEL.but(title="emotion")),
    choice("reason", ("unreadable", "too small"), "left out"),
    text("said", "why"),
    SYNTHETIC,
)

sfew_counts = table(
    "Images of a class (or all), those that are left out, and the published number.",
    (EMOTION_OR_ALL, count("published", low=1), count("found", "images found")),
    (count("unreadable"), count("too_small"), count("kept"), count("films")),
    count("in_spi", "in an SPI set", about="Kept images that a set of the SPI protocol holds."),
    SYNTHETIC,
)

sfew_protocols = table(
    "How a protocol divides the images.",
    (SFEW_PROTOCOL, count("folds", low=2), count("images", low=1), count("left_out")),
    (count("films", low=1), count("films_on_two_sides")),
    count(
        "copies_on_two_sides", "exact copies on two sides", about="Images with an exact copy in another fold."
    ),
    (LEAKY, SYNTHETIC),
)

sfew_sides = table(
    "The fold in which an image is judged; empty: it is in none (SPI lists without it).", (IMAGE_ID, ANY_FOLD)
)

affect_counts = table(
    "Images of each class and part, and what was dropped and why.",
    PART,
    choice(
        "kind",
        ("class", "total", "noted", "dropped"),
        "counted as",
        about="class: images to learn from or to judge on; noted: some of these; dropped: others.",
    ),
    text("reason", "what", pattern=FILLED, about="The class, or what is the matter."),
    count("number", "images"),
    real(
        "weight",
        "weight in the loss",
        low=0,
        format=".2f",
        empty=True,
        about="Of the class in the weighted cross-entropy: images of the part by classes times images of the "
        "class.",
    ),
    text("example", "first one", about="The first of them."),
    SYNTHETIC,
)

truth = table(
    "What the generator of a synthetic clip knows: frames of onset, apex and offset, and where the true "
    "mean AU curve crosses half of its maximum.",
    CLIP_ID,
    (count("onset"), count("apex_begin"), count("apex_end"), count("offset")),
    (count("half_begin"), count("half_end", low=1)),
    (real("strength", low=0), flag("weak")),
)

scene_truth = table(
    "The faces of the synthetic scenes, as the generator placed them: a row a face, or one for a scene "
    "without.",
    text("image", pattern=FILLED, about="Path below the data set's folder."),
    choice("emotion", EMOTIONS_NEUTRAL, "class", about="Of the image: what its labelled face shows."),
    (text("film", pattern=FILLED), count("faces", about="In the image.")),
    flag("labelled", about="Whether the image's class is this face's: the largest."),
    text("person"),
    text("shown", about="What this face shows; empty where there is none."),
    box(empty=True, about="Pixels of the scene; empty where there is no face."),
    real("pitch", empty=True, about="Degrees."),
    real("yaw", empty=True, about="Degrees, to the viewer's right."),
    real("roll", empty=True, about="Degrees, clockwise."),
    text("occlusion", about="bar, hand, glasses or empty."),
    share("hidden", empty=True, about="Share of the face that it covers."),
)

affect_people = table(
    "Who is shown in the images of AffectNet of which somebody knows: results hang on people, not images.",
    text("image", pattern="[^/].*", about="From the folder of the data set on: val_set/images/12.jpg."),
    SUBJECT_ID.but(pattern=ID),
)

affect_truth = table(
    "What the generator of the synthetic set was asked to show: its valence and arousal have no "
    "annotator's noise.",
    (text("image", pattern="[^/].*"), text("subject_id", "subject", pattern=FILLED)),
    count("code", high=10, about="As annotated: 0 to 10."),
    text("emotion", pattern=FILLED, about="As rendered."),
    (VALENCE.but(empty=False), AROUSAL.but(empty=False)),
)
