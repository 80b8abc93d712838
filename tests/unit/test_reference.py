"""A paper is one file: its numbers, and where ours are found, without any code."""

from __future__ import annotations

import pandas as pd
import pytest

from ferflow.errors import InputError
from ferflow.parts import report_steps
from ferflow.report import papers, reference, rendering
from ferflow.report.papers import StudyResults
from ferflow.steps.files import files_of
from ferflow.steps.preflight import Ready

KDEF = """
source: A. Author, Faces, 2020
tables: {"2": Accuracy by network, text: Size}
reads: {accuracies: accuracies, networks: networks}
numbers:
  - {table: text, item: vgg, metric: parameters, published: 1000, note: page 3,
     ours: {table: networks, rows: {model: vgg}, value: parameters, data: ""}}
  - {table: "2", item: vgg, metric: accuracy, published: 0.9, split: test}
  - {table: "2", item: resnet, metric: accuracy, published: 0.8, split: test}
  - {table: "2", item: people, metric: accuracy, published: 0.95}
free: [parameters]
ours:
  - when: {item: people}
    reason: "not run: no annotators"
  - when: {metric: accuracy}
    table: accuracies
    rows: {model: "{item}", views: one}
    value: test
    also: {honest: honest}
    no_row: "not run: {item} is not among this study's models"
metrics: {accuracy: {format: ".1%"}, parameters: {format: ",.0f"}}
"""


@pytest.fixture
def kdef(tmp_path, monkeypatch):
    """The paper `kdef`, as the only one there is."""
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers/kdef.yaml").write_text(KDEF, encoding="utf-8")
    monkeypatch.setattr(papers, "PACKAGE", tmp_path)
    papers.paper.cache_clear()
    yield tmp_path
    papers.paper.cache_clear()


def results(synthetic: bool) -> StudyResults:
    row = {"model": "vgg", "views": "one", "test": 0.85, "test_low": 0.8, "test_high": 0.9, "honest": 0.84}
    networks = pd.DataFrame([{"model": "vgg", "parameters": 1200, "synthetic": synthetic, "note": ""}])
    accuracies = pd.DataFrame([row | {"synthetic": synthetic, "note": "", "leaky": True}])
    return StudyResults({"accuracies": accuracies, "networks": networks}, {"dataset": "kdef"})


def test_a_new_paper_is_one_file(kdef):
    table = reference.compare("kdef", results(False))
    assert list(zip(table["table"], table["item"], strict=True)) == [
        ("2", "vgg"),
        ("2", "resnet"),
        ("2", "people"),
        ("text", "vgg"),
    ]
    vgg = table.iloc[0]
    assert (vgg["ours"], vgg["low"], vgg["high"], vgg["ours_honest"]) == (0.85, 0.8, 0.9, 0.84)
    assert vgg["difference"] == pytest.approx(-5) and vgg["data"] == "kdef"
    assert vgg["protocol"] == "published protocol, leaky"
    notes = ["", "not run: resnet is not among this study's models", "not run: no annotators", ""]
    assert table["note"].tolist() == notes
    assert (table.iloc[3]["difference"], table.iloc[3]["published_note"]) == (200, "page 3")
    text = rendering.markdown(reference.rendered(table, "The paper and ours"))
    assert "| 2 | vgg | test | accuracy (%) | 90.0 | 85.0 [80.0, 90.0] | -5.0 | vgg |  |" in text
    assert "| text | vgg |  | parameters | 1,000 | 1,200 | +200 | vgg | paper: page 3 |" in text


def test_a_study_names_the_paper_that_its_tables_stand_beside(kdef, small_settings):
    settings = small_settings({"study": "kdef", "paper": "kdef"}, "compact")
    steps = report_steps(files_of(Ready(settings)))
    found = next(step for step in steps if step.name == "paper")
    assert found.given == {"paper": "kdef", "sources": ["accuracies", "networks"], "dataset": "fer2013"}
    assert found.inputs["tables_csv"][0] == "results/kdef/tables/accuracies.csv"
    rendered = next(step for step in steps if step.name == "render_tables")
    assert rendered.given["shown"]["paper"] == ("reference", "The paper's numbers and ours")


def test_synthetic_data_have_no_difference_but_for_what_does_not_depend_on_them(kdef):
    table = reference.compare("kdef", results(True))
    assert table["difference"].isna().tolist() == [True, True, True, False]
    assert table["data"].tolist() == [papers.NOT_COMPARABLE, "", "", ""]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (("value: test", "value: trest"), "table accuracies: has no column 'trest'; it has model, views"),
        (("rows: {model: \"{item}\"", "rows: {modle: \"{item}\""), "table accuracies: has no column modle"),
        (("reads:", "raeds:"), "kdef.yaml: reads: Field required"),
        (("free: [", "free: [["), "kdef.yaml: is no readable YAML"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named_in_one_line(kdef, wrong, line):
    (kdef / "papers/kdef.yaml").write_text(KDEF.replace(*wrong), encoding="utf-8")
    with pytest.raises(InputError, match=line):
        reference.compare("kdef", results(False))


def test_every_rule_of_the_papers_names_what_there_is():
    for path in papers.PACKAGE.glob("papers/*.yaml"):
        about = papers.paper(path.stem)
        named = {*about.reads, "parameters", "predictions", "spatial_predictions"}
        read = [[rule.table] if isinstance(rule.table, str) else rule.table for rule in about.ours]
        assert {name for names in read for name in names} <= {*named, ""}
        assert all(hasattr(reference.finders, rule.finder) for rule in about.ours if rule.finder)
        unused = set(about.items) | set(about.remarks)
        assert unused <= set(papers.published(path.stem)["item"]) and about.source
