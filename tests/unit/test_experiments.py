"""Settings compared in cross-validation: what is trained for them, the table, the figure."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import SettingError
from ferflow.evaluation import run as evaluation
from ferflow.report import experiments
from ferflow.settings import Evaluation, load

EVALUATION = Evaluation(bootstrap=10, confidence=0.95, by=[], controls=False)
REPOSITORY = Path(__file__).parents[2]


def with_experiments(small_settings, **changes):
    return small_settings({"experiments": changes}, "parts/thesis-comparisons")


def test_every_comparison_of_the_thesis_can_be_trained_at_its_own_size(small_settings):
    names = list(with_experiments(small_settings).experiments.comparisons)
    made = load(REPOSITORY / "params.yaml", REPOSITORY / "workflow/studies/thesis.yaml")
    assert made.experiments.compared == names
    figures = " ".join(one.title for one in made.experiments.comparisons.values())
    assert all(f"Figure 3.{n}" in figures for n in (16, 17, 18, 19, 20, 21, 23))
    assert len(made.experiments.trained()) == 26
    assert made.of_run("lstm-both").recurrent_dropout == 0.4 and made.of_run("c3d-k9").kernel == 9
    assert made.of_run("c3d-online").online.rotation == 10 and made.of_run("c3d-16").frames == 100
    assert made.told("c3d-16")["map_layers"] == "3 (maps pooled to 10×18×18)"
    assert "map_layers" not in made.told("c3d-16-16-32")
    assert made.augment.listing and not made.end_to_end.convlstm.peepholes and len(made.departures) > 3


def test_a_run_in_several_comparisons_is_trained_once_and_others_not_at_all(small_settings):
    made = with_experiments(small_settings, compared=["baseline", "dropout"]).experiments
    assert list(made.trained()) == ["lstm-dense", "lstm-pool", "lstm-pool-0.2"]
    assert with_experiments(small_settings, compared=[]).experiments.trained() == {}


def test_null_leaves_a_run_out(small_settings):
    made = with_experiments(small_settings, compared=["c3d-depth"], runs={"c3d-16": None, "c3d-32": None})
    assert made.experiments.chosen()["c3d-depth"].runs == ["c3d-16-16", "c3d-16-16-32"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"compared": ["nowhere"]}, "compared names nowhere"),
        ({"comparisons": {"mine": {"title": "Mine", "runs": ["lstm", "gone"]}}}, "mine names gone"),
        ({"runs": {"mine": {"of": "c3d", "layer": "pool", "changes": {}}}}, "layer must be null"),
        (
            {
                "compared": ["mine"],
                "comparisons": {"mine": {"title": "Mine", "runs": ["lstm", "wrong"]}},
                "runs": {"wrong": {"of": "lstm", "layer": None, "changes": {"dropuot": 0.1}}},
            },
            "experiments.runs.wrong.heads.lstm.dropuot: Extra inputs",
        ),
        ({"compared": ["c3d-kernel"]}, "experiments.runs.c3d-k5: .*use more, a smaller kernel"),
    ],
)
def test_what_cannot_be_trained_is_said_at_once(small_settings, changes, said):
    with pytest.raises(SettingError, match=said):
        with_experiments(small_settings, **changes)


def history(seed: int, epochs: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    found = pd.DataFrame({name: rng.random(epochs) for name in columns})
    return found.assign(epoch=np.arange(1, epochs + 1), learning_rate=0.1)


@pytest.fixture
def written(tmp_path):
    """Three folds of each of two runs."""
    found = {}
    for number, name in enumerate(("lstm", "lstm-pool")):
        found[name] = [tmp_path / f"{name}-{fold}.csv" for fold in range(3)]
        for fold, path in enumerate(found[name]):
            tables.write(history(10 * number + fold), path, "history")
    return found


def test_the_table_gives_accuracy_over_folds_at_the_last_epoch_and_the_gap(written, small_settings, tmp_path):
    runs = {"mine": {"title": "Mine", "runs": ["lstm", "lstm-pool"]}}
    chosen = with_experiments(small_settings, compared=["mine"], comparisons=runs).experiments.chosen()
    changes = {"lstm-pool": {"of": "lstm", "layer": "pool", "dropout": 0}}
    experiments.write_table(written, chosen, changes, tmp_path / "out.csv", True)
    table = tables.read(tmp_path / "out.csv", "experiments").set_index("run")
    last = pd.DataFrame([history(10 + fold).iloc[-1] for fold in range(3)])
    row = table.loc["lstm-pool"]
    assert row["accuracy"] == pytest.approx(last["validation_accuracy"].mean())
    assert row["spread"] == pytest.approx(np.std(last["validation_accuracy"], ddof=1))
    assert row["gap"] == pytest.approx((last["train_accuracy"] - last["validation_accuracy"]).mean())
    assert (row["n_folds"], row["epochs"], row["changes"]) == (3, 4, "of lstm, layer pool, dropout 0")
    assert table.loc["lstm", "changes"] == "as the study sets it" and table["synthetic"].all()
    experiments.write_figure(written, chosen["mine"], tmp_path / "out.svg", 6, True)
    assert "synthetic data" in (tmp_path / "out.svg").read_text()


def test_no_predictions_give_a_table_without_rows(tmp_path):
    evaluation.tabulate([], tmp_path / "manifest.csv", tmp_path / "out.csv", EVALUATION, 1, EMOTIONS)
    assert tables.read(tmp_path / "out.csv", "results").empty
