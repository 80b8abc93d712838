"""Models that are switched off vanish from all that names them; a name that there is nowhere is refused."""

from __future__ import annotations

import pytest

from ferflow import settings as study_settings
from ferflow.errors import SettingError

ALONE = {"temporal": {"heads": {"bilstm": None, "cnn1d": None}}, "end_to_end": {"run": []}}
"""One head and nothing on frames."""
THESIS = "parts/thesis-comparisons"


def test_without_networks_on_frames_their_fusions_vanish(small_settings):
    made = small_settings({"end_to_end": {"run": []}})
    assert made.fusion.named() == {
        "lstm_bilstm": ["lstm", "bilstm"],
        "lstm_bilstm_cnn1d": [
            "lstm",
            "bilstm",
            "cnn1d",
        ],  # and `all`, of which the same is left, is not another
    }
    assert made.fusion.stacking.models == made.fusion.best.models == ["lstm", "bilstm", "cnn1d"]
    assert "fusion.sets.cnn1d_c3d: left out, only 1 model is left without c3d" in made.left_out


def test_one_head_alone_is_fused_and_compared_with_nothing(small_settings):
    asked = ALONE | {
        "experiments": {"compared": ["baseline", "c3d-depth"]},
        "splits": {"compared": ["lstm", "bilstm"]},
        "search": {"run": ["cnn1d"]},
        "nested": {"heads": ["bilstm", "lstm"]},
    }
    made = small_settings(asked, THESIS)
    assert made.models() == {"lstm": "compact+lstm"} and not made.fusion.any()
    assert list(made.experiments.chosen()) == ["baseline"] and not made.search.run
    assert made.splits.compared == made.nested.heads == ["lstm"]
    assert "experiments.compared: c3d-depth: left out, no run is left" in made.left_out
    # As they are written into the results, they are the same settings again.
    again = study_settings.check(made.model_dump(mode="json"))
    assert again.model_dump() == made.model_dump()
    assert again.left_out == [f"{name}: switched off" for name in ("bilstm", "cnn1d", "c3d", "convlstm")]


def test_a_comparison_loses_runs_and_goes_when_fewer_than_two_are_left(small_settings):
    both = {"title": "Both", "runs": ["lstm", "bilstm", "lstm-pool"]}
    asked = {"experiments": {"compared": ["both"], "comparisons": {"both": both}}}
    made = small_settings(asked | {"temporal": {"heads": {"bilstm": None}}}, THESIS)
    assert made.experiments.chosen()["both"].runs == ["lstm", "lstm-pool"]
    nothing = asked | {"temporal": {"heads": {"bilstm": None, "lstm": None}}}
    assert small_settings(nothing, THESIS).experiments.compared == []


@pytest.mark.parametrize("nothing", [None, {"sets": None, "stacking": None, "best": None}])
def test_null_is_no_fusion(small_settings, nothing):
    assert not small_settings({"fusion": nothing}).fusion.any()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"fusion": {"sets": {"x": ["lsmt", "lstm"]}}}, "sets.x names lsmt, .*did you mean lstm"),
        ({"fusion": {"best": {"models": ["vggface+lstm"]}}}, "the study's network is compact"),
        ({"temporal": {"heads": {"gru": None}}}, "heads.gru"),
        (ALONE | {"temporal": {"heads": dict.fromkeys(("lstm", "bilstm", "cnn1d"))}}, "name no model"),
    ],
)
def test_a_name_that_is_nowhere_and_a_study_of_nothing_are_one_line(small_settings, asked, said):
    with pytest.raises(SettingError, match=said):
        small_settings(asked)


def test_a_baseline_is_fused_where_it_is_run(small_settings):
    sets = {"fusion": {"sets": {"mixed": ["lstm", "logistic-subject"]}}}
    made = small_settings(sets | {"baselines": {"run": ["majority", "logistic_subject"]}})
    assert made.fusion.named()["mixed"] == ["lstm", "logistic-subject"]
    assert "logistic-subject" in made.fusible() and "logistic" not in made.fusible()
    assert made.baselines.compared() == ["logistic-subject"]  # the majority class is a control
    assert "mixed" not in small_settings(sets).fusion.named()
