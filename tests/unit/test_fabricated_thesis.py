"""The study of the thesis with made-up results: who is absent, what is another network, what failed."""

from __future__ import annotations

from functools import cache

import fabricated_thesis
import pytest

from ferflow import tables
from ferflow.datasets import bu4dfe
from ferflow.report.papers import files, paper
from ferflow.training import splits

NOTE = "failed: it exceeded its memory (24300 of 22000 MB) (experiment_frames_fold c3d-16 0)"
OTHER = "theirs is vggface, ours vgg16"
ABSENT = "F020 of fold 0: not there"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function that gives the folder and the files of the study with a network under its heads."""

    @cache
    def with_network(network: str):
        folder = tmp_path_factory.mktemp(network)
        study = fabricated_thesis.write(folder, network, absent=["F020"], failed="c3d-16")
        fabricated_thesis.report(folder, study)
        return folder, study

    return with_network


def table(made, name: str, schema: str = "reference"):
    folder, study = made
    return tables.read(folder / study.table(name), schema, failed=True)


@pytest.mark.parametrize("network", ["vggface", "vgg16"])
def test_every_table_says_what_it_sets_beside_the_paper(made, network):
    heads = {f"{network}+{head}" for head in ("lstm", "bilstm", "cnn1d")} | {network}
    of_image_network = 0
    for name in files("thesis"):
        for row in table(made(network), name).itertuples():
            if row.ours != row.ours or row.metric in paper("thesis").free:
                assert len(row.note) > 10 or row.ours == row.ours
                continue
            assert (ABSENT in row.note) == (row.data == "bu4dfe"), row
            parts = set(row.model.split(", "))
            rests = bool(parts & heads) or row.model.startswith("lstm")
            rests |= row.model.startswith("fusion") and "c3d+convlstm" not in row.item
            of_image_network += rests
            if network == "vgg16" and rests and name != "thesis_3_4":
                assert row.note.startswith(OTHER) and row.difference != row.difference, row
            elif name != "thesis_3_4":
                assert OTHER[:17] not in row.note and row.difference == row.difference, row
    assert of_image_network > 60
    best = table(made(network), "thesis_3_6").set_index("item")
    assert best.loc["c3d", "difference"] == pytest.approx(
        100 * (best.loc["c3d", "ours"] - best.loc["c3d", "published"])
    )
    short = table(made(network), "published_comparison", "published_comparison")
    assert short["ours"].notna().all() and len(short) == 3
    assert set(short["note"]) == ({f"{OTHER}; {ABSENT}"} if network == "vgg16" else {ABSENT})
    assert short["difference"].isna().all() == (network == "vgg16")


def test_the_run_that_failed_is_a_row_and_a_line_of_the_figure(made):
    folder, study = made("vggface")
    assert study.lost == {"c3d-16": NOTE}
    rows = table((folder, study), "experiments", "experiments")
    rows = rows[rows["comparison"].str.startswith("Layers of C3D")].set_index("run")
    assert rows.loc["c3d-16", "note"] == NOTE and rows["accuracy"].isna().tolist() == [False] * 3 + [True]
    assert "c3d-16" not in set(tables.read(folder / study.table("experiments"), "experiments")["run"])
    for end in ("html", "md", "tex"):
        page = (folder / study.table("experiments")).with_suffix(f".{end}").read_text()
        assert "it exceeded its memory" in page
    figure = (folder / study.figure("experiment-c3d-depth")).read_text()
    assert "left out: c3d-16 (failed: it exceeded its memory" in figure
    assert "left out" not in (folder / study.figure("experiment-baseline")).read_text()
    listed = table((folder, study), "failed_jobs", "failed_jobs")
    assert listed["job"].tolist() == ["experiment_frames_fold c3d-16 0"]


def test_who_is_absent_is_noted_and_changes_no_other_side(made):
    folder, study = made("vggface")
    whole = splits.of_clips(
        "thesis", fabricated_thesis.everybody(), 5, 0.2, study.settings.seed, "honest", by_name=True
    )
    split = splits.read(folder / study.splits)
    assert split["test"] == whole["test"] and len(split["test"]) == 20
    assert split["folds"] == [[name for name in side if name != "F020"] for side in whole["folds"]]
    assert not bu4dfe.ABSENT & {name for side in split["folds"] for name in side}
    about = table((folder, study), "dataset", "dataset").set_index("point")["note"]
    assert about["subjects"] == "missing: F020; F016 is passed over, as in the thesis"
    assert ABSENT in about.to_list()
    results = table((folder, study), "results", "results")
    tested = results[(results["protocol"] == "test") & (results["metric"] == "accuracy")]
    assert set(tested["n_subjects"]) == {20} and set(tested["n_clips"]) == {120}
