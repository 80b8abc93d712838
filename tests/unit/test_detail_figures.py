"""Figures and tables of the closer look: they show what their tables say, and can be read without colour."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from prediction_study import predictions, write_manifest
from test_opening import counted

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import InputError
from ferflow.evaluation import detail
from ferflow.evaluation import run as evaluation_run
from ferflow.evaluation.classification import errors
from ferflow.evaluation.detail import SCHEMAS, TITLES
from ferflow.evaluation.predictions import write
from ferflow.parts import results_by_column
from ferflow.report import by_group, comparisons, opening, reliability, rendering, run, table_list
from ferflow.report.names import model_label
from ferflow.settings import Calibration, Evaluation

EVALUATION = Evaluation(bootstrap=30, confidence=0.9, by=[], controls=False)
CALIBRATION = Calibration(bins=10, binning="width", listed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detail")
    frame = predictions()
    test = frame[(frame["protocol"] == "test") & (frame["model"] == "c3d")]
    more = [
        test.assign(model="fusion-best", role="fusion"),
        test.assign(model="simulated-human-majority", role="simulated", protocol="human"),
        test.assign(model="control-true-aus", role="control"),
    ]
    write(pd.concat([frame, *more]), folder / "predictions.csv")
    write_manifest(folder / "manifest.csv")
    given = [folder / "predictions.csv"], folder / "manifest.csv", folder
    detail.write_details(*given, CALIBRATION, EVALUATION, 1, EMOTIONS)
    out = folder / "results_by.csv"
    results_by_column.write(*given[:2], EVALUATION, EMOTIONS, "honest", 1, ["sex"], out)
    tables.write(errors(frame, EMOTIONS), folder / "errors.csv", "errors")
    return folder


def words(path):
    """The texts of an SVG, which stay in it as comments."""
    return re.findall(r"<!-- (.*?) -->", path.read_text())


def grey(colour):
    """Lightness of a colour as it is printed without colour, 0–1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_reliability_has_a_panel_with_counts_per_model(folder):
    out = folder / "reliability.svg"
    reliability.reliability(folder / "reliability.csv", folder / "calibration.csv", out, 0.9)
    found = words(out)
    table = tables.read(folder / "reliability.csv", "reliability")
    test = table[(table["protocol"] == "test") & (table["model"] != "control-true-aus")]
    for model in set(test["model"]):
        assert any(model_label(model) in text for text in found)
        counts = test[(test["model"] == model) & (test["n_clips"] > 0)]["n_clips"]
        assert all(str(count) in found for count in counts)
    assert not any("true AUs" in text for text in found)
    assert any("10 bins of equal width" in text for text in found)
    assert any("synthetic data" in text for text in found)
    controls = tables.read(folder / "calibration.csv", "calibration").query("model == 'control-true-aus'")
    tables.write(controls, folder / "controls.csv", "calibration")
    with pytest.raises(InputError, match="has no model of protocol test"):
        reliability.reliability(folder / "reliability.csv", folder / "controls.csv", out, 0.9)


def test_comparisons_show_every_pair_with_its_p(folder):
    out = folder / "comparisons.svg"
    comparisons.differences(folder / "comparisons.csv", out, 0.9)
    table = tables.read(folder / "comparisons.csv", "comparisons")
    found = words(out)
    for row in table.itertuples():
        assert f"{model_label(row.first)} – {model_label(row.second)}" in found
    assert any("simulated" in text for text in found)


def test_women_and_men_differ_without_colour(folder):
    out = folder / "groups.svg"
    by_group.by_group(folder / "results_by.csv", out, 0.9)
    assert any("women (3 subjects)" in text for text in words(out))
    looks = by_group.looks(2)
    assert abs(np.diff([grey(colour) for colour, *_ in looks])[0]) > 0.15
    assert len({marker for _, marker, _ in looks}) == len({filled for *_, filled in looks}) == 2
    assert len(set(by_group.looks(12))) == 12


def test_confusion_matrices_stand_beside_the_majoritys(folder):
    out = folder / "beside.svg"
    run.confusions(folder / "confusion_with_annotators.csv", out, annotators=True)
    found = words(out)
    assert any("test and human annotators" in text for text in found)
    assert "best fusion" in found and "C3D" in found
    places = [i for i, text in enumerate(found) if text in ("best fusion",) or "majority" in text]
    assert "majority" in found[places[-1]]


def test_the_error_table_names_further_classes_and_leads_to_the_strips(folder):
    table = tables.read(folder / "errors.csv", "errors")
    mine = table[(table["model"] == "compact+cnn1d") & (table["protocol"] == "test")]
    clip = mine["clip_id"].iloc[1]
    outputs = [folder / f"errors.{end}" for end in ("md", "tex", "html")]
    strips = {clip: f"../figures/strips/{clip}.png"}
    table_list.render_errors(folder / "errors.csv", "compact+cnn1d", outputs, strips=strips)
    assert f"[{clip}](../figures/strips/{clip}.png)" in outputs[0].read_text()
    assert f'<a href="../figures/strips/{clip}.png">{clip}</a>' in outputs[2].read_text()
    assert outputs[2].read_text().count("<a ") == 1
    shown = table_list.errors_table(mine, "compact+cnn1d", "test", {})
    assert len(shown.rows) == len(mine)
    for row, (_, clip) in zip(shown.rows, mine.iterrows(), strict=True):
        further = [e for e in EMOTIONS if e not in (clip["emotion"], clip["predicted"])]
        expected = [f"{e} {clip[f'p_{e}']:.2f}" for e in further if clip[f"p_{e}"] > 0.01]
        assert row[-1] == ", ".join(expected)
    table_list.render_errors(folder / "errors.csv", "perfect", outputs)
    assert "perfect, test: 0" in outputs[0].read_text()


def test_every_table_can_be_rendered(folder):
    for name in [*TITLES, "results_by"]:
        schema = SCHEMAS.get(name, name)
        shown = rendering.rendered(tables.read(folder / f"{name}.csv", schema), schema, name)
        assert shown.marks == "synthetic data" or "synthetic data" in shown.marks
        assert all(len(row) == len(shown.headings) for row in shown.rows)
        for text in (rendering.markdown(shown), rendering.latex(shown), rendering.html(shown)):
            assert "nan" not in text.replace("dominant", "")
    shown = rendering.rendered(tables.read(folder / "comparisons.csv", "comparisons"), "comparisons", "")
    assert "compact CNN + LSTM" in {row[0] for row in shown.rows}


def test_the_same_tables_give_the_same_bytes(folder):
    paths = [folder / f"again-{i}.svg" for i in range(2)]
    for path in paths:
        comparisons.differences(folder / "comparisons.csv", path, 0.9)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_one_model_alone_has_every_other_table_and_figure(tmp_path):
    """No pair to compare: that figure is not drawn, the page that opens the report says nothing of it."""
    alone = predictions()
    write(alone[alone["model"] == "compact+lstm"], tmp_path / "predictions.csv")
    write_manifest(tmp_path / "manifest.csv")
    given = ([tmp_path / "predictions.csv"], tmp_path / "manifest.csv")
    detail.write_details(*given, tmp_path, CALIBRATION, EVALUATION, 4, EMOTIONS)
    assert tables.read(tmp_path / "comparisons.csv", "comparisons").empty
    reliability.reliability(
        tmp_path / "reliability.csv", tmp_path / "calibration.csv", tmp_path / "reliability.svg", 0.9
    )
    run.confusions(tmp_path / "confusion_with_annotators.csv", tmp_path / "beside.svg", annotators=True)
    outs = [tmp_path / name for name in ("metrics.json", "results.csv", "confusion.csv")]
    evaluation_run.evaluate(*given, EVALUATION, EMOTIONS, "honest", 4, *outs)
    names = ("results", "calibration", "comparisons", "confusion")
    found = {name: tables.read(tmp_path / f"{name}.csv", name) for name in names}
    said = {
        item["question"]: item["answer"]
        for item in opening.answers(found | {"unusable_counts": counted(0)}, 0.9)
    }
    assert said["Which model?"] == "compact CNN + LSTM"
    assert said["Against humans?"] == "nobody annotated the test clips"
