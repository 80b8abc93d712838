"""`ferflow new`: what paths say, what is told of the clips, and a study that is correct."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from test_cli import run

from ferflow import settings, tables
from ferflow.apps import new, new_study
from ferflow.datasets import patterns, survey
from ferflow.errors import FerflowError, SettingError
from ferflow.steps import preflight

PARAMS = Path(__file__).parents[2] / "params.yaml"
PEOPLE, CLASSES = ("anna", "ben", "cleo"), ("angry", "happy", "sad")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder to start in, as a fresh clone has its own: params.yaml and a place for studies."""
    shutil.copy(PARAMS, tmp_path)
    (tmp_path / "workflow/studies").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def images(path: Path, grey: int | None = None, seed: int = 0) -> None:
    """A folder with two frames of noise, or of one grey."""
    path.mkdir(parents=True)
    for frame in range(2):
        noise = np.random.default_rng([seed, frame]).integers(0, 255, (16, 16, 3)).astype(np.uint8)
        cv2.imwrite(str(path / f"{frame}.png"), noise if grey is None else np.full_like(noise, grey))


def clips(root: Path, layout: str = "{s}_{c}", people=PEOPLE, labels=CLASSES) -> None:
    for number, (s, c) in enumerate((s, c) for s in people for c in labels):
        images(root / layout.format(s=s, c=c), seed=number)


@pytest.mark.parametrize(
    ("layout", "labels", "pattern"),
    [
        ("{s}_{c}_{t}.mp4", CLASSES, "{subject}_{class}_{take}"),
        ("{s}-{t}-{c}.mp4", ("01", "02", "03"), "{subject}-{take}-{class}"),
        ("{n}-{t}-{c}_01.mp4", ("01", "02", "03", "04"), "{subject}-{take}-{class}_*"),
        ("{c}/{s}_{t}.mp4", ("anger", "happiness", "sadness"), "{class}/{subject}_{take}"),
        ("{s}/{c}", CLASSES, "{subject}/{class}"),
        ("{s}/{c}/some {t}-x.mov", CLASSES, "{subject}/{class}/{take}"),
        ("P_{n}/{c}_{t}.avi", CLASSES, "{subject}/{class}_{take}"),
        ("{n}_DFA_{c}_XX.flv", ("ANG", "HAP", "SAD"), "{subject}_DFA_{class}_XX"),
        ("{c}_{t}_{s}.mp4", CLASSES, "{class}_{take}_{subject}"),
        ("Actor_{n}/03-01-{c}-{t}-{n}.mp4", ("01", "02", "03"), "{subject}/*-*-{class}-{take}-*"),
    ],
)
def test_pattern_of_common_layouts_is_proposed(layout, labels, pattern):
    said = [
        (layout.format(s=s, c=c, t=t, n=f"0{n}"), s, c)
        for n, s in enumerate(PEOPLE, 1)
        for c in labels
        for t in (1, 2)
    ]
    found = patterns.propose([path for path, _, _ in said])
    assert found.pattern.text == pattern
    read = [found.pattern.read(path) for path, _, _ in said]
    assert [row["class"] for row in read] == [c for _, _, c in said]
    # Whoever is one person is one subject, whatever part of the path names them.
    assert len({(row["subject"], s) for row, (_, s, _) in zip(read, said, strict=True)}) == len(PEOPLE)
    known = {"ANG": "angry", "HAP": "happy"} if "ANG" in labels else {}
    assert {code: found.names[code] for code in known} == known


def test_nothing_is_proposed_where_no_path_names_people_and_classes():
    assert patterns.propose([]) is None
    assert patterns.propose(["a.mp4", "b.mp4"]) is None


@pytest.mark.parametrize(
    ("pattern", "path", "fields"),
    [
        ("{subject:3}{class:2}*", "KA1AN7.avi", {"subject": "KA1", "class": "AN"}),
        ("{class}/{subject}.mp4", "set/sad/ben.mp4", {"subject": "ben", "class": "sad"}),
        ("{subject}_{class}_1", "anna_maria_sad_1.mp4", None),  # nobody knows where her name ends
        ("*/{subject}_{class}", "anna_sad.mp4", None),
    ],
)
def test_pattern_reads_the_end_of_a_path(pattern, path, fields):
    assert patterns.parsed(pattern).read(path) == fields


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{subject}_x", "has no {class}"),
        ("{subject}{class}", "where {subject} ends"),
        ("{subject}_{class}_{class}", "twice"),
        ("{subject}_{class", "not closed"),
        ("{subject}_{class}_{source}", "column of its own"),
    ],
)
def test_wrong_patterns_are_refused(pattern, said):
    with pytest.raises(SettingError, match=said):
        patterns.parsed(pattern)


def test_names_that_files_cannot_have_are_made_safe():
    assert [patterns.safe(name) for name in ("Zoë, B", "李", "..")] == ["Zoe__B", "u674e", "_.."]


def test_what_is_proposed_is_asked_about_and_the_printed_command_takes_it(folder, monkeypatch, capsys):
    clips(folder / "data")
    arguments = "new", "mine", "--clips", "data"
    code, out, error = run(monkeypatch, capsys, *arguments)
    assert code == 1 and "9 of 9 clips fit; 3 subjects; classes: angry, happy, sad" in out
    assert len(out.splitlines()) == 3 + 9
    assert not (folder / "data/clips.csv").exists() and not list((folder / "workflow/studies").iterdir())
    command = shlex.split(error.split("repeat: ")[1])
    assert command == ["ferflow", *arguments, "--pattern", "{subject}_{class}"]
    code, out, error = run(monkeypatch, capsys, *command[1:], "--no-look")
    assert (code, error) == (0, "")
    table = tables.read("data/clips.csv", "clips")
    assert table.iloc[0].tolist() == ["anna_angry", "anna", "angry", "anna_angry"]
    ready = preflight.look(settings.load("params.yaml", "workflow/studies/mine.yaml"))
    assert len(ready.clips) == 9 and len(ready.split["folds"]) == 3 and ready.split["test"] == []
    assert run(monkeypatch, capsys, "check", "params.yaml", "workflow/studies/mine.yaml")[0] == 0
    before = Path("workflow/studies/mine.yaml").read_bytes()
    code, _, error = run(monkeypatch, capsys, *arguments, "--yes")
    assert code == 1 and "--force" in error and Path("workflow/studies/mine.yaml").read_bytes() == before


def test_another_pattern_and_the_meaning_of_codes_are_taken_on_a_terminal(folder, monkeypatch, capsys):
    clips(folder / "data", layout="{c}-{s}", people=("01", "02"), labels=("03", "04", "05"))
    answers = iter(["{nobody}", "{class}-{subject}", "y", "03=sad,04=happy,05=calm"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    code, out, error = run(monkeypatch, capsys, "new", "mine", "--clips", "data", "--no-look")
    assert (code, error) == (0, "") and "{nobody}" in out
    assert settings.load("params.yaml", "workflow/studies/mine.yaml").emotions == ["happy", "sad", "calm"]
    answers = iter(["y", "7=calm", "q"])
    code, out, error = run(monkeypatch, capsys, "new", "mine", "--clips", "data", "--force", "--pattern", "x")
    assert code == 1 and "has no {subject}" in error
    Path("data/clips.csv").unlink()
    code, out, error = run(monkeypatch, capsys, "new", "other", "--clips", "data")
    assert code == 1 and "nothing was written" in error and not Path("data/clips.csv").exists()


def test_what_is_odd_is_told(folder, monkeypatch, capsys):
    root = folder / "data"
    clips(root)
    shutil.copytree(root / "anna_sad", root / "ben_sad_2")
    shutil.move(root / "ben_happy", root / "ben_Happy")
    shutil.move(root / "cleo_angry", root / "cleo_angri")
    images(root / "cleo_sad_2", grey=0)
    (root / "anna_sad_3.mp4").write_bytes(b"no video")
    (root / "a file.txt").write_text("x")
    images(root / "somewhere")
    (root / "loop").symlink_to(".")
    stream = SimpleNamespace(
        reset=lambda: None, step=lambda frame: SimpleNamespace(tracked=frame[0, 0, 0] > 0)
    )
    monkeypatch.setattr(new, "_stream", lambda options: stream)
    arguments = "new", "mine", "--clips", "data", "--pattern", "{subject}_{class}*"
    assert "where {class} ends" in run(monkeypatch, capsys, *arguments)[2]
    for path in [path for path in root.iterdir() if path.name.count("_") == 1]:
        path.rename(path.with_name(f"{path.name}_1"))
    code, out, error = run(monkeypatch, capsys, *arguments[:-1], "{subject}_{class}_*")
    assert (code, error) == (0, "")
    assert "left out, as they do not fit the pattern: 1\n  somewhere\nno clips: 1\n  a file.txt" in out
    assert "happy and Happy are one class in two spellings" in out and "angry and angri may be one" in out
    assert "a leak" in out and "anna_sad_1 (anna, sad), ben_sad_2 (ben, sad)" in out
    assert "cleo_sad_2: is blank throughout: 2 frames" in out
    assert "anna_sad_3: is not a video that can be read" in out
    assert "(dataset.unusable): 2" in out and "angri: of one subject alone" in out
    assert set(tables.read("data/clips.csv", "clips")["emotion"]) == {"angry", "angri", "happy", "sad"}


def test_quick_look_passes_blank_frames_over_and_ends_at_a_face(tmp_path):
    looked = []

    def step(frame):
        looked.append(int(frame.mean()))
        return SimpleNamespace(tracked=len(looked) == 2)

    (tmp_path / "dark").mkdir()
    for number in range(40):
        frame = np.zeros((16, 16, 3), np.uint8)
        frame[:8] = number * 5 if number > 19 else 0
        cv2.imwrite(str(tmp_path / f"dark/{number}.png"), frame)
    assert survey.fault(tmp_path / "dark", SimpleNamespace(reset=lambda: None, step=step)) is None
    assert len(looked) == 2 and min(looked) > 0
    none = SimpleNamespace(reset=lambda: None, step=lambda frame: SimpleNamespace(tracked=False))
    said = survey.fault(tmp_path / "dark", none)
    assert said == "no face in the 7 frames that were looked at"  # every third of 20


@pytest.mark.parametrize(
    ("layout", "people", "labels", "said"),
    [
        ("{s}_{c}", ("anna b", "anna_b"), CLASSES, "would both be called anna_b"),
        ("{s}_{c}", ("anna",), CLASSES, "shows 1 subject"),
        ("{s}_{c}", PEOPLE, ("sad",), "sad is the only class"),
        ("{s}_{c}", PEOPLE, ("a,b", "c"), "the class 'a,b' holds ','"),
    ],
)
def test_clips_that_allow_no_study_are_refused_and_nothing_is_written(
    folder, monkeypatch, capsys, layout, people, labels, said
):
    clips(folder / "data", layout, people, labels)
    pattern = "{subject}_{class}" if "anna_b" not in people else "{subject:6}_{class}"
    code, _, error = run(
        monkeypatch, capsys, "new", "x", "--clips", "data", "--no-look", "--pattern", pattern
    )
    assert code == 1 and said in error and error.count("\n") == 1
    assert not (folder / "data/clips.csv").exists() and not list((folder / "workflow/studies").iterdir())


def test_table_beside_the_clips_is_taken_as_it_is(folder, monkeypatch, capsys):
    clips(folder / "data", "{s}/{c}")
    rows = ["clip_id,subject_id,emotion,source,fold,split,lighting"]
    for number, person in enumerate((*PEOPLE, "dora")):
        images(folder / f"data/{person}/Happiness", seed=90 + number)
        if person == "dora":
            images(folder / "data/dora/sad", seed=99)
        sides = "," if person == "dora" else f"{number},"
        sides += "test" if person == "dora" else "train"
        rows += [
            f"{person}{k},{person},{c},{person}/{c},{sides},{('dim', 'day')[number % 2]}"
            for k, c in enumerate(("Happiness", "sad"))
        ]
    table = folder / "data/clips.csv"
    table.write_text("\n".join(rows) + "\n")
    before = table.read_bytes()
    code, out, error = run(monkeypatch, capsys, "new", "mine", "--clips", "data", "--no-look")
    assert (code, error) == (0, "") and "taken as it is" in out and table.read_bytes() == before
    ready = preflight.look(settings.load("params.yaml", "workflow/studies/mine.yaml"))
    assert ready.settings.emotions == ["happy", "sad"]
    assert (ready.split["test"], len(ready.split["folds"])) == (["dora"], 3)
    assert "# evaluation: {by: [lighting]}" in Path("workflow/studies/mine.yaml").read_text()
    table.write_text(table.read_text().replace("ben/sad", "ben/nothing"))
    code, _, error = run(monkeypatch, capsys, "new", "other", "--clips", "data")
    assert code == 1 and "ben/nothing: does not exist" in error
    assert not Path("workflow/studies/other.yaml").exists()


@pytest.mark.parametrize(
    ("n_people", "labels", "scheme", "n_test"),
    [
        (2, ("sad", "bored"), "leave_one_out", 0),
        (3, ("happy", "sad"), "leave_one_out", 0),
        (14, ("happy", "sad"), "leave_one_out", 0),
        (15, ("happy", "sad"), "stratified", 3),
        (40, ("on", "no", "7"), "stratified", 8),
    ],
)
def test_whatever_is_written_is_correct(folder, n_people, labels, scheme, n_test):
    root = folder / "data"
    table = pd.DataFrame(
        [
            {"clip_id": f"{p}-{c}-{t}", "subject_id": f"P{p}", "emotion": c, "source": f"{p}/{c}"}
            for p in range(n_people)
            for c in labels
            for t in range(6)
        ]
    )
    for source in table["source"]:
        (root / source).mkdir(parents=True, exist_ok=True)
    emotions = new.ordered_classes(table["emotion"])
    made = new_study.Study("mine", root, root / "clips.csv", table, emotions)
    new_study.write(made, new_study.path("mine"), table)
    ready = preflight.look(settings.load("params.yaml", "workflow/studies/mine.yaml"))
    assert (ready.split["scheme"], len(ready.split["test"])) == (scheme, n_test)
    assert ready.settings.emotions == emotions and ready.settings.features.normalise == "subject"
    known = {"mean", "weighted_mean"} & set(ready.settings.baselines.run)
    assert bool(known) == ("happy" in labels)


def test_failed_study_leaves_what_was_there(folder):
    table = pd.DataFrame({"clip_id": ["a"], "subject_id": ["a"], "emotion": ["sad"], "source": ["nowhere"]})
    (folder / "clips.csv").write_text("mine\n")
    made = new_study.Study("mine", folder, folder / "clips.csv", table, ["sad", "happy"])
    with pytest.raises(FerflowError):
        new_study.write(made, new_study.path("mine"), table)
    assert (folder / "clips.csv").read_text() == "mine\n" and not new_study.path("mine").exists()
