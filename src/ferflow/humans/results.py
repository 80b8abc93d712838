"""The human baseline: majority votes, accuracies, agreement on every clip, confusions, and a summary.

In the majority vote of a clip, of several emotions with the most votes the first one in the order of the
classes wins: the rule for ties everywhere. The summary has the number of ties, and the accuracy if every tie
were right or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from ferflow.evaluation.classification import ALL, confusion_columns
from ferflow.evaluation.predictions import HUMAN, SIMULATED, first_largest
from ferflow.evaluation.results import resampling_units
from ferflow.humans import measures
from ferflow.humans.annotations import human_rows
from ferflow.humans.measures import Estimate, medians, share, wilson
from ferflow.humans.votes import Votes
from ferflow.settings import Evaluation

MAJORITY_MODEL = "human-majority"
SIMULATED_MAJORITY_MODEL = "simulated-human-majority"


@dataclass(frozen=True)
class Majority:
    """Majority votes of N clips, arrays [N].

    `winner` is the class index, `tied` true where several emotions have the most votes, `among` true where
    the label is one of those.
    """

    winner: np.ndarray
    tied: np.ndarray
    among: np.ndarray


def majority(votes: Votes) -> Majority:
    """The majority vote of every clip."""
    most = votes.counts.max(1, keepdims=True)
    first = votes.counts == most
    rows = np.arange(len(first))
    return Majority(first_largest(votes.counts), first.sum(1) > 1, first[rows, votes.labels])


def majority_predictions(votes: Votes, simulated: bool, seed: int | None = None) -> pd.DataFrame:
    """Schema `predictions`, protocol `human`: the majority as one model, whose scores are shares of votes."""
    probabilities = votes.counts / votes.n[:, None]
    predicted = np.asarray(votes.emotions, object)[majority(votes).winner]
    scores = {f"p_{emotion}": probabilities[:, k] for k, emotion in enumerate(votes.emotions)}
    frame = votes.clips[["clip_id", "subject_id", "emotion"]].assign(predicted=predicted, **scores)
    model = SIMULATED_MAJORITY_MODEL if simulated else MAJORITY_MODEL
    return human_rows(frame.assign(model=model, role=SIMULATED if simulated else HUMAN), seed)


def per_annotator(
    answers: pd.DataFrame,
    emotions: Sequence[str],
    n_clips: int,
    missing: Mapping[str, int],
    settings: Evaluation,
    seed: int,
) -> pd.DataFrame:
    """Schema `human_accuracy`, without the marks: each annotator for `all` clips and for each emotion.

    `missing` (from `annotations.incomplete`) names those who have not answered all of the `n_clips` clips.
    """
    answers = answers.assign(right=answers["predicted"] == answers["emotion"], unit=resampling_units(answers))
    rows = []
    for name, answered in answers.groupby("annotator", sort=True):
        note = f"{missing[name]} of {n_clips} clips" if name in missing else ""
        for emotion in (ALL, *emotions):
            part = answered if emotion == ALL else answered[answered["emotion"] == emotion]
            if part.empty:
                continue
            estimate = share(part["right"], pd.Series(1, part.index), part["unit"], settings, seed)
            remarks = [remark for remark in (note, estimate.note) if remark]
            rows.append(
                {"annotator": name, "emotion": emotion, "n_clips": len(part)}
                | {"n_right": int(part["right"].sum()), "accuracy": estimate.value}
                | {"low": estimate.low, "high": estimate.high, "note": "; ".join(remarks)}
            )
    return pd.DataFrame(rows)


def per_clip(votes: Votes, mistaken: float, settings: Evaluation) -> pd.DataFrame:
    """Schema `human_clips`, without the marks: a row per clip, sorted by label and clip.

    `agreement` is the share of annotators who named the label, with Wilson's interval over annotators; a clip
    is `mistaken` if a greater share than `mistaken` named another emotion (thesis, Figure 3.26: half), and
    `mistaken_for` is then the answer of most of those, the first of several.
    """
    n, right, labels = votes.n, votes.right, votes.labels
    won = majority(votes)
    wrong = votes.counts.copy()
    wrong[np.arange(len(wrong)), labels] = 0
    missed = (n - right) / n > mistaken
    names = np.asarray(votes.emotions, object)
    low, high = wilson(right, n, settings.confidence)
    table = votes.clips[["clip_id", "subject_id", "emotion"]].assign(
        n_annotators=n,
        n_right=right,
        agreement=right / n,
        low=low,
        high=high,
        majority=names[won.winner],
        tied=won.tied,
        mistaken=missed,
        mistaken_for=np.where(missed, names[wrong.argmax(1)], ""),
        **{f"votes_{emotion}": votes.counts[:, k] for k, emotion in enumerate(votes.emotions)},
    )
    order = np.lexsort([table["clip_id"], labels])
    return table.iloc[order].reset_index(drop=True)


POOLED_MODEL = "human"
SIMULATED_POOLED_MODEL = "simulated-human"


def confusion(votes: Votes, simulated: bool) -> pd.DataFrame:
    """Schema `confusion`: what clips of each emotion were called; `count` counts answers and not clips."""
    counts = np.zeros((len(votes.emotions), len(votes.emotions)), np.int64)
    np.add.at(counts, votes.labels, votes.counts)
    who = {
        "model": SIMULATED_POOLED_MODEL if simulated else POOLED_MODEL,
        "role": SIMULATED if simulated else HUMAN,
        "view": "",
        "protocol": HUMAN,
    }
    marks = {"synthetic": bool(votes.clips["synthetic"].any()), "note": "counts are answers"}
    return pd.DataFrame(who | confusion_columns(counts, votes.emotions) | marks)


def mistaken_for(votes: Votes, mistaken: float, settings: Evaluation, seed: int) -> pd.DataFrame:
    """Schema `human_mistaken`, without the marks: for each emotion, each other one it was taken for.

    Only clips count of which a greater share of the annotators than `mistaken` was wrong: `n_clips` of them.
    `n_answers` wrong answers about these named the other emotion, `share` of all wrong ones about them; of
    `n_most` clips it was the most frequent wrong answer, the first of several. An emotion none of whose clips
    was mistaken has empty shares.
    """
    missed = votes.about((votes.n - votes.right) / votes.n > mistaken)
    labels = missed.labels
    wrong = missed.counts.copy()
    wrong[np.arange(len(wrong)), labels] = 0
    most = wrong.argmax(1) if len(wrong) else np.zeros(0, int)
    subjects = resampling_units(missed.clips).to_numpy()
    rows = []
    for k, emotion in enumerate(votes.emotions):
        of_class = labels == k
        for other, name in enumerate(votes.emotions):
            if other == k:
                continue
            estimate = share(
                wrong[of_class, other], wrong[of_class].sum(1), subjects[of_class], settings, seed
            )
            rows.append(
                {
                    "emotion": emotion,
                    "mistaken_for": name,
                    "n_clips": int(of_class.sum()),
                    "n_most": int((most[of_class] == other).sum()),
                    "n_answers": int(wrong[of_class, other].sum()),
                    "share": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "note": estimate.note if of_class.any() else "no clip was mistaken by most",
                }
            )
    return pd.DataFrame(rows)


def summarise(
    votes: Votes, accuracies: pd.DataFrame | None, mistaken: float, settings: Evaluation, seed: int
) -> pd.DataFrame:
    """Schema `human_summary`, without the marks: each number for `all` clips, and some for each emotion.

    `accuracies` (schema `human_accuracy`) adds the medians over annotators; None where only votes
    are known. The mean of the medians is the number that the thesis calls human ground truth (67.8 %, Table
    3.6): the mean over emotions of the median clip's share, and not a share of right answers.
    """
    subjects, labels, emotions = resampling_units(votes.clips).to_numpy(), votes.labels, votes.emotions
    rows, ones = [], np.ones(len(labels))

    def of(emotion: str) -> np.ndarray:
        return np.ones(len(labels), bool) if emotion == ALL else labels == emotions.index(emotion)

    def add(measure: str, emotion: str, estimate: Estimate) -> None:
        counts = {"n_clips": int(of(emotion).sum()), "n_answers": int(votes.n[of(emotion)].sum())}
        row = {"measure": measure, "emotion": emotion} | asdict(estimate)
        rows.append(row | counts)

    def of_clips(measure: str, right: np.ndarray, emotion: str = ALL, n: np.ndarray = ones) -> None:
        chosen = of(emotion)
        add(measure, emotion, share(right[chosen], n[chosen], subjects[chosen], settings, seed))

    shown = [emotion for k, emotion in enumerate(emotions) if (labels == k).any()]
    for emotion in (ALL, *shown):
        of_clips("accuracy", votes.right, emotion, votes.n)
    each, mean = medians(votes.right / votes.n, labels, len(emotions), subjects, settings, seed)
    add("mean_of_medians", ALL, mean)
    for emotion in shown:
        add("median_accuracy", emotion, each[emotions.index(emotion)])
    if accuracies is not None:
        by_class = accuracies[accuracies["emotion"] != ALL]
        groups = by_class["emotion"].map({emotion: k for k, emotion in enumerate(emotions)})
        each, mean = medians(
            by_class["accuracy"], groups, len(emotions), by_class["annotator"], settings, seed, "annotator"
        )

        def noted(median: Estimate) -> Estimate:
            remarks = [] if median.low is None else ["interval over annotators"]
            return replace(median, note="; ".join(filter(None, [*remarks, median.note])))

        add("annotator_mean_of_medians", ALL, noted(mean))
        for emotion in shown:
            add("annotator_median_accuracy", emotion, noted(each[emotions.index(emotion)]))
    won = majority(votes)
    for emotion in (ALL, *shown):
        of_clips("majority_accuracy", won.winner == labels, emotion)
    of_clips("majority_ties_wrong", won.among & ~won.tied)
    of_clips("majority_ties_right", won.among)
    of_clips("tied", won.tied)
    missed = (votes.n - votes.right) / votes.n > mistaken
    for emotion in (ALL, *shown):
        of_clips("mistaken", missed, emotion)
    add("fleiss_kappa", ALL, measures.fleiss_with_interval(votes.counts, subjects, settings, seed))
    return pd.DataFrame(rows)
