"""The human baseline in numbers, each with its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.evaluation.results import units
from ferflow.humans import kappa
from ferflow.humans.accuracy import ALL
from ferflow.humans.intervals import Estimate, medians, share
from ferflow.humans.majority import majority
from ferflow.humans.votes import Votes
from ferflow.settings import Evaluation


def summarise(
    votes: Votes, accuracies: pd.DataFrame | None, mistaken: float, settings: Evaluation, seed: int
) -> pd.DataFrame:
    """Schema `human_summary`, without the marks: each number for `all` clips, and some for each emotion.

    `accuracies` (schema `human_accuracy`) adds what the annotators' own shares give; None where only votes
    are known. The mean of the medians is the number that the thesis calls human ground truth (67.8 %, Table
    3.6): the mean over emotions of the median clip's share, and not a share of right answers.
    """
    drawn, labels, emotions = units(votes.clips).to_numpy(), votes.labels, votes.emotions
    rows: list[dict] = []

    def add(measure: str, emotion: str, found: Estimate) -> None:
        own = np.ones(len(labels), bool) if emotion == ALL else labels == emotions.index(emotion)
        counts = {"n_clips": int(own.sum()), "n_answers": int(votes.n[own].sum())}
        rows.append({"measure": measure, "emotion": emotion} | found.row() | counts | {"note": found.note})

    def of_clips(measure: str, chosen: np.ndarray, emotion: str = ALL) -> None:
        own = np.ones(len(labels), bool) if emotion == ALL else labels == emotions.index(emotion)
        ones = np.ones(int(own.sum()))
        add(measure, emotion, share(chosen[own], ones, drawn[own], settings, seed))

    shown = [emotion for k, emotion in enumerate(emotions) if (labels == k).any()]
    add("accuracy", ALL, share(votes.right, votes.n, drawn, settings, seed))
    for emotion in shown:
        own = labels == emotions.index(emotion)
        add("accuracy", emotion, share(votes.right[own], votes.n[own], drawn[own], settings, seed))
    each, mean = medians(votes.right / votes.n, labels, len(emotions), drawn, settings, seed)
    add("mean_of_medians", ALL, mean)
    for emotion in shown:
        add("median_accuracy", emotion, each[emotions.index(emotion)])
    if accuracies is not None:
        own = accuracies[accuracies["emotion"] != ALL]
        groups = own["emotion"].map({emotion: k for k, emotion in enumerate(emotions)})
        each, mean = medians(own["accuracy"], groups, len(emotions), own["annotator"], settings, seed)
        remark = "interval over annotators"
        add("annotator_mean_of_medians", ALL, Estimate(mean.value, mean.low, mean.high, mean.note or remark))
        for emotion in shown:
            found = each[emotions.index(emotion)]
            add(
                "annotator_median_accuracy",
                emotion,
                Estimate(found.value, found.low, found.high, found.note or remark),
            )
    won = majority(votes)
    of_clips("majority_accuracy", won.winner == labels)
    for emotion in shown:
        of_clips("majority_accuracy", won.winner == labels, emotion)
    of_clips("majority_ties_wrong", won.among & ~won.tied)
    of_clips("majority_ties_right", won.among)
    of_clips("tied", won.tied)
    missed = (votes.n - votes.right) / votes.n > mistaken
    for emotion in (ALL, *shown):
        of_clips("mistaken", missed, emotion)
    add("fleiss_kappa", ALL, kappa.with_interval(votes.counts, drawn, settings, seed))
    return pd.DataFrame(rows)


def published_item(emotion: str) -> str:
    """The item of a summary's row in the list of published numbers: `human`, or `human/happy`."""
    return "human" if emotion == ALL else f"human/{emotion}"
