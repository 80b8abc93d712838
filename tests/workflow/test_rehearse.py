"""A rehearsal of a tiny study from its data to the table of its jobs, and again."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from running import REPOSITORY

import preloaded
from ferflow.apps import rehearse
from ferflow.rehearsal import images, run
from ferflow.rehearsal.kinds import OK

pytestmark = pytest.mark.workflow

STUDY = """
study: small
kind: images
stills: {source: fer2013, path: data/raw/fer2013}
spatial: {epochs: 40, batch: 32, threads: 1}
images:
  models: {compact: {}, second: {seed: 21, start: compact}}
  ensembles: {both: [compact, second]}
  views: [one, mirror]
evaluation: {bootstrap: 50}
"""


@pytest.fixture(scope="module")
def called(tmp_path_factory, weights_folder):
    """A function that rehearses the study; its exit status and the table of kinds."""
    folder = tmp_path_factory.mktemp("rehearsal")
    study, place = folder / "small.yaml", folder / "here"
    study.write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        few = {usage: tuple(max(3, n // 60) for n in numbers) for usage, numbers in images.FER2013.items()}
        patch.setattr(images, "FER2013", few)
        patch.setattr(run, "SNAKEMAKE", (sys.executable, Path(preloaded.__file__)))

        def call() -> tuple[int, dict[str, dict[str, str]]]:
            code = rehearse.main(
                REPOSITORY / "params.yaml", [study], place, weights_folder, 2, None, None, False
            )
            with (place / "kinds.csv").open(encoding="utf-8") as file:
                return code, {row["kind of job"]: row for row in csv.DictReader(file)}

        call.results = place / "results/rehearsal-small"
        yield call


def test_every_kind_ran_and_says_what_it_took(called):
    code, rows = called()
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(rows, OK) and code == 0
    assert {"spatial compact", "spatial second", "views compact", "render_tables"} <= rows.keys()
    trained = rows["spatial compact"]
    assert trained["of items"] == "32" and 0 < float(trained["MiB peak"]) < float(trained["MiB asked"])
    history = (called.results / "models/compact/spatial/history.csv").read_text().splitlines()
    assert len(history) == 2  # of forty epochs one


def test_every_page_and_figure_says_that_it_is_no_result(called):
    shown = [p for p in called.results.rglob("*") if p.suffix in (".svg", ".html", ".md", ".tex")]
    assert len(shown) > 10
    unmarked = [p.name for p in shown if "rehearsal: no result" not in p.read_text(encoding="utf-8")]
    assert unmarked == ["report.html"]  # packs what it shows
    assert "nothing in it is a result" in (called.results / "report.html").read_text(encoding="utf-8")


def test_a_second_call_goes_on_and_sees_what_was_damaged(called):
    damaged = called.results / "models/compact/views/predictions.csv"
    damaged.write_text(damaged.read_text(encoding="utf-8")[:50], encoding="utf-8")
    code, rows = called()
    assert code == 1 and rows["views compact"]["state"].startswith("invalid: 1 of")
    # What reads the file refuses it, and is made anew since the file is newer.
    assert rows["ensemble_both"]["state"].startswith("failed: ")
    assert {name for name, row in rows.items() if row["state"] != OK} == {"views compact", "ensemble_both"}
