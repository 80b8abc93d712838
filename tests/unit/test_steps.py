"""Steps: which code makes one run again, and how its function is given what it asks for."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from ferflow.settings import Trim
from ferflow.steps import code, run
from ferflow.steps.computing import STEPS

SOURCE = Path(code.__file__).parents[1]
CALLS = [STEPS[name].call for name in ("trim", "fold", "faces")]


@pytest.fixture
def digests(tmp_path, monkeypatch):
    """Of CALLS, by a copy of the package in which `old` is `new` in one file."""
    copy = tmp_path / "ferflow"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.pt"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code, "ROOT", copy)

    def forget() -> None:
        cached = (
            code._path,
            code._module,
            code._kept,
            code._data,
            code._tables,
            code._entries,
            code._digest_of,
        )
        for one in cached:
            one.cache_clear()

    @contextmanager
    def changed(file: str, old: str, new: str) -> Iterator[None]:
        text = (copy / file).read_text(encoding="utf-8")
        assert old in text
        (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        forget()
        yield
        (copy / file).write_text(text, encoding="utf-8")
        forget()

    def read(*change: str) -> list[str]:
        forget()
        with changed(*change) if change else nullcontext():
            return list(map(code.digest, CALLS))

    read.changed = changed
    yield read
    forget()


def test_changed_code_runs_the_steps_again_that_reach_it_and_no_others(digests):
    before = digests()
    trim, *others = digests("aus/trim.py", "wanted = set(", "wanted = frozenset(")
    assert trim != before[0] and others == before[1:]
    old = "UNREADABLE = (ValueError,"
    trim, fold, faces = digests("tables.py", old, "UNREADABLE = (LookupError, ValueError,")
    assert trim != before[0] and fold != before[1] and faces == before[2]  # read through another module
    trim, fold, faces = digests("faces/detect.py", "FULL_STEP = 1.1", "FULL_STEP = 1.2")
    assert [trim, fold] == before[:2] and faces != before[2]  # a number at the top of a module


def test_a_step_rests_on_the_columns_of_the_tables_that_it_names_and_not_on_titles(digests):
    before = digests()
    described = '"Frames begin:end of each clip are kept."'
    assert digests("schemas/faces.py", described, '"What is kept."') == before
    trim, fold, faces = digests("schemas/faces.py", 'flag("overridden")', 'flag("by_hand")')
    assert trim != before[0] and fold != before[1] and faces == before[2]


def test_what_sets_numbers_beside_papers_rests_on_all_their_files(digests, monkeypatch):
    monkeypatch.setattr(f"{__name__}.CALLS", ["ferflow.report.reference:write", *CALLS[:1]])
    (reference, trim), changed = (
        digests(),
        digests("papers/sfew.yaml", "ours, folds by film", "ours, by film"),
    )
    assert changed[0] != reference and changed[1] == trim


def test_comments_and_docstrings_change_nothing(digests):
    before = digests()
    assert digests("aus/trim.py", "def write_trim(", "# why\ndef write_trim(") == before
    assert digests("aus/trim.py", '    """', '    """More words: ') == before


def test_what_a_settings_file_may_hold_is_no_code_of_a_step(digests):
    before = digests()
    assert (
        digests("settings/clips.py", "class Trim(Section):", "class Trim(Section):\n    new: int = 0\n")
        == before
    )


def test_one_network_more_runs_nothing_again_and_changed_code_of_one_what_trains_it(digests):
    def of_spatial() -> list[str]:
        return [code.digest(STEPS["spatial"].call, [name]) for name in ("compact", "vgg16")]

    digests()
    before = of_spatial()
    more = 'NETWORKS = {\n    "more": Network("More", "ferflow.models.more:More", 48, GREY, 1, 1, (1,)),'
    with digests.changed("networks.py", "NETWORKS = {", more):
        assert of_spatial() == before
    with digests.changed("models/compact.py", "BatchNorm1d(32)", "BatchNorm1d(32, 1e-3)"):
        compact, vgg16 = of_spatial()
        assert compact != before[0] and vgg16 == before[1]
    with digests.changed("resources/weights.yaml", "VGG16 to start from", "VGG16"):
        assert of_spatial() == before


def test_every_step_names_a_function_that_is_there():
    for step in STEPS.values():
        assert callable(run.function(step.call)) and len(code.digest(step.call)) == 16
    with pytest.raises(ValueError, match="is no function"):
        code.digest("ferflow.aus.trim:nothing")


def record(clips, out, trim: Trim, seed, out_folder, subject="nobody"):
    Path(out).write_text(f"{clips} {trim.threshold} {seed} {subject} {out_folder.name}")


def test_a_function_is_given_files_settings_and_wildcards_by_name(tmp_path, small_settings):
    trim = small_settings().trim
    out = tmp_path / "made" / "out.txt"
    out.parent.mkdir()
    params = {"call": "", "code": "", "trim": trim.model_dump(mode="json"), "seed": 4}
    files = {"clips": "a.csv", "watched": "b.csv"}, {"out": str(out)}
    run.call(f"{__name__}:record", *files, params, {"subject": "F001", "threads": 2})
    assert out.read_text() == f"a.csv {trim.threshold} 4 F001 made"
    with pytest.raises(TypeError, match="does not ask for strange"):
        run.call(f"{__name__}:record", {"strange": "c.csv"}, files[1], params)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_sees_nothing_that_its_function_does_not_ask_for(name):
    seen = {section.partition("=")[0] for section in STEPS[name].sees}
    assert seen <= inspect.signature(run.function(STEPS[name].call)).parameters.keys()
