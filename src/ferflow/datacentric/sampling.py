"""Class weights, random oversampling and SMOTE, before the split into training and test images and after it.

`published`: all images are resampled first and divided afterwards, so that copies and interpolations of one
image stand on both sides (results above 80 % on FER2013 suggest it). `honest`: the official division,
training images that are copies or near copies of a test image left out, and only the training side resampled.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.fer2013 import USAGES
from ferflow.datasets.images import ImageSet
from ferflow.errors import SettingError
from ferflow.seeds import derive_seed

Protocol = Literal["published", "honest", "cleaned"]
PROTOCOLS: tuple[Protocol, ...] = ("published", "honest")
"""Those that are compared; `cleaned` is the honest one on the images that the cleaned split keeps."""

TRAINING, *TESTS = USAGES
"""FER2013's parts; the paper's test images are both of TESTS together (28,709 against 7,178)."""
RESAMPLED = ("oversampling", "smote")
"""Samplings that make images; the others train on the images that there are."""


class Samples(NamedTuple):
    """Images of one side, some of them perhaps made: `pixels` uint8 [N,H,W], `labels` int64 [N].

    `parents` int64 [N,2] are the rows of the set that an image comes from: twice its own row, or its
    original's, or the two images that SMOTE put it between. `made` bool [N]: a copy or an interpolation.
    """

    pixels: np.ndarray
    labels: np.ndarray
    parents: np.ndarray
    made: np.ndarray

    def rows(self, chosen: np.ndarray) -> Samples:
        """The samples that `chosen` (row numbers) picks."""
        return Samples(*(column[chosen] for column in self))


def draw(images: ImageSet, n_images: int, seed: int) -> ImageSet:
    """`n_images` images in their order; every part and class keeps its share, and has at least one image."""
    if n_images > len(images):
        raise SettingError("datacentric.images", f"is {n_images}, but there are {len(images)}", "lower it")
    rng = np.random.default_rng(derive_seed(seed, "datacentric", "draw"))
    chosen = []
    for rows in images.table.groupby(["split", "emotion"], sort=True).indices.values():
        n = max(1, round(n_images * len(rows) / len(images)))
        chosen.append(rng.choice(rows, n, replace=False))
    return images.rows(np.sort(np.concatenate(chosen)))


def is_test(images: ImageSet) -> np.ndarray:
    """Which images the paper tests on, bool [N]."""
    return images.table["split"].isin(TESTS).to_numpy()


def sides(
    images: ImageSet,
    photographs: np.ndarray,
    sampling: str,
    protocol: Protocol,
    neighbours: int,
    seed: int,
    kept: np.ndarray | None = None,
) -> tuple[Samples, Samples]:
    """The training and the test samples of one row of the comparison.

    `photographs` int64 [N] names what belongs together (`duplicates.photographs`). Under `published` the test
    side is the share of the (resampled) images that the paper's test images are of all, drawn at random
    within each class; where nothing is resampled (none, class weights), that draw is all that differs from
    the official division. `kept` bool [N] names the training images that the cleaned split keeps; whatever it
    is, it is tested on all official test images.
    """
    everything, test = np.arange(len(images)), is_test(images)
    start = derive_seed(seed, "datacentric", sampling, protocol)
    if protocol == "published":
        pool = resample(original(images, everything), sampling, neighbours, start)
        return divide(pool, float(test.mean()), start)
    seen = ~test & ~np.isin(photographs, photographs[test])
    if kept is not None:
        seen &= kept
    training = resample(original(images, everything[seen]), sampling, neighbours, start)
    return training, original(images, everything[test])


def original(images: ImageSet, rows: np.ndarray) -> Samples:
    """The images of these row numbers as they are."""
    parents = np.stack([rows, rows], axis=1).astype(np.int64)
    return Samples(images.pixels[rows], images.labels[rows], parents, np.zeros(len(rows), bool))


def resample(samples: Samples, sampling: str, neighbours: int, seed: int) -> Samples:
    """Every class as large as the largest, by copies (oversampling) or interpolations (smote) at the end.

    The other samplings give `samples` back. `neighbours` are SMOTE's. Raises SettingError where a class has
    too few images to interpolate.
    """
    if sampling not in RESAMPLED:
        return samples
    make = _copies if sampling == "oversampling" else _interpolations
    pixels, labels, parents = make(samples, neighbours, seed % 2**32)
    return Samples(
        np.concatenate([samples.pixels, pixels]),
        np.concatenate([samples.labels, labels]),
        np.concatenate([samples.parents, parents]),
        np.concatenate([samples.made, np.ones(len(pixels), bool)]),
    )


def divide(samples: Samples, test_share: float, seed: int) -> tuple[Samples, Samples]:
    """`samples` at random into a training side and `test_share` of them as a test side, class by class."""
    from sklearn.model_selection import train_test_split

    training, test = train_test_split(
        np.arange(len(samples.labels)),
        test_size=test_share,
        stratify=samples.labels,
        random_state=seed % 2**32,
    )
    return samples.rows(np.sort(training)), samples.rows(np.sort(test))


def _copies(samples: Samples, _: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from imblearn.over_sampling import RandomOverSampler

    sampler = RandomOverSampler(random_state=seed)
    sampler.fit_resample(np.arange(len(samples.labels))[:, None], samples.labels)
    added = sampler.sample_indices_[len(samples.labels) :]
    return samples.pixels[added], samples.labels[added], samples.parents[added]


def _interpolations(
    samples: Samples, neighbours: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images between an image and one of its nearest `neighbours` of its class, as SMOTE makes them.

    Chawla et al. 2002, on vectors of pixels. On all of FER2013: 62,923 vectors of 2,304 float32 values, 2 GB
    and half a minute on one core.
    """
    from imblearn.over_sampling import SMOTE

    n, shape = len(samples.labels), samples.pixels.shape[1:]
    counts = np.bincount(samples.labels)
    rarest = int(np.where(counts > 0, counts, n + 1).argmin())
    if counts[rarest] <= neighbours:
        raise SettingError(
            "datacentric.neighbours",
            f"SMOTE looks for {neighbours} neighbours, but {EMOTIONS_NEUTRAL[rarest]} has {counts[rarest]} "
            "images",
            "lower it, or raise datacentric.images",
        )

    class Recorded(SMOTE):
        """SMOTE that remembers between which two images of a class each new one lies."""

        between: list[tuple[np.ndarray, np.ndarray]]

        def _generate_samples(self, X, nn_data, nn_num, rows, cols, *others, **named):
            self.between.append((rows, nn_num[rows, cols]))
            return super()._generate_samples(X, nn_data, nn_num, rows, cols, *others, **named)

    sampler = Recorded(k_neighbors=neighbours, random_state=seed)
    sampler.between = []
    vectors, labels = sampler.fit_resample(samples.pixels.reshape(n, -1).astype(np.float32), samples.labels)
    grown = [k for k, more in sampler.sampling_strategy_.items() if more]
    parents = np.empty((len(labels) - n, 2), np.int64)
    begin = 0
    for k, (first, second) in zip(grown, sampler.between, strict=True):
        members = samples.parents[samples.labels == k, 0]
        parents[begin : begin + len(first)] = np.stack([members[first], members[second]], axis=1)
        begin += len(first)
    # Between two values of 0–255 there is nothing outside them.
    pixels = np.rint(vectors[n:]).astype(np.uint8).reshape(-1, *shape)
    return pixels, labels[n:], parents


def related(test: Samples, training: Samples, photographs: np.ndarray) -> np.ndarray:
    """Whether a test sample has a relative among the training samples, bool [N].

    A relative is a copy, a near copy, an interpolation of it or of what it was itself made from.
    """
    seen = np.unique(photographs[training.parents])
    return np.isin(photographs[test.parents], seen).any(axis=1)


def named(test: Samples, images: ImageSet, photographs: np.ndarray) -> pd.DataFrame:
    """clip_id, subject_id and emotion of the test samples.

    `subject_id` names the photograph, since what comes of one is not independent.

    A made image is named after its (first) parent and counted: `Training_123+2`.
    """
    clips = images.table["clip_id"].to_numpy()
    parent = test.parents[:, 0]
    names = pd.Series(clips[parent].astype(object))
    made = pd.Series(test.made)
    count = made.groupby(parent).cumsum()
    names[made] = names[made] + "+" + count[made].astype(str)
    _, first, number = np.unique(photographs, return_index=True, return_inverse=True)
    return pd.DataFrame(
        {
            "clip_id": names,
            "subject_id": clips[first[number[parent]]],
            "emotion": np.asarray(EMOTIONS_NEUTRAL, object)[test.labels],
        }
    )
