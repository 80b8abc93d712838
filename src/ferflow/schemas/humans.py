"""Tables of human annotators: their answers, and how well they recognise the clips."""

from __future__ import annotations

from ferflow.schemas.columns import choice, count, flag, percent, real, table, text, with_interval
from ferflow.schemas.shared import (
    ACCURACY,
    CLASS,
    CLASS_OR_NONE,
    CLIP_ID,
    EMOTION,
    FILLED,
    N_CLIPS,
    NOTE,
    SIMULATED,
    SUBJECT_ID,
    SYNTHETIC,
)

annotations = table(
    "One answer of one annotator about one clip.",
    (text("annotator", pattern=r"\s*\S.*"), CLIP_ID, text("emotion")),
    text("answered", empty=True, optional=True, about="Time of the answer, UTC, ISO 8601."),
)

votes = table(
    "How many annotators called a clip what: a column per emotion, angry or votes_angry and so on.",
    CLIP_ID,
    further=count(""),
)

cremad_votes = table(
    "Vote counts as CREMA-D publishes them.",
    text("fileName", pattern="[^_]+_[^_]+_[^_]+_[^_]+"),
    (tuple(count(name) for name in "ADFHNS"), count("numResponses"), text("emoVote", optional=True)),
    further=text(""),
)

human_clips = table(
    "What the annotators said of one clip. `agreement` is the share who named its label, with Wilson's "
    "interval over annotators; `tied` where several emotions have the most votes; `mistaken` where most "
    "named another emotion than the label.",
    (CLIP_ID, SUBJECT_ID, EMOTION.but(title="label")),
    (count("n_annotators", "annotators", low=1), count("n_right", "right")),
    with_interval(percent("agreement", "agree with the label (%)"), empty=False),
    text("majority", "majority vote", pattern=CLASS),
    (flag("tied", "tie"), flag("mistaken", "mistaken by most")),
    text("mistaken_for", "taken for", pattern=CLASS_OR_NONE, empty=True),
    count("^votes_(.+)$"),
    (SYNTHETIC, SIMULATED),
)

human_accuracy = table(
    "Share of right answers of one annotator about all clips or those of one emotion, with its bootstrap "
    "interval over subjects.",
    (text("annotator", pattern=FILLED), EMOTION, N_CLIPS.but(low=1), count("n_right", "right")),
    with_interval(ACCURACY.but(title="right answers (%)")),
    (SYNTHETIC, SIMULATED, NOTE),
)

human_mistaken = table(
    "What clips of `emotion` that most annotators mistook were taken for. `share` is the share of the "
    "wrong answers about them, with its bootstrap interval over subjects.",
    (EMOTION.but(title="label"), text("mistaken_for", "taken for", pattern=CLASS)),
    (N_CLIPS.but(title="mistaken clips of the label"), count("n_most", "mostly taken for it")),
    count("n_answers", "wrong answers"),
    with_interval(percent("share", "share of the wrong answers (%)", empty=True)),
    (SYNTHETIC, SIMULATED, NOTE),
)

human_summary = table(
    "One number of the human baseline, for all clips or those of one emotion, with its bootstrap interval.",
    choice(
        "measure",
        (
            "accuracy",
            "mean_of_medians",
            "median_accuracy",
            "annotator_mean_of_medians",
            "annotator_median_accuracy",
            "majority_accuracy",
            "majority_ties_wrong",
            "majority_ties_right",
            "tied",
            "mistaken",
            "fleiss_kappa",
        ),
    ),
    EMOTION,
    with_interval(real("value", low=-1, high=1, format=".3f", empty=True)),
    (N_CLIPS, count("n_answers", "answers")),
    (SYNTHETIC, SIMULATED, NOTE),
)
