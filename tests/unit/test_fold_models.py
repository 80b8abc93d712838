"""The mean of the folds' best models on the test subjects, beside the final model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from prediction_study import clips, predictions, scores, subjects
from sklearn.metrics import accuracy_score

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import InputError
from ferflow.evaluation.fold_models import fold_models
from ferflow.evaluation.predictions import table

FOLDS = 3


@pytest.fixture
def settings(small_settings):
    return small_settings({"evaluation": {"bootstrap": 200}}).evaluation


@pytest.fixture
def final() -> pd.DataFrame:
    return predictions({"compact+lstm": 1.0, "c3d": 0.5})


@pytest.fixture
def tested(final) -> pd.DataFrame:
    """What three models per name say of the final models' test clips; those of c3d are the final one."""
    rng, parts = np.random.default_rng(1), []
    shown = final[(final["model"] == "c3d") & (final["protocol"] == "test")]
    rows = clips(subjects()).set_index("clip_id").loc[shown["clip_id"]].reset_index()
    truth = rows["emotion"].map(EMOTIONS.index).to_numpy()
    for fold in range(FOLDS):
        shares = scores(truth, 0.4 + 0.4 * fold, rng)
        parts.append(table(rows, shares, EMOTIONS, "compact+lstm", "test", fold, 0).assign(synthetic=True))
        parts.append(shown.assign(fold=fold))
    return pd.concat(parts, ignore_index=True)


def test_the_mean_over_folds_is_that_of_scikit_learn(tested, final, settings):
    found = fold_models(tested, final, EMOTIONS, settings, seed=2).set_index("model")
    for model in ("compact+lstm", "c3d"):
        mine = tested[tested["model"] == model]
        each = [accuracy_score(part["emotion"], part["predicted"]) for _, part in mine.groupby("fold")]
        row = found.loc[model]
        assert row["accuracy"] == pytest.approx(np.mean(each)) and row["n_folds"] == FOLDS
        assert (row["least"], row["greatest"]) == pytest.approx((min(each), max(each)))
        assert row["low"] < row["accuracy"] < row["high"]
    assert found.loc["compact+lstm", "least"] < found.loc["compact+lstm", "greatest"]
    # Where the folds' models are the final one, nothing differs, in any resample; few clips do not prove it.
    same = found.loc["c3d", ["difference", "difference_low", "difference_high"]].astype(float)
    assert abs(same["difference"]) < 1e-12 and 0 < same["difference_high"] == -same["difference_low"] < 0.2


def test_the_table_fits_its_schema(tested, final, settings, tmp_path):
    found = fold_models(tested, final, EMOTIONS, settings, seed=2).assign(note="")
    tables.write(found, tmp_path / "fold_models.csv", "fold_models")
    assert tables.read(tmp_path / "fold_models.csv", "fold_models")["synthetic"].all()


def test_a_fold_that_saw_other_clips_is_named(tested, final, settings):
    first = tested[(tested["model"] == "c3d") & (tested["fold"] == 1)].index[0]
    with pytest.raises(InputError, match="fold 1 of c3d was not shown the final model's clips"):
        fold_models(tested.drop(index=first), final, EMOTIONS, settings, seed=2)
