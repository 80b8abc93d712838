"""Tables of the papers' numbers, and of them beside ours."""

from __future__ import annotations

from ferflow.schemas.columns import choice, count, percent, real, share, table, text, with_interval
from ferflow.schemas.shared import (
    DATA,
    DIFFERENCE,
    EPOCHS,
    FILLED,
    IMAGES,
    ITEM,
    LEAKY,
    METRIC,
    NETWORK,
    NOTE,
    OUR_MODEL,
    OURS,
    PUBLISHED,
    PUBLISHED_NOTE,
    SPLIT,
    STARTS,
    STUDY,
    SYNTHETIC,
    TABLE,
    VIEW,
)

PAPER_ROW = (STUDY, TABLE, ITEM, METRIC)
PAPER_DATA = SPLIT.but(title="data")
PLAIN_DIFFERENCE = real("difference", empty=True)
OUR_START = choice("start", (*STARTS, ""))

published = table(
    "A number that a reference paper reports.",
    (PAPER_ROW, real("value", empty=True)),
    (SPLIT.but(title="split"), NOTE),
)

beside = table(
    "A published number beside the reproduced one; `difference` (points of a percent) stays empty where "
    "the data are synthetic, since such numbers cannot be compared.",
    (PAPER_ROW, percent("published", "published (%)"), OUR_MODEL),
    with_interval(percent("ours", "ours (%)", empty=True)),
    DIFFERENCE.but(empty=True),
    (DATA, NOTE),
)

thesis_beside = table(
    "A number of the thesis beside ours, or the reason why there is none. Numbers of synthetic data are "
    "not comparable and have no difference.",
    (STUDY, TABLE, ITEM, METRIC.but(title="number"), PAPER_DATA),
    PUBLISHED.but(empty=True),
    (PUBLISHED_NOTE.but(title="remark in the thesis"), OUR_MODEL),
    (with_interval(OURS), PLAIN_DIFFERENCE, DATA, choice("real", ("yes", "no", ""), "real data")),
    (SYNTHETIC, NOTE),
)

image_beside = table(
    "A published number of an image study beside ours. On PrivateTest, `ours` is of all images and "
    "`honest` of those without a copy in the training. Without ours, the note says why.",
    (PAPER_ROW, PAPER_DATA, PUBLISHED, PUBLISHED_NOTE),
    with_interval(OURS),
    with_interval(real("honest", "ours, without copies", empty=True), "honest_", "without copies"),
    PLAIN_DIFFERENCE,
    (OUR_MODEL, VIEW, DATA, LEAKY, SYNTHETIC, NOTE),
)

sfew_beside = table(
    "A number of the SFEW paper beside ours: accuracies as shares, or a count of images. `random` is the "
    "published protocol, leaky. Without ours, the note says why.",
    (STUDY, TABLE, ITEM),
    choice("metric", ("accuracy", "images")),
    (SPLIT.but(title="fold"), PUBLISHED, PUBLISHED_NOTE),
    count("count", "our images", empty=True),
    share("random", "ours, random folds (published protocol, leaky)", empty=True),
    (share("film", "ours, folds by film", empty=True), share("spi", "ours, SPI", empty=True)),
    real(
        "difference",
        empty=True,
        about="Of the protocol that the paper followed, less the published number, in points (images: in "
        "images); empty for synthetic data.",
    ),
    (OUR_MODEL, OUR_START.but(title="our start"), DATA, SYNTHETIC, NOTE),
)

affect_beside = table(
    "A published number of the AffectNet study beside ours. Of synthetic data our figure stands in "
    "`ours_synthetic`, without a difference. Without ours, the note says why.",
    (PAPER_ROW, PAPER_DATA, PUBLISHED, PUBLISHED_NOTE),
    (with_interval(OURS), PLAIN_DIFFERENCE),
    with_interval(real("ours_synthetic", "ours, synthetic data", empty=True), "synthetic_", "synthetic data"),
    (OUR_MODEL, DATA, SYNTHETIC, NOTE),
)

datacentric = table(
    "Every number of the data-centric paper beside ours, or the reason why there is none.",
    (TABLE.but(title="part of the paper"), ITEM, METRIC),
    (real("published", format="g"), real("ours", format=".5g", empty=True)),
    (real("low", format=".4g", empty=True), real("high", format=".4g", empty=True), OUR_MODEL),
    text("our_protocol"),
    (SYNTHETIC, NOTE),
)

finetuned = table(
    "The thesis's Table 3.4, accuracy on PrivateTest and parameters that learnt, beside ours. "
    "`difference` stays empty on synthetic data; without ours, the note says why.",
    (text("network"), OUR_MODEL),
    count("published_blocks", "blocks unfrozen, published", empty=True),
    count("blocks", "blocks unfrozen, ours", empty=True),
    (percent("published", "published (%)", empty=True), percent("ours", "ours (%)", empty=True)),
    DIFFERENCE.but(empty=True),
    count("published_parameters", "trainable parameters, published", low=1, format=",.0f", empty=True),
    count("parameters", "trainable parameters, ours", low=1, format=",.0f", empty=True),
    (SYNTHETIC, NOTE),
)

sfew_paper = table(
    "A row of Tables 1 to 3 of the SFEW paper, published or ours: accuracy in each fold, and its average "
    "over all folds. Folds beyond the tenth have no column.",
    (NETWORK, EPOCHS.but(empty=True), IMAGES, text("whose", "whose, protocol", pattern=FILLED)),
    tuple(percent(f"fold_{number}", empty=True) for number in range(1, 11)),
    percent("average", empty=True),
    (OUR_START, SYNTHETIC, NOTE),
)

sfew_methods = table(
    "Table 4 of the SFEW paper beside ours, and what its author names as future work: average accuracy of "
    "a method under each protocol.",
    (text("method", pattern=FILLED), percent("published", empty=True)),
    percent("random", "ours, random folds (published protocol, leaky)", empty=True),
    (percent("film", "ours, folds by film", empty=True), percent("spi", "ours, SPI", empty=True)),
    (OUR_MODEL, OUR_START, SYNTHETIC, NOTE),
)

affect_augmentation = table(
    "How images are augmented (Akhtar 2022, Table 4): published beside this study's settings.",
    text("setting", pattern=FILLED),
    (PUBLISHED.but(empty=True), OURS),
)
