"""The search of a head's settings: its space, its trials, interruption, and what a wrong setting says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import training_study
import yaml

from ferflow import tables
from ferflow.errors import FerflowError, InputError, LossError, SettingError
from ferflow.report import searches
from ferflow.settings import load
from ferflow.training import head_search
from ferflow.training.head_search import FoldScore, best, search, search_head

REPOSITORY = Path(__file__).parents[2]
N_FOLDS = 3
SPACE = {
    "units": {"low": 16, "high": 64, "step": 16, "log": False},
    "dropout": {"low": 0.0, "high": 0.8, "step": 0.1, "log": False},
    "learning_rate": {"low": 0.0001, "high": 0.1, "step": None, "log": True},
    "augmentations": [0, 1],
}


@pytest.fixture
def asked(small_settings):
    """A search of eight trials, of which the third may be stopped first."""

    def make(**changes):
        own = {"run": ["lstm"], "trials": 8, "startup": 3, "pruned_after": 2, "space": {"lstm": SPACE}}
        return small_settings({"search": own | changes}).search

    return make


def judge(proposal: dict, fold: int) -> FoldScore:
    """Best at a dropout of 0.5 and 48 units; folds differ."""
    value = 0.9 - abs(proposal["dropout"] - 0.5) - abs(proposal["units"] - 48) / 200 - 0.05 * fold
    return FoldScore(round(max(value, 0.0), 6), 0.95, fold + 2)


class Killed(BaseException):
    pass


def test_the_best_is_the_greatest_of_the_trials_on_all_folds(tmp_path, asked):
    table = search(tmp_path / "a.db", {}, asked(), "lstm", N_FOLDS, 7, judge)
    assert table["trial"].tolist() == list(range(1, 9))
    whole = table[table["ended"] == "all folds"]
    assert 3 <= len(whole) < 8 and (whole["n_folds"] == N_FOLDS).all()
    for row in whole.itertuples():
        scores = [judge({"dropout": row.dropout, "units": row.units}, fold) for fold in range(N_FOLDS)]
        values = pd.Series([score.validation_accuracy for score in scores])
        assert row.validation_accuracy == pytest.approx(values.mean())
        assert (row.least, row.greatest) == (values.min(), values.max())
        assert row.spread == pytest.approx(values.std())
        assert row.epoch == 3 and row.gap == pytest.approx(0.95 - values.mean())
    chosen = best(table, list(SPACE))
    top = whole.loc[whole["validation_accuracy"].idxmax()]
    assert chosen == {name: top[name] for name in SPACE}
    assert table["best_so_far"].iloc[-1] == whole["validation_accuracy"].max()
    assert table["best_so_far"].dropna().is_monotonic_increasing
    assert type(chosen["units"]) is int and set(chosen) == set(SPACE)


def test_only_a_trial_below_the_median_of_earlier_ones_is_stopped(tmp_path, asked):
    table = search(tmp_path / "a.db", {}, asked(), "lstm", N_FOLDS, 7, judge)
    means, stopped = [], 0  # of each whole trial, the mean after each fold
    for row in table.itertuples():
        scores = [judge({"dropout": row.dropout, "units": row.units}, fold) for fold in range(N_FOLDS)]
        values = pd.Series([score.validation_accuracy for score in scores]).expanding().mean().tolist()
        if row.ended == "all folds":
            means.append(values)
            continue
        stopped += 1
        assert row.ended == "stopped" and row.n_folds < N_FOLDS and len(means) >= 2
        at = row.n_folds - 1
        assert max(values[: at + 1]) < pd.Series([mean[at] for mean in means]).median()
        assert pd.isna(row.validation_accuracy) and row.mean_so_far == pytest.approx(values[at])
    assert stopped
    never = search(tmp_path / "b.db", {}, asked(pruned_after=None), "lstm", N_FOLDS, 7, judge)
    assert (never["ended"] == "all folds").all()


def test_an_interrupted_search_ends_as_an_undisturbed_one_and_trains_no_fold_twice(tmp_path, asked):
    seen = []

    def count(proposal, fold):
        seen.append((tuple(proposal.items()), fold))
        return judge(proposal, fold)

    undisturbed = search(tmp_path / "one.db", {"a": 1}, asked(), "lstm", N_FOLDS, 7, count)
    all_folds, deaths = list(seen), [2, 7, 8]  # in the first trial, the third, and at once again
    seen.clear()

    def dies(proposal, fold):
        if deaths and len(seen) == deaths[0]:
            deaths.pop(0)
            raise Killed
        return count(proposal, fold)

    for _ in range(3):
        with pytest.raises(Killed):
            search(tmp_path / "two.db", {"a": 1}, asked(), "lstm", N_FOLDS, 7, dies)
    again = search(tmp_path / "two.db", {"a": 1}, asked(), "lstm", N_FOLDS, 7, dies)
    pd.testing.assert_frame_equal(again, undisturbed)
    assert seen == all_folds


def test_more_trials_go_on_and_other_data_begin_anew(tmp_path, asked):
    seen = []

    def count(proposal, fold):
        seen.append(fold)
        return judge(proposal, fold)

    few = search(tmp_path / "a.db", {"a": 1}, asked(trials=4), "lstm", N_FOLDS, 7, count)
    more = search(tmp_path / "a.db", {"a": 1}, asked(), "lstm", N_FOLDS, 7, count)
    pd.testing.assert_frame_equal(more.iloc[:4], few)
    assert len(seen) == more["n_folds"].sum()
    back = search(tmp_path / "a.db", {"a": 1}, asked(trials=4), "lstm", N_FOLDS, 7, count)
    pd.testing.assert_frame_equal(back, few)
    assert len(seen) == more["n_folds"].sum()
    search(tmp_path / "a.db", {"a": 2}, asked(trials=1), "lstm", N_FOLDS, 7, count)
    assert len(seen) == more["n_folds"].sum() + N_FOLDS


def test_proposals_stay_in_their_space(asked):
    import optuna

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    seen = [head_search.propose(study.ask(), asked().tried("lstm")) for _ in range(40)]
    assert {proposal["units"] for proposal in seen} == {16, 32, 48, 64}
    assert {proposal["dropout"] for proposal in seen} <= {n / 10 for n in range(9)}
    assert {proposal["augmentations"] for proposal in seen} == {0, 1}
    rates = [proposal["learning_rate"] for proposal in seen]
    assert min(rates) >= 0.0001 and max(rates) <= 0.1
    assert sum(rate < 0.00316 for rate in rates) > 10  # evenly by the logarithm, not by the value
    assert all(rate == float(f"{rate:.3g}") for rate in rates)


def test_a_diverging_trial_counts_for_nothing_and_other_errors_end_the_search(tmp_path, asked):
    def diverges(proposal, fold):
        if fold == 1 and proposal["dropout"] > 0.35:
            raise LossError("epoch 1", "the training loss is not finite", "lower the learning rate")
        return judge(proposal, fold)

    table = search(tmp_path / "a.db", {}, asked(pruned_after=None), "lstm", N_FOLDS, 7, diverges)
    lost = table["dropout"] > 0.35
    assert lost.any() and not lost.all()
    assert (table["ended"] == "diverged").equals(lost)
    assert table["validation_accuracy"].isna().equals(lost)
    assert not best(table, list(SPACE))["dropout"] > 0.35

    def never(proposal, fold):
        raise LossError("epoch 1", "the training loss is not finite", "lower the learning rate")

    with pytest.raises(FerflowError, match="no trial ran on all folds; search smaller"):
        search(tmp_path / "b.db", {}, asked(), "lstm", N_FOLDS, 7, never)

    def broken(proposal, fold):
        raise InputError("F001.h5", "is damaged", "run the features step again")

    with pytest.raises(InputError, match=r"F001\.h5"):
        search(tmp_path / "c.db", {}, asked(), "lstm", N_FOLDS, 7, broken)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"dropuot": [0.1]}, r"search\.space\.lstm\.dropuot is nothing .*; did you mean dropout\?"),
        ({"kernel": [3]}, r"search\.space\.lstm\.kernel is nothing that a search of lstm can change"),
        ({"units": []}, r"search\.space\.lstm\.units\.choices: List should have at least 1 item"),
        ({"units": {"low": 9, "high": 4, "step": None, "log": False}}, r"units\.range: nothing lies between"),
        ({"units": {"low": 4, "high": 4, "step": None, "log": False}}, r"units\.range: nothing lies between"),
        ({"units": {"low": 4, "high": 9, "step": 3, "log": False}}, "from 4 to 9 is no number of steps of 3"),
        ({"units": {"low": 4.0, "high": 9.0, "step": None, "log": False}}, "units: .*valid integer"),
        ({"units": {"low": 4, "step": 1}}, r"search\.space\.lstm\.units\.range\.high is missing"),
        ({"units": 64}, r"search\.space\.lstm\.units\.range: .*, not 64"),
        ({"units": ["64"]}, "units: write 64 instead of '64'"),
        (
            {"dropout": {"low": 0.0, "high": 1.0, "step": None, "log": False}},
            "dropout: .*less than 1, not 1.0",
        ),
        (
            {"learning_rate": {"low": 0, "high": 1, "step": None, "log": True}},
            "log: true needs a low above 0",
        ),
        ({"initialiser": ["zeros"]}, r"search\.space\.lstm\.initialiser: Input should be .*, not 'zeros'"),
        ({"augmentations": [0, 4]}, "augmentations: augment.transformations has 2, not 4"),
        (dict.fromkeys(SPACE), r"search\.space\.lstm: nothing is searched"),
    ],
)
def test_a_space_that_cannot_be_searched_is_one_line(small_settings, space, said):
    nothing = dict.fromkeys(SPACE)
    laid = {"search": {"run": ["lstm"], "space": {"lstm": nothing | space}}}
    laid["augment"] = {"transformations": ["flip", "blur"]}
    with pytest.raises(SettingError, match=said) as caught:
        small_settings(laid)
    assert "\n" not in str(caught.value)


def test_a_head_that_the_study_has_switched_off_is_not_searched(small_settings):
    heads = {"bilstm": None, "cnn1d": None}
    checked = small_settings({"temporal": {"heads": heads}, "search": {"run": ["bilstm"]}})
    assert checked.search.run == []
    assert "search.run: without bilstm, which is switched off" in checked.left_out


@pytest.mark.parametrize(
    ("study", "heads"),
    [
        ("workflow/studies/thesis.yaml", ["lstm", "bilstm", "cnn1d"]),
        ("tests/workflow/tiny.yaml", ["lstm"]),
    ],
)
def test_the_spaces_of_the_repository_can_be_searched(study, heads, small_settings):
    made = load(REPOSITORY / "params.yaml", REPOSITORY / study)
    assert made.search.run == heads
    assert all(made.search.greatest(head, "augmentations") > 0 for head in heads)
    whole = small_settings({"search": {"run": ["lstm", "bilstm", "cnn1d"]}}).search
    assert "kernel" in whole.tried("cnn1d") and "kernel" not in whole.tried("lstm")


@pytest.fixture(scope="module")
def searched(tmp_path_factory, small_settings):
    """A search with real, tiny trainings; the folder and its settings."""
    folder = tmp_path_factory.mktemp("search")
    study = training_study.write(folder)
    space = {"units": [2, 16], "dropout": None, "augmentations": [0, 1]}
    space["learning_rate"] = {"low": 0.001, "high": 0.02, "step": None, "log": True}
    own = {"run": ["lstm"], "trials": 3, "startup": 2, "pruned_after": 1, "space": {"lstm": space}}
    temporal = training_study.SMALL["temporal"] | {"epochs": 3}
    settings = small_settings({"search": own, "temporal": temporal})
    before = {path: path.stat().st_mtime_ns for path in study.features()}

    def run(where):
        search_head(
            "lstm",
            **{name: study.inputs[name] for name in ("splits", "manifest", "trim")},
            features={0: study.features("none"), 1: study.features("none", "flip")},
            out_trials=where / "trials.csv",
            out_best=where / "best.yaml",
            storage=where / "trials.db",
            settings=settings.search,
            temporal=settings.temporal,
            max_frames=50,
            classes=settings.emotions,
            model="compact+lstm",
            seed=3,
            synthetic=True,
        )

    run(folder)
    assert {path: path.stat().st_mtime_ns for path in study.features()} == before
    return folder, settings, run, study


def test_a_trial_is_what_cross_validation_makes_of_its_settings(searched, tmp_path):
    from ferflow.training.crossval import run_fold

    folder, settings, _, study = searched
    table = tables.read(folder / "trials.csv", "head_trials")
    assert table["synthetic"].all() and table["dropout"].isna().all()
    found = yaml.safe_load((folder / "best.yaml").read_text())["temporal"]
    row = table.loc[table["validation_accuracy"].idxmax()]
    assert found["heads"]["lstm"] == {"units": row["units"], "augmentations": row["augmentations"]}
    assert found["learning_rate"] == row["learning_rate"]
    changes = found["heads"]["lstm"] | {"learning_rate": found["learning_rate"]}
    names = ("none", "flip")[: 1 + int(row["augmentations"])]
    tops = []
    for fold in range(5):
        run_fold(
            "lstm",
            fold,
            **{name: study.inputs[name] for name in ("splits", "manifest", "trim")},
            features=study.features(*names),
            out_folder=tmp_path / str(fold),
            temporal=settings.temporal.changed("lstm", changes),
            finalize=None,
            max_frames=50,
            classes=settings.emotions,
            model="x",
            seed=3,
        )
        history = tables.read(tmp_path / str(fold) / "history.csv", "history")
        tops.append(history["validation_accuracy"].max())
    assert row["validation_accuracy"] == pytest.approx(sum(tops) / 5)
    assert row["greatest"] == pytest.approx(max(tops))


def test_a_search_repeats_from_its_store_and_its_best_can_be_laid_over_the_study(searched, tmp_path):
    folder, _, run, _ = searched
    (tmp_path / "trials.db").write_bytes((folder / "trials.db").read_bytes())
    run(tmp_path)
    for name in ("trials.csv", "best.yaml"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    found = yaml.safe_load((folder / "best.yaml").read_text())["temporal"]
    laid = load(REPOSITORY / "params.yaml", folder / "best.yaml")
    assert laid.temporal.heads["lstm"].units == found["heads"]["lstm"]["units"]
    assert laid.temporal.learning_rate == found["learning_rate"]
    assert laid.temporal.heads["lstm"].dropout == 0.4  # what was not searched stays


def test_the_figure_shows_every_setting_and_its_marks(tmp_path, asked):
    space = {"lstm": SPACE | {"initialiser": ["glorot_uniform", "he_normal"]}}
    table = search(tmp_path / "a.db", {}, asked(space=space), "lstm", N_FOLDS, 7, judge)
    assert searches.searched(table) == ["units", "dropout", "initialiser", "augmentations", "learning_rate"]
    tables.write(table.assign(synthetic=True, note=""), tmp_path / "trials.csv", "head_trials")
    searches.head(tmp_path / "trials.csv", tmp_path / "out.svg", "compact+lstm", ["learning_rate"])
    text = (tmp_path / "out.svg").read_text()
    whole = (table["ended"] == "all folds").sum()
    assert f"8 trials, {whole} of them on all folds" in text and "synthetic data" in text
    for name in ("units", "dropout", "initialiser", "augmentations", "learning rate", "he_normal"):
        assert name in text


def test_words_and_overlay_name_what_was_chosen():
    chosen = {"units": 64, "batch_norm": True, "learning_rate": 1e-5}
    assert head_search.words(chosen) == "units 64, batch_norm True, learning_rate 1e-05"
    laid = yaml.safe_load(head_search.overlay("cnn1d", chosen))
    assert laid == {
        "temporal": {"heads": {"cnn1d": {"units": 64, "batch_norm": True}}, "learning_rate": 1e-5}
    }
    assert yaml.safe_load(head_search.overlay("lstm", {"batch": 8})) == {"temporal": {"batch": 8}}
