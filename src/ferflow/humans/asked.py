"""The clips that people are asked about: those of the test subjects, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ferflow.datasets import manifest
from ferflow.errors import InputError
from ferflow.files import read_json


def asked(manifest_csv: str | Path, splits_json: str | Path | None, emotions: Sequence[str]) -> pd.DataFrame:
    """Rows of schema `manifest`, sorted by clip: the test subjects' clips, or all where nobody is held out.

    Clips of a class that is not among `emotions` are left out, since nobody can choose it. Raises InputError
    for files that are missing or broken, and where no clip is left.
    """
    clips = manifest.read(manifest_csv)
    clips = clips[clips["emotion"].isin(emotions)]
    where: str | Path = manifest_csv
    if splits_json is not None:
        test = _test_subjects(splits_json)
        clips = clips[clips["subject_id"].isin(test)] if test else clips
        where = splits_json
    if clips.empty:
        raise InputError(where, "leaves no clip to be annotated", "name a manifest and the split made of it")
    return clips.sort_values("clip_id").reset_index(drop=True)


def _test_subjects(path: str | Path) -> list[str]:
    try:
        test = read_json(path)["test"]
        if not isinstance(test, list) or not all(isinstance(subject, str) for subject in test):
            raise ValueError("test is no list of subjects")
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run the workflow up to the split of the subjects") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(path, f"is not a split of subjects ({error})", "make it again") from None
    return test
