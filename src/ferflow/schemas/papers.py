"""Tables of the papers' numbers, and of them beside ours."""

from __future__ import annotations

from ferflow.schemas.columns import choice, count, percent, real, table, text, with_interval
from ferflow.schemas.shared import (
    DATA,
    DIFFERENCE,
    EPOCHS,
    FILLED,
    IMAGES,
    ITEM,
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
OUR_START = choice("start", (*STARTS, ""))

published = table(
    "A number that a reference paper reports.",
    (PAPER_ROW, real("value", empty=True)),
    (SPLIT.but(title="split"), NOTE),
)

published_comparison = table(
    "A published number beside the reproduced one; `difference` (points of a percent) stays empty where "
    "the data are synthetic, since such numbers cannot be compared.",
    (PAPER_ROW, percent("published", "published (%)"), OUR_MODEL),
    with_interval(percent("ours", "ours (%)", empty=True)),
    DIFFERENCE.but(empty=True),
    (DATA, NOTE),
)

reference = table(
    "A published number beside ours, or in the note the reason why there is none. Numbers of ours under "
    "other protocols than the paper's are further columns `ours_…`. There is no difference on synthetic "
    "data, nor beside another network than the paper's.",
    (PAPER_ROW, SPLIT.but(title="data"), PUBLISHED.but(empty=True), PUBLISHED_NOTE),
    (with_interval(OURS), real("^ours_(.+)$", empty=True)),
    real("difference", empty=True, about="Ours less the published number, of shares in points."),
    (OUR_MODEL, VIEW),
    text("protocol", "our protocol", about="Where it is leaky, or the paper does not say its own."),
    (DATA, SYNTHETIC, NOTE),
)

finetuned = table(
    "The thesis's Table 3.4, accuracy on PrivateTest and parameters that learnt, beside ours. "
    "`difference` stays empty on synthetic data; without ours, the note says why.",
    (text("network"), OUR_MODEL),
    count("published_blocks", "blocks unfrozen, published", empty=True),
    count("blocks", "blocks unfrozen, ours", empty=True),
    (percent("published", "published (%)", empty=True), percent("ours", "ours (%)", empty=True)),
    percent("honest", "ours, without images that it has learnt from (%)", empty=True),
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
