"""A mean is taken off the features that heads read, the clip's or the person's; the store keeps all."""

from __future__ import annotations

import numpy as np
import pytest
import training_study

from ferflow.classes import EMOTIONS
from ferflow.features import store
from ferflow.training.data import Study


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return training_study.write(tmp_path_factory.mktemp("normalise"))


def read(tiny, normalise):
    files = [tiny.folder / "manifest.csv", tiny.folder / "trim.csv"]
    return Study.read(*files, tiny.features(), EMOTIONS, 100, normalise)


def means(tiny, normalise, subject="M003"):
    """The mean [n,F] of the features of each of a subject's clips: as they are, then flipped."""
    study = read(tiny, normalise)
    features = study.features(study.of([subject]), ["flip"], memory=8)
    return np.stack([features.sequence(n).astype(float).mean(0) for n in range(len(features))])


def test_nothing_is_taken_off_by_default(tiny):
    study = read(tiny, "none")
    clip = study.clips.iloc[0]
    features = study.features(study.of([clip.subject_id]), [], memory=8)
    path = tiny.folder / "none" / f"{clip.subject_id}.h5"
    np.testing.assert_array_equal(
        features.sequence(0), store.read(path, clip.clip_id, *study.windows[clip.clip_id])
    )


def test_the_clips_own_mean_leaves_every_clip_with_none(tiny):
    plain = means(tiny, "none")
    np.testing.assert_allclose(means(tiny, "clip"), 0, atol=2e-3)
    assert np.abs(plain).max() > 1


def test_the_persons_mean_is_that_of_their_clips_and_keeps_what_tells_them_apart(tiny):
    plain, less = means(tiny, "none"), means(tiny, "subject")
    for version in (slice(0, 6), slice(6, 12)):  # each version of the clips has a mean of its own
        np.testing.assert_allclose(less[version], plain[version] - plain[version].mean(0), atol=2e-3)
    assert np.abs(less).max() > 0.5
    # Others of the study change nothing of it, and what is kept in memory is the same as what is read again.
    study = read(tiny, "subject")
    everyone = study.features(study.clips, [], memory=0)
    first = study.clips.index[study.clips.subject_id == "M003"][0]
    np.testing.assert_allclose(everyone.sequence(first).astype(float).mean(0), less[0], atol=2e-3)
