"""Captions of the report: each figure and page of a study has one, which what it says is known to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest

from ferflow import settings
from ferflow.datasets.manifest import ListedClip
from ferflow.parts import report_steps
from ferflow.steps.files import files_of
from ferflow.steps.preflight import Ready
from ferflow.steps.step import Figure, Page

REPOSITORY = Path(__file__).parents[2]
CAPTIONS = REPOSITORY / "workflow/report"
STUDIES = [
    *sorted(REPOSITORY.glob("workflow/studies/*.yaml")),
    *sorted(REPOSITORY.glob("tests/workflow/tiny*.yaml")),
]

CLIPS = [
    ListedClip(f"{subject}_{emotion}", subject, "female", emotion, Path(f"{subject}_{emotion}.avi"))
    for subject in ("F001", "F002")
    for emotion in ("happy", "sad")
]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_figure_and_page_has_a_caption_that_can_be_filled_in(path):
    study = files_of(Ready(settings.load(REPOSITORY / "params.yaml", path), tuple(CLIPS), ("sex",)))
    shown = [one for step in report_steps(study) for one in step.each_output()]
    names = {one.caption for one in shown if isinstance(one, Figure | Page) and one.title}
    assert names
    seen = SimpleNamespace(config=study.recorded() | study.captions() | {"last_run": None})
    captions = jinja2.Environment(loader=jinja2.FileSystemLoader(CAPTIONS), undefined=jinja2.StrictUndefined)
    for name in {"workflow", *names}:
        assert captions.get_template(f"{name}.rst").render(snakemake=seen).strip()
