"""Tables of the data-centric study: what is wrong with images, and what cleaning and sampling do."""

from __future__ import annotations

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.schemas.columns import choice, count, percent, real, share, table, text, with_interval
from ferflow.schemas.shared import (
    DIFFERENCE,
    DIFFERS,
    FILLED,
    FOLD,
    LABEL,
    N_TEST,
    N_TRAINING,
    NETWORK,
    NOTE,
    P_PERMUTATION,
    P_PERMUTATION_HOLM,
    PARAMETERS,
    PICTURE_ID,
    SPLIT,
    SYNTHETIC,
    UNIT,
)

MEAN = real("mean", "mean (grey level)", low=0, high=255, format=".1f")
SAMPLING = text("sampling", pattern=FILLED)
SCORE = choice("metric", ("accuracy", "recall", "f1"))

constant_images = table(
    "Images that show nothing: their standard deviation is below the threshold.",
    (PICTURE_ID, LABEL, SPLIT, MEAN),
    real("deviation", "standard deviation (grey levels)", low=0, format=".1f"),
    SYNTHETIC,
)

pixel_means = table("Mean grey level of every image.", (PICTURE_ID, LABEL, SPLIT, MEAN), SYNTHETIC)

pixel_boxes = table(
    "Quartiles and fences of the images' mean grey level per class (box plot).",
    (LABEL.but(title="class"), count("n_images", "images", low=1)),
    (real("lower_fence", format=".1f"), real("lower_quartile", format=".1f")),
    real("median", format=".1f"),
    (real("upper_quartile", format=".1f"), real("upper_fence", format=".1f")),
    (count("n_darker", "darker outliers"), count("n_brighter", "brighter outliers")),
    SYNTHETIC,
)

outliers = table(
    "Images whose mean grey level lies beyond a fence of their class, farthest first.",
    (PICTURE_ID, LABEL, SPLIT, MEAN),
    choice("side", ("darker", "brighter")),
    real("excess", "beyond the fence (grey levels)", low=0, format=".1f"),
    SYNTHETIC,
)

duplicates = table(
    "One image of a group of exact copies or of near duplicates; distances are bits in which the 64-bit "
    "perceptual hashes differ.",
    count("group", low=1),
    (PICTURE_ID, LABEL, SPLIT),
    (count("n_images", "images in the group", low=2), count("n_contents", "different ones", low=1)),
    (count("n_emotions", "different labels", low=1), count("n_splits", "parts", low=1)),
    (count("nearest", "nearest (bits)"), count("widest", "widest (bits)")),
    SYNTHETIC,
)

near_distances = table(
    "Pairs of images by the distance of their perceptual hashes, and how many of them carry different "
    "labels.",
    choice("kind", ("exact copies", "near duplicates", "beyond the threshold")),
    (count("distance", "distance (bits)"), count("pairs")),
    percent("conflicting_share", "with different labels (%)", empty=True),
    SYNTHETIC,
)

photographs = table(
    "Which images are copies or near copies of one photograph, and the fold in which a network that did "
    "not see it judges it.",
    (PICTURE_ID, count("photograph"), FOLD),
)

label_errors = table(
    "Images whose label is doubted by networks that did not see them, the most doubtful first.",
    count("rank", low=1),
    (PICTURE_ID, LABEL, SPLIT),
    choice("suggested", EMOTIONS_NEUTRAL),
    share("p_given", "probability of the label", format=".3f"),
    share("p_suggested", "of the suggestion", format=".3f"),
    share("margin", format=".3f"),
    SYNTHETIC,
)

data_quality = table(
    "What was found in the images, counted.",
    (text("check", pattern=FILLED), text("counted", pattern=FILLED)),
    (count("count", "number"), text("rule", pattern=FILLED)),
    SYNTHETIC,
)

cleaning = table(
    "What each rule of the cleaned split drops, in the order in which they are applied.",
    count("step", low=1, empty=True),
    (text("rule", pattern=FILLED), text("reason", pattern=FILLED)),
    (text("part", "applied to", pattern=FILLED), count("named", "images it names")),
    (count("dropped_training", "dropped, training"), count("dropped_test", "dropped, test")),
    (count("left_training", "left, training"), count("left_test", "left, test")),
    (SYNTHETIC, NOTE),
)

cleaned = table(
    "The cleaned split: whether an image stays, and the rule by which it goes.",
    (PICTURE_ID, LABEL, SPLIT),
    (choice("decision", ("keep", "drop")), text("rule")),
    SYNTHETIC,
)

cleaned_training = table(
    "A network trained on the official training images and on those that the cleaned split keeps, judged "
    "on the same official test images. A sign-flip permutation test over photographs tells whether the "
    "accuracies differ.",
    (NETWORK, SCORE),
    with_interval(percent("official", "official training images (%)"), "official_", empty=False),
    with_interval(percent("cleaned", "cleaned (%)"), "cleaned_", empty=False),
    with_interval(DIFFERENCE, "difference_", empty=False),
    count("training_official", "training images, official", low=1),
    (count("training_cleaned", "cleaned", low=1), N_TEST),
    (UNIT, P_PERMUTATION.but(empty=True), P_PERMUTATION_HOLM.but(empty=True), DIFFERS.but(empty=True)),
    (SYNTHETIC, NOTE.but(optional=True)),
)

sampling_sides = table(
    "The two sides of one row of the comparison of samplings.",
    (NETWORK, SAMPLING),
    choice("protocol", ("published", "honest", "cleaned")),
    (PARAMETERS, N_TRAINING, N_TEST),
    (count("made_training", "made, training"), count("made_test", "made, test")),
    count("left_out", "training images left out"),
    percent("related", "test images with a relative in the training (%)"),
    SYNTHETIC,
)

sampling = table(
    "A network under a way of sampling by the published, leaky protocol (resampled before the split) and "
    "by the honest one (after it, training side only), with bootstrap intervals over photographs and the "
    "difference in points of a percent.",
    (NETWORK, SAMPLING, SCORE),
    with_interval(percent("published", "published protocol, leaky (%)"), "published_", empty=False),
    with_interval(percent("honest", "honest protocol (%)"), "honest_", empty=False),
    with_interval(DIFFERENCE, "difference_", empty=False),
    percent("related_published", "leaky: test images with a relative in the training (%)"),
    percent("related_honest", "honest: the same (%)"),
    count("test_published", "leaky: test images", low=1),
    (count("test_honest", "honest: test images", low=1), PARAMETERS),
    (SYNTHETIC, NOTE),
)
