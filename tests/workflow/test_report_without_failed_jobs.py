"""Jobs that fail for good: the report is made without them and says so; the next run tries them again."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

import pandas as pd
import pytest
from running import RESULTS, TINY, arguments, run

import preloaded
from ferflow import layout, tables
from ferflow.runs import events

pytestmark = pytest.mark.workflow

HERE = Path(__file__).parent
TIMED = {"time.json", "runs.csv"}
"""Files that hold the seconds of a training; so do columns of tables and what is rendered of them."""
SECONDS = ["hours", "seconds", "minutes_per_epoch"]
REASON = "failed: {rule}: was to fail; let it ({job})"


def failing(monkeypatch, folder: Path, job: str, outputs: str, study: Path):
    """A run in which `job`, whose `outputs` are taken away before, fails."""
    for path in folder.glob(f"results/*/{outputs}"):
        shutil.rmtree(path)
    # Snakemake makes nothing anew that nobody asks for.
    for path in (*folder.glob("results/*/predictions.csv"), *folder.glob("results/*/tables/sampling.csv")):
        path.unlink()
    monkeypatch.setenv(preloaded.FAILING, job)
    done = run(folder, study=study)
    monkeypatch.delenv(preloaded.FAILING)
    return done


def read(folder: Path, results: Path, name: str, schema: str = "") -> pd.DataFrame:
    return tables.read(folder / results / f"tables/{name}.csv", schema or name, failed=True)


def different(folder: Path, finished: Path) -> list[str]:
    """The results that are not the same in both folders, beside what a training took."""
    names = [
        {str(path.relative_to(one)) for path in (one / "results").rglob("*") if path.is_file()}
        for one in (folder, finished)
    ]
    found = sorted(names[0] ^ names[1])
    for name in sorted(names[0] & names[1]):
        one, other = folder / name, finished / name
        if filecmp.cmp(one, other, shallow=False) or one.name in TIMED:
            continue
        if one.suffix == ".csv":
            both = [pd.read_csv(path).drop(columns=SECONDS, errors="ignore") for path in (one, other)]
            if both[0].equals(both[1]):
                continue
        table = one.with_suffix(".csv")
        timed = table.exists() and set(SECONDS) & set(pd.read_csv(table, nrows=0))
        if not timed:
            found.append(name)
    return found


def test_a_network_on_frames_that_fails_is_missing_alone(copy, finished, monkeypatch):
    job = "end_to_end_fold c3d 0"
    done = failing(monkeypatch, copy, job, "models/end_to_end/c3d/fold-0", TINY)
    assert done.returncode == 1
    note = REASON.format(rule="end_to_end_fold", job=job)
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"ferflow: error: failed: {job} ({note[8:].split(' (')[0]}); tables and figures")
    assert said.endswith("the same command tries again what failed and what hangs on it")
    assert not (copy / RESULTS / "models/end_to_end/c3d/fold-0").exists()

    shown = read(copy, RESULTS, "results")
    lost = shown[shown["model"] == "c3d"]
    assert lost["note"].tolist() == [note, note] and lost["value"].isna().all()
    assert set(tables.read(copy / RESULTS / "tables/results.csv", "results")["model"]) >= {"convlstm"}
    predictions = pd.read_csv(copy / RESULTS / "predictions.csv")
    assert "c3d" not in set(predictions["model"]) and "convlstm" in set(predictions["model"])
    fused = read(copy, RESULTS, "fusion").set_index("model")
    assert fused.loc["fusion-all-average", "note"] == "not run: c3d failed"
    assert pd.isna(fused.loc["fusion-all-average", "cv"])
    assert fused.loc["fusion-lstm_bilstm-average", "cv"] > 0
    best = read(copy, RESULTS, "thesis_3_6", "reference").set_index("item")
    assert best.loc["c3d", "note"] == note and pd.isna(best.loc["c3d", "ours"])
    assert best.loc["convlstm", "ours"] >= 0
    pages = copy / RESULTS / "tables"
    assert note in (pages / "results.md").read_text() and note in (pages / "results.html").read_text()
    assert "was to fail" in (pages / "opening.html").read_text()
    assert "was to fail" in (pages / "failed_jobs.md").read_text()
    page = copy / "report.html"
    assert run(copy, "--report", str(page)).returncode == 0 and page.stat().st_size > 10_000

    # The next run makes what failed and what hangs on it, and the rows are as if nothing had happened.
    done = run(copy)
    assert done.returncode == 0, done.stderr
    (newest, *_) = events.runs(copy)
    trained = [job for job in newest.ended if str(RESULTS / "models") in job.outputs[0]]
    assert {(one.rule, *one.wildcards.values()) for one in trained} == {
        ("end_to_end_fold", "c3d", "0"),
        ("end_to_end_final", "c3d"),
    }
    assert different(copy, finished) == []
    assert not (copy / layout.FAILED.format(study="tiny")).exists()


@pytest.mark.parametrize(
    ("kind", "job", "outputs", "table", "lost"),
    [
        ("images", "spatial second", "models/second/spatial", "accuracies", "second"),
        ("sfew", "sfew_run film resnet18-crops", "sfew/film/resnet18-crops", "sfew_folds", "film"),
        (
            "affect", "affect_network compact-ccc",
            "models/affect/compact-ccc", "affect_training", "compact-ccc",
        ),
        (
            "datacentric", "datacentric_row vit smote honest",
            "datacentric/models/vit/smote-honest", "sampling", "smote",
        ),
    ],
)  # fmt: skip
def test_a_run_of_another_study_that_fails_is_missing_alone(
    run_once, tmp_path, monkeypatch, kind, job, outputs, table, lost
):
    study = HERE / f"tiny_{kind}.yaml"
    finished, results = run_once(study), Path(f"results/tiny-{kind}")
    folder = shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    done = failing(monkeypatch, folder, job, outputs, study)
    assert done.returncode == 1
    assert f"failed: {job}" in done.stderr.splitlines()[-1]
    note = REASON.format(rule=job.split()[0], job=job)
    rows = read(folder, results, table)
    assert set(rows.loc[(rows == lost).any(axis=1) & rows["note"].str.startswith("failed"), "note"]) == {note}
    if kind == "images":
        averages = read(folder, results, "accuracies").set_index("model")["note"]
        assert averages["both"] == averages["best"] == "not run: second failed"
    done = run(folder, study=study)
    assert done.returncode == 0, done.stderr
    assert different(folder, finished) == []


def test_what_everything_rests_on_is_one_line(copy, monkeypatch):
    job = "trim"
    (copy / RESULTS / "trim.csv").unlink()
    (copy / RESULTS / "predictions.csv").unlink()
    monkeypatch.setenv(preloaded.FAILING, job)
    done = run(copy)
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith("ferflow: error: failed: trim (") and "all results rest on it" in said
    assert not (copy / layout.FAILED.format(study="tiny")).exists()


def test_without_keep_going_the_line_names_it(copy, monkeypatch):
    shutil.rmtree(copy / RESULTS / "models/end_to_end/c3d/fold-0")
    (copy / RESULTS / "predictions.csv").unlink()
    monkeypatch.setenv(preloaded.FAILING, "end_to_end_fold c3d 0")
    done = preloaded.snakemake(*arguments(copy, "--nolock", profile="none"), folder=copy)
    assert done.returncode == 1 and "with `--keep-going`" in done.stderr.splitlines()[-1]
    assert sum("ferflow: error" in line for line in done.stderr.splitlines()) == 1
