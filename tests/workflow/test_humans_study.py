"""The human part of the workflow: simulated annotators by default, people's answers where they are given."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from running import RESULTS, TINY, run

pytestmark = pytest.mark.workflow
SUMMARY = str(RESULTS / "tables/human_summary.csv")
FIGURE = str(RESULTS / "figures/human_boxes.svg")


def with_annotations(folder: Path, rows: pd.DataFrame) -> Path:
    """A study like the tiny one, with `rows` as people's answers."""
    rows.to_csv(folder / "answers.csv", index=False)
    study = yaml.safe_load(TINY.read_text()) | {"humans": {"annotations": "answers.csv"}}
    (folder / "people.yaml").write_text(yaml.safe_dump(study))
    return folder / "people.yaml"


def test_simulated_annotators_stand_beside_the_models(finished):
    predictions = pd.read_csv(finished / RESULTS / "predictions.csv")
    human = predictions[predictions.protocol == "human"]
    assert set(human.model) == {"simulated-human-majority"} and len(human) == 12
    results = pd.read_csv(finished / RESULTS / "tables/results.csv")
    assert "simulated-human-majority" in set(results.model)
    assert pd.read_csv(finished / RESULTS / "humans/annotators.csv").model.nunique() == 4
    for name in ("human_boxes", "human_mistaken", "human_annotators"):
        assert "simulated annotators" in (finished / RESULTS / f"figures/{name}.svg").read_text(), name
    for name in ("human_summary", "human_clips", "human_mistaken", "human_confusion", "human_accuracy"):
        assert "simulated annotators" in (finished / RESULTS / f"tables/{name}.md").read_text(), name


def test_peoples_answers_take_the_place_of_simulated_ones(copy):
    simulated = pd.read_csv(copy / RESULTS / "humans/simulated.csv")
    names = {name: f"person {name[-1]}" for name in simulated.annotator.unique()}
    rows = simulated.assign(annotator=simulated.annotator.map(names)).iloc[:-4]
    done = run(copy, SUMMARY, FIGURE, study=with_annotations(copy, rows))
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "annotator person 4 has answered 8 of 12 clips" in " ".join(said.split())
    assert not pd.read_csv(copy / SUMMARY)["simulated"].any()
    assert "simulated" not in (copy / FIGURE).read_text()
    assert set(pd.read_csv(copy / RESULTS / "humans/majority.csv").model) == {"human-majority"}


def test_an_answer_about_no_clip_is_one_line(copy):
    rows = pd.DataFrame({"annotator": ["anna"], "clip_id": ["X999_sad"], "emotion": ["sad"]})
    before = (copy / SUMMARY).read_bytes()
    done = run(copy, SUMMARY, study=with_annotations(copy, rows))
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "answers.csv: line 2, clip X999_sad: it is not in the manifest" in said
    assert "Traceback" not in said
    assert not (copy / SUMMARY).exists() or (copy / SUMMARY).read_bytes() == before
    (copy / "answers.csv").unlink()
    done = run(copy, SUMMARY, study=copy / "people.yaml")
    assert done.returncode != 0
    assert "answers.csv: does not exist; correct humans.annotations" in done.stdout + done.stderr
