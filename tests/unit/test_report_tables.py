"""Summary tables, their renderings, the published numbers, and the table on the terminal."""

from __future__ import annotations

import html.parser
import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from ferflow import tables
from ferflow.errors import InputError
from ferflow.evaluation.results import LEAKY
from ferflow.report import console, reference, rendering, table_list
from ferflow.report import tables as report
from ferflow.report.papers import published
from ferflow.training import splits


def history(accuracies):
    n = len(accuracies)
    values = {"epoch": range(1, n + 1), "train_loss": 1.0, "train_accuracy": 0.5, "validation_loss": 1.0}
    return pd.DataFrame(values).assign(validation_accuracy=accuracies, learning_rate=1e-3)


def results(synthetic=True, low=0.5, note=""):
    rows = []
    for model, value in (("control-true-aus", 0.9), ("compact+cnn1d", 0.65), ("compact+lstm", 0.6)):
        for metric in ("accuracy", "precision", "recall", "f1", "kappa"):
            numbers = {
                "value": value,
                "low": low,
                "high": 0.95,
                "chance": 1 / 6,
                "n_clips": 48,
                "n_subjects": 8,
            }
            role = "control" if model == "control-true-aus" else "model"
            names = {"model": model, "role": role, "view": "", "protocol": "test"}
            names |= {"fold": None, "metric": metric}
            rows.append(names | numbers | {"synthetic": synthetic, "note": note})
    return pd.DataFrame(rows).astype({"fold": "Int64"})


class Cells(html.parser.HTMLParser):
    """Collects the text of table cells, row by row."""

    def __init__(self):
        super().__init__()
        self.rows, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        self.inside = tag in ("td", "th")
        if self.inside:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def test_early_stopping_repeats_the_thesis(tmp_path):
    """The folds' epochs 9, 22, 4, 4, 16 give 11; the best epoch counts, the first of equal ones."""
    paths = []
    for fold, epoch in enumerate((9, 22, 4, 4, 16)):
        accuracies = np.linspace(0.2, 0.5, epoch + 10)
        accuracies[epoch - 1 :] = 0.4
        accuracies[epoch - 1] = accuracies[-1] = 0.75
        tables.write(history(accuracies), tmp_path / f"{fold}.csv", "history")
        paths.append(tmp_path / f"{fold}.csv")
    tables.write(history([0.1] * 11), tmp_path / "final.csv", "history")
    out = tmp_path / "early_history.csv"
    report.early_stopping({"compact+lstm": paths}, out, True, {"compact+lstm": tmp_path / "final.csv"})
    table = tables.read(out, "early_stopping")
    assert table["epoch"].tolist() == [9, 22, 4, 4, 16, 11]
    assert table["max_validation_accuracy"].tolist() == pytest.approx([0.75] * 6)
    assert table["final_epochs"].iloc[-1] == 11
    table_list.render(out, "early_stopping", "Early stopping", [tmp_path / "early.md"])
    lines = (tmp_path / "early.md").read_text().splitlines()
    assert lines[0] == "**Early stopping** *(synthetic data)*"
    assert lines[4] == "| compact CNN + LSTM | 0 | 75.0 | 9 | – |"
    assert lines[-1] == "| compact CNN + LSTM | mean | 75.0 | 11 | 11 |"


def test_trimming_counts_frames_and_lists_anomalies(tmp_path):
    clips = [("a", "happy", 100, 20, 70, 1.0, False), ("b", "happy", 120, 10, 110, 1.0, False)]
    clips += [("c", "sad", 80, 0, 80, 0.9, True), ("d", "sad", 100, 0, 100, 0.0, False)]
    trim = pd.DataFrame(
        [(c, n, b, e, m, a, "because", False) for c, _, n, b, e, m, a in clips],
        columns=tables.schema("trim").names,
    )
    tables.write(trim, tmp_path / "trim.csv", "trim")
    manifest = pd.DataFrame(
        [(c, n, emotion) for c, emotion, n, *_ in clips], columns=["clip_id", "n_frames", "emotion"]
    )
    manifest = manifest.assign(subject_id="S", sex="", split="", source="x", fps=25.0, width=1, height=1)
    tables.write(manifest.assign(sha256="0" * 64, synthetic=False), tmp_path / "manifest.csv", "manifest")
    outs = tmp_path / "trimming.csv", tmp_path / "anomalies.csv"
    report.trimming(tmp_path / "trim.csv", tmp_path / "manifest.csv", *outs, 90, ["sad", "happy", "A+"])
    table = tables.read(outs[0], "trimming").set_index("emotion")
    assert table.index.tolist() == ["sad", "happy", "all"]  # the study's order; no clip, no row
    assert table.loc["happy", ["frames_before", "frames_after"]].tolist() == [220, 150]
    assert table.loc["all", "cut_share"] == pytest.approx(1 - 330 / 400)
    assert table.loc["all", ["within_before", "within_after", "n_anomalies"]].tolist() == [1, 2, 1]
    assert not table["synthetic"].any()
    # The clip in which no face was ever found is listed with the anomaly.
    assert tables.read(outs[1], "anomalies")["clip_id"].tolist() == ["c", "d"]


def test_an_empty_table_renders(tmp_path):
    columns = tables.schema("anomalies").names
    tables.write(pd.DataFrame(columns=columns), tmp_path / "a.csv", "anomalies")
    table_list.render(tmp_path / "a.csv", "anomalies", "Anomalies", [tmp_path / "a.md", tmp_path / "a.html"])
    assert "reason" in (tmp_path / "a.md").read_text()


def test_trackers_are_summed_up_per_tracker(tmp_path):
    rows = [("kcf", "a", 100, 1, 2, 0.1, 0.2, 50.0), ("kcf", "b", 300, 0, 0, 0.3, 0.4, 30.0)]
    rows += [("medianflow", "a", 100, 0, 86, 0.1, None, 1.4)]
    frame = pd.DataFrame(rows, columns=tables.schema("trackers").names)
    tables.write(frame, tmp_path / "t.csv", "trackers")
    report.trackers(tmp_path / "t.csv", tmp_path / "s.csv", True)
    table = tables.read(tmp_path / "s.csv", "tracker_summary").set_index("tracker")
    assert table.index.tolist() == ["medianflow", "kcf"]
    assert table.loc["kcf", "ms_per_frame"] == pytest.approx(35)
    assert table.loc["kcf", ["failures", "false_successes"]].tolist() == [1, 2]
    assert table.loc["kcf", "drift_mean"] == pytest.approx(0.2)


def test_results_are_one_table_with_the_controls_last(tmp_path):
    tables.write(results(), tmp_path / "r.csv", "results")
    outs = [tmp_path / f"r.{suffix}" for suffix in ("md", "tex", "html")]
    table_list.render(tmp_path / "r.csv", "results", "Results", outs, confidence=0.95)
    lines = outs[0].read_text().splitlines()
    assert "synthetic data" in lines[0]
    assert "chance: 16.7 %" in lines[0]
    assert "95 % intervals" in lines[0]
    models = [line.split(" | ")[0].removeprefix("| ") for line in lines[4:]]
    assert models == ["compact CNN + LSTM", "compact CNN + 1D-CNN", "control: true AUs"]
    assert "| 60.0 [50.0, 95.0] |" in lines[4]
    assert lines[4].endswith("| 0.60 [0.50, 0.95] |")
    tex = outs[1].read_text()
    assert r"\toprule" in tex
    assert r"Cohen's $\kappa$" in tex
    assert r"accuracy (\%)" in tex
    cells = Cells()
    cells.feed(outs[2].read_text())
    assert [len(row) for row in cells.rows] == [9] * 4
    assert cells.rows[1][4] == "60.0 [50.0, 95.0]"


def test_a_missing_interval_is_left_out(tmp_path):
    tables.write(results(low=None), tmp_path / "r.csv", "results")
    table_list.render(tmp_path / "r.csv", "results", "Results", [tmp_path / "r.md"], confidence=0.95)
    assert "| 60.0 |" in (tmp_path / "r.md").read_text()


def test_marks_stand_in_the_caption_and_not_in_a_column():
    shown = rendering.rendered(results(note=f"mean over 5 folds; {LEAKY}"), "results", "T")
    assert shown.marks == "synthetic data; published protocol, leaky"
    assert "synthetic data" not in shown.headings
    assert shown.rows[0][shown.headings.index("note")] == "mean over 5 folds"
    assert "fold" not in shown.headings  # it is empty throughout


def test_what_is_special_to_a_format_is_escaped():
    shown = rendering.Rendered("a & b", "", ["x|y", "<i>"], [False, True], [["50 %", "a_b"]], [False])
    assert r"x\|y" in rendering.markdown(shown)
    assert "a \\& b" in rendering.latex(shown)
    assert r"50 \% & a\_b" in rendering.latex(shown)
    page = rendering.html(shown)
    assert "&lt;i&gt;" in page
    assert "<i>" not in page


def test_published_numbers_are_found():
    table = published("thesis", "3.6").set_index("item")["value"]
    assert table["vggface+cnn1d"] == 0.65
    assert len(published("thesis", "fig3.29")) == 258
    with pytest.raises(InputError, match=r"nothing of thesis, table 9.9; choose from .*3\.6"):
        published("thesis", "9.9")
    with pytest.raises(InputError, match=r"nobody\.yaml: does not exist; choose from affectnet, compact"):
        published("nobody")


def test_no_difference_is_shown_on_synthetic_data(tmp_path):
    tables.write(results(), tmp_path / "r.csv", "results")
    splits.write(
        {"scheme": "given", "protocol": "honest", "test": [], "folds": [["a"], ["b"]]}, tmp_path / "s"
    )
    reference.write_best_models(tmp_path / "r.csv", tmp_path / "s", tmp_path / "b.csv", "synth4d", {})
    table = tables.read(tmp_path / "b.csv", "published_comparison").set_index("item")
    assert table["difference"].isna().all()
    assert table.loc["vggface+lstm", ["published", "ours"]].tolist() == [0.625, 0.6]
    assert table.loc["vggface+bilstm", "note"] == "not run"
    table_list.render(tmp_path / "b.csv", "published_comparison", "Beside", [tmp_path / "b.md"])
    text = (tmp_path / "b.md").read_text()
    assert "synthetic data: not comparable" in text
    assert "difference" not in text


def test_on_real_data_the_difference_is_in_points(tmp_path):
    found = results(synthetic=False)
    found["model"] = found["model"].str.replace("compact+", "vggface+", regex=False)
    table = reference.best_models(found, "bu4dfe").set_index("item")
    assert table.loc["vggface+lstm", "difference"] == pytest.approx(-2.5)
    assert table.loc["vggface+cnn1d", "difference"] == pytest.approx(0)
    assert table.loc["vggface+cnn1d", "data"] == "bu4dfe"
    tables.write(table.reset_index(), tmp_path / "b.csv", "published_comparison")
    table_list.render(tmp_path / "b.csv", "published_comparison", "Beside", [tmp_path / "b.md"])
    text = (tmp_path / "b.md").read_text()
    assert "| -2.5 |" in text
    assert "synthetic" not in text


def test_the_terminal_shows_intervals_chance_controls_and_where_the_report_is(tmp_path):
    table = results()
    control = table["model"] == "control-true-aus"
    table.loc[control, "model"] = "control-bilstm-on-neutral-frames"
    table.loc[control, ["value", "low", "high"]] = 1.0  # the widest number
    tables.write(table, tmp_path / "tables/results.csv", "results")
    (tmp_path / "metrics.json").write_text('{"confidence": 0.95}')
    screen = io.StringIO()
    console.print_results(tmp_path, Console(file=screen, width=80))
    text = screen.getvalue()
    assert "60.0 [50.0, 95.0]" in text
    assert "95 % interval" in text
    assert text.index("+ 1D-CNN") < text.index("controls:") < text.index("BiLSTM on neutral frames")
    assert "Chance: 16.7 %" in text
    assert "Synthetic data" in text
    assert "not made yet" in text
    assert "…" not in text  # nothing is cut off at 80 columns
    (tmp_path / "report.html").touch()
    console.print_results(tmp_path, Console(file=screen, width=200))
    assert f"Report: {tmp_path / 'report.html'}" in screen.getvalue()


def test_the_terminal_says_in_one_line_that_there_are_no_results(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        console.print_results(tmp_path)
