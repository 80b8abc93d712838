"""A bundle of the tiny study: equal as it is; a changed digit, prediction, answer or curve is found."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from running import IMAGE_RESULTS, RESULTS

import preloaded
from ferflow import settings
from ferflow.errors import FerflowError
from ferflow.files import sha256
from ferflow.release import bundle, verify
from ferflow.release.verify import BY_HASH
from ferflow.report import table_list

pytestmark = pytest.mark.workflow

TABLES = f"{RESULTS.as_posix()}/tables"
CHANGED = [
    f"{TABLES}/{name}"
    for name in (
        "results.csv",
        "results.md",
        "confusion.csv",
        "class_report.tex",
        "errors.csv",
        "fusion.csv",
        "comparisons.html",
        "calibration.csv",
        "human_summary.csv",
        "human_accuracy.md",
        "nested.csv",
        "nested_inner.csv",
        "fold_models.csv",
        "split_kinds.csv",
        "early_stopping.csv",
        "cv_epochs.csv",
        "thesis_3_6.csv",
        "thesis_fig3_29.csv",
        "spatial_class_report.csv",
        "trimming.csv",
        "opening.html",
        "mislabelled-lstm.md",
        "mislabelled-c3d.html",
        "search-lstm.tex",
    )
] + [f"{RESULTS.as_posix()}/metrics.json", f"{RESULTS.as_posix()}/fusion/predictions.csv"]
"""One digit is changed in each of these, and the list's hashes with it: the tables alone can tell."""


@pytest.fixture(scope="module")
def study(finished, tmp_path_factory) -> Path:
    """The finished study with what stands for its report."""
    folder = tmp_path_factory.mktemp("bundled") / "study"
    shutil.copytree(finished, folder, symlinks=True)
    (folder / RESULTS / "report.html").write_text("<p>a report</p>")
    return folder


@pytest.fixture(scope="module")
def written(study) -> Path:
    return bundle.write(study / RESULTS, study.parent / "tiny.zip")


@pytest.fixture
def unpacked(written, tmp_path) -> Path:
    return unpack(written, tmp_path / "unpacked")


def unpack(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    return folder


def with_another_digit(path: Path) -> str:
    """Change one digit of a number that the file shows, of a table's last column of numbers in CSV."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(text)))
        place = next(
            (line, column)
            for line in range(len(rows) - 1, 0, -1)
            for column in range(len(rows[0]))
            if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", rows[line][column]) and rows[0][column] != "seed"
        )
        cell = rows[place[0]][place[1]]
        rows[place[0]][place[1]] = str((int(cell[0]) + 1) % 10) + cell[1:]
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        changed = out.getvalue()
    else:
        digits = list(re.finditer(r"\d(?=\.\d\d)", text)) or list(re.finditer(r"\d(?=\.\d)", text))
        at = digits[-1].start() if digits else list(re.finditer(r"\d", text))[-1].start()
        changed = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
    assert changed != text and len(changed) == len(text)
    path.write_text(changed, encoding="utf-8")
    return changed


def list_anew(folder: Path) -> None:
    """Put the hashes of the files as they are now into the bundle's list, as a forger would."""
    path = folder / "bundle.json"
    listed = json.loads(path.read_text(encoding="utf-8"))
    for name, one in listed["files"].items():
        one["sha256"] = sha256(folder / name)
    path.write_text(json.dumps(listed), encoding="utf-8")


@pytest.fixture(scope="module")
def forged(written, tmp_path_factory) -> verify.Found:
    """What is found in a bundle with one other digit in each of CHANGED, whose list was made to fit."""
    folder = unpack(written, tmp_path_factory.mktemp("forged"))
    for name in CHANGED:
        with_another_digit(folder / name)
    list_anew(folder)
    return verify.verify(folder)


def test_the_bundle_of_a_study_is_equal_and_says_what_it_rests_on(written):
    found = verify.verify(written)
    assert found.equal and found.differences() == []
    rests_on = {one.name.split("/")[-1]: one.rests_on for one in found.checked if "tables" in one.name}
    by_hash = {name for name, basis in rests_on.items() if basis == BY_HASH}
    # The measurements and the images themselves; everything else is made again.
    assert by_hash == {"au_agreement", "trackers", "stills_counts"}
    of_table = {name for name, basis in rests_on.items() if basis == "its table"}
    # The last two come from the faces, which are not in a bundle.
    assert of_table == {"layers", "search-lstm", "unusable", "remarks"}
    assert (
        rests_on["results"]
        == rests_on["mislabelled-lstm"]
        == rests_on["fusion"]
        == rests_on["published_comparison"]
        == "the predictions"
    )
    assert rests_on["human_summary"] == "the annotators' answers"
    assert rests_on["cv_epochs"] == "training curves"
    made_again = {one.name.split("/")[-1] for one in found.checked if one.cells}
    assert {"results", "thesis_fig3_29", "metrics", "predictions", "opening"} <= made_again


def test_a_bundle_holds_what_a_reviewer_needs_and_no_array_or_network(study, written):
    with zipfile.ZipFile(written) as file:
        names = file.namelist()
        listed = json.loads(file.read("bundle.json"))
        params = file.read(f"{RESULTS.as_posix()}/params.yaml").decode()
    for name in ("predictions.csv", "report.html", "tables/results.csv", "tables/results.tex", "splits.json"):
        assert f"{RESULTS.as_posix()}/{name}" in names
    assert "versions.txt" in names and "data/interim/synth4d/manifest.csv" in names
    assert "synth4d:" in params and "women: 3" in params
    assert not [name for name in names if name.endswith((".pt", ".h5", ".db", ".pkl"))]
    models = {one["path"]: one["sha256"] for one in listed["networks"]}
    final = "results/tiny/models/heads/compact+lstm/final/model.pt"
    assert models[final] == sha256(study / final)
    assert "data/weights/face_landmark.tflite" in models
    assert [one["path"] for one in listed["data"]] == [
        "data/raw/synth4d",
        "data/raw/synth4d-stills/fer2013.csv",
    ]
    # This folder is no clone: that is said, and why.
    assert listed["git"]["revision"] is None and listed["git"]["reason"]


def test_the_same_results_give_the_same_bundle(study, written):
    files = bundle.contents(study, settings.load(study / RESULTS / "params.yaml"))
    with zipfile.ZipFile(written) as file:
        assert {*files, "bundle.json", "versions.txt"} == set(file.namelist())


def test_without_pictures_no_face_is_in_it(study, tmp_path):
    kept = bundle.contents(study, settings.load(study / RESULTS / "params.yaml"), pictures=False)
    assert f"{TABLES}/results.csv" in kept
    faces = [name for name in kept if re.search(r"/report\.html|/figures/|mislabelled|\.jpg", name)]
    assert faces == []
    for name, path in kept.items():
        assert b"data:image" not in path.read_bytes(), name


@pytest.mark.parametrize("name", CHANGED)
def test_one_other_digit_in_a_table_is_found(forged, name):
    assert not forged.equal
    (one,) = [one for one in forged.checked if one.name == name.rsplit(".", 1)[0]]
    assert not one.equal and not one.changed
    assert name in {changed for changed, _ in one.different}
    assert any(line.startswith(f"{name}, line ") or line.startswith(f"{name}, ") for line in one.lines())


def test_nothing_else_is_said_to_differ(forged):
    stems = {name.rsplit(".", 1)[0] for name in CHANGED}
    assert {one.name for one in forged.checked if not one.equal} <= stems | {
        # written from a changed table that itself is checked by nothing but its hash
        f"{TABLES}/search-lstm"
    }


def test_a_changed_file_of_any_kind_is_found_by_its_hash(unpacked):
    for name in ("report.html", "figures/accuracy.svg", "tables/layers.csv", "tables/trackers.csv"):
        with_another_digit(unpacked / RESULTS / name) if name != "report.html" else (
            unpacked / RESULTS / name
        ).write_text("<p>another report</p>")
    (unpacked / RESULTS / "tables/more.csv").write_text("a\n1\n")
    (unpacked / RESULTS / "tables/confusion.csv").unlink()
    (unpacked / RESULTS / "tables/errors.csv").write_bytes(b"\xff\x00")
    lines = "\n".join(verify.verify(unpacked).differences())
    for name in ("report.html", "figures/accuracy.svg", "tables/layers.csv", "tables/trackers.csv"):
        assert f"{RESULTS.as_posix()}/{name}: is missing, or not the file" in lines
    assert f"{TABLES}/more.csv: is not a file of the bundle" in lines
    assert f"{TABLES}/confusion.csv: is missing" in lines
    assert f"{TABLES}/errors: is not a readable table" in lines


@pytest.mark.parametrize(
    ("name", "no_longer_follow"),
    [
        ("predictions.csv", {"predictions"}),  # it is made of the models' own, as the tables are
        (
            "models/heads/compact+lstm/final/predictions.csv",
            {"predictions", "tables/confusion", "tables/errors", "tables/confidences", "metrics"},
        ),
    ],
)
def test_a_changed_prediction_does_not_give_what_follows_any_more(unpacked, name, no_longer_follow):
    path = unpacked / RESULTS / name
    rows = list(csv.reader(io.StringIO(path.read_text())))
    head = rows[0]
    scores = [place for place, name in enumerate(head) if name.startswith("p_")]
    of = next(row for row in rows[1:] if row[head.index("protocol")] == "test")
    best = max(scores, key=lambda place: float(of[place]))
    other = next(place for place in scores if place != best)
    of[best], of[other] = of[other], of[best]
    of[head.index("predicted")] = head[other].removeprefix("p_")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    path.write_text(out.getvalue())
    list_anew(unpacked)
    found = verify.verify(unpacked)
    unequal = {one.name.removeprefix(f"{RESULTS.as_posix()}/") for one in found.checked if not one.equal}
    assert no_longer_follow <= unequal
    assert not any(one.failed for one in found.checked)


def test_nothing_outside_of_an_unpacked_bundle_is_read(unpacked, tmp_path):
    name = "data/interim/synth4d/manifest.csv"
    outside = shutil.move(unpacked / name, tmp_path / "outside.csv")
    (unpacked / name).symlink_to(outside)
    lines = verify.verify(unpacked).differences()
    assert any(line.endswith(f"cannot be made again: {name} does not exist") for line in lines)
    assert any(line.startswith(f"{name}: is missing, or not the file") for line in lines)


def test_the_command_says_equal_or_names_what_is_not(written, tmp_path):
    done = preloaded.python("ferflow.apps.cli", "verify", written)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{written}: equal"
    assert re.search(r"^results +equal, [\d,]+ cells: follows from the predictions$", done.stdout, re.M)
    assert re.search(r"^trackers +equal, by its hash alone", done.stdout, re.M)
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(written.read_bytes()[:-200])
    done = preloaded.python("ferflow.apps.cli", "verify", damaged)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"ferflow: error: {damaged}: is not a readable bundle")
    assert len(done.stderr.splitlines()) == 1


def test_results_that_do_not_follow_are_not_bundled(study, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(
        study, copy, symlinks=True, ignore=shutil.ignore_patterns("raw", "features", ".snakemake")
    )
    with_another_digit(copy / RESULTS / "tables/nested.csv")
    with pytest.raises(FerflowError, match=r"do not follow .*nested\.csv, line"):
        bundle.write(copy / RESULTS, copy / "tiny.zip")
    assert not list(copy.glob("*.zip")) and not list(copy.glob(".*zip"))
    (copy / RESULTS / "tables/results.md").unlink()
    with pytest.raises(FerflowError, match=r"results\.md: does not exist; run the workflow"):
        bundle.write(copy / RESULTS, copy / "tiny.zip")
    (copy / RESULTS / "report.html").unlink()
    assert table_list.read(copy / TABLES / "report_tables.json").synthetic


def test_a_study_of_images_is_made_again_from_its_networks_predictions(finished_images, tmp_path):
    written = bundle.write(finished_images / IMAGE_RESULTS, tmp_path / "images.zip", pictures=False)
    folder = unpack(written, tmp_path / "unpacked")
    found = verify.verify(folder)
    assert found.equal
    rests_on = {one.name.split("/")[-1]: one.rests_on for one in found.checked if "tables" in one.name}
    for name in ("results", "confusion", "class_report", "accuracies", "compact"):
        assert rests_on[name] == "the predictions"
    # Their networks, and the images, are not in a bundle.
    for name in ("networks", "image_counts"):
        assert rests_on[name] == "its table"
    changed = [f"{IMAGE_RESULTS.as_posix()}/tables/{name}" for name in ("accuracies.csv", "class_report.md")]
    for name in changed:
        with_another_digit(folder / name)
    list_anew(folder)
    lines = verify.verify(folder).differences()
    assert all(any(line.startswith(name) for line in lines) for name in changed)
