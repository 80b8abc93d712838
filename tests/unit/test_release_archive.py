"""A bundle's archive from anywhere: what is refused, in one line, and nothing written outside its folder."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest

from ferflow.errors import InputError
from ferflow.release import archive, compare

LISTED = json.dumps({"study": "tiny", "files": {"a.csv": {"sha256": "0"}}})


def entry(name: str, kind: int = stat.S_IFREG) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = (kind | 0o644) << 16
    return made


@pytest.fixture
def made(tmp_path):
    """Write an archive of members (name or entry: text) beside a list."""

    def make(members: dict, listed: str | None = LISTED) -> Path:
        path = tmp_path / "in" / "tiny.zip"
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, text in members.items():
                file.writestr(name, text)
            if listed is not None:
                file.writestr(archive.LIST, listed)
        return path

    return make


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught, archive.opened(path):
        pass
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_what_is_written_is_read_again_and_bears_no_time(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    for name in ("one.zip", "two.zip"):
        archive.write(tmp_path / name, {"deep/a.csv": tmp_path / "a.csv"}, LISTED.encode())
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with archive.opened(tmp_path / "one.zip") as (folder, listed):
        assert (folder / "deep/a.csv").read_text() == "x\n1\n"
        assert listed["study"] == "tiny"
    assert not folder.exists()


@pytest.mark.parametrize(
    "name", ["../a.csv", "/a.csv", "b/../../a.csv", "b\\..\\a.csv", "c:a.csv", "./a.csv", "b//a.csv"]
)
def test_a_path_out_of_the_folder_is_refused(made, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    path = made({"a.csv": "x\n"})
    content = path.read_bytes()
    # zipfile itself tidies some names when it writes; a hostile archive is not written by it.
    if len(name) > 5:
        path = made({"x" * len(name): "x\n"})
        content = path.read_bytes().replace(b"x" * len(name), name.encode())
    else:
        content = content.replace(b"a.csv", name.encode())
    path.write_bytes(content)
    assert "out of its folder" in refused(path)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, path.parent, path])


@pytest.mark.parametrize(
    ("members", "listed", "said"),
    [
        ({entry("a.csv", stat.S_IFLNK): "/etc/passwd"}, LISTED, "no plain file"),
        ({entry("a.csv", stat.S_IFIFO): ""}, LISTED, "no plain file"),
        ({"model.pt": "x"}, LISTED, "a kind of file that no bundle has"),
        ({"a.pkl": "x"}, LISTED, "a kind of file that no bundle has"),
        ({"a.csv": "x", "a.csv/b.csv": "y"}, LISTED, "not a readable bundle"),
        ({"a.csv": "x"}, None, "holds no bundle.json"),
        ({"a.csv": "x"}, "[", "unreadable bundle.json"),
        ({"a.csv": "x"}, "[]", "unreadable bundle.json"),
        ({"a.csv": "x"}, '{"study": "tiny", "files": {"a.csv": 1}}', "unreadable bundle.json"),
        ({"a.csv": "x"}, "[" * 100_000, "unreadable bundle.json"),
        ({"a.csv": "x"}, '{"study": "tiny", "files": {"../a.csv": {"sha256": ""}}}', "out of its folder"),
        ({"a.csv": "x"}, '{"study": "../tiny", "files": {}}', "which is no name"),
    ],
)
def test_what_a_bundle_must_not_hold_is_refused(made, members, listed, said):
    assert said in refused(made(members, listed))


def test_sizes_are_bounded_whatever_an_archive_says_of_itself(made, monkeypatch):
    path = made({"a.csv": "0" * 100_000})
    monkeypatch.setattr(archive, "LARGEST", 50_000)
    assert "100,000 bytes" in refused(path)
    monkeypatch.undo()
    monkeypatch.setattr(archive, "LARGEST_ALL", 50_000)
    assert "more than 50,000 bytes" in refused(path)
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MOST_FILES", 1)
    assert "holds 2 files" in refused(path)


def test_a_size_that_is_a_lie_is_a_damaged_archive(made):
    path = made({"a.csv": "0" * 100_000})
    told, real = (10).to_bytes(4, "little"), (100_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(real, told))
    assert "not a readable bundle" in refused(path)


@pytest.mark.parametrize("how", ["cut", "flipped", "text", "empty", "gone"])
def test_a_damaged_archive_is_one_line(made, how):
    path = made({"a.csv": "\n".join(map(str, range(5000)))})
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = {
        "cut": whole[:middle],
        "flipped": whole[:middle]
        + bytes(byte ^ 0xFF for byte in whole[middle : middle + 8])
        + whole[middle + 8 :],
        "text": b"hello",
        "empty": b"",
    }
    path.unlink() if how == "gone" else path.write_bytes(damaged[how])
    assert ("does not exist" if how == "gone" else "not a readable bundle") in refused(path)


def test_cells_that_differ_are_named(tmp_path):
    there, follows = tmp_path / "there.csv", tmp_path / "follows.csv"
    follows.write_text("model,value\na,0.5\nb,0.25\n")
    there.write_text("model,value\na,0.5\nb,0.26\n")
    (one,), cells = compare.differences(there, follows)
    assert str(one) == "line 3, column value: '0.26' there, '0.25' follows"
    assert cells == 6 and not one.rounding
    there.write_text("model,value\na,0.5\n")
    assert len(compare.differences(there, follows)[0]) == 2
    there.write_text("model,value\na,0.5000000000000001\nb,0.25\n")
    (one,), _ = compare.differences(there, follows)
    assert one.rounding


@pytest.mark.parametrize(
    ("suffix", "text", "other"),
    [
        (".md", "| a | 50.1 |\n", "| a | 50.2 |\n"),
        (".tex", "a & 50.1 \\\\\n", "a & 50.2 \\\\\n"),
        (".html", "<tr><td>a</td><td>50.1</td></tr>\n", "<tr><td>a</td><td>50.2</td></tr>\n"),
        (".json", '{"a": [1, {"b": 50.1}]}', '{"a": [1, {"b": 50.2}]}'),
    ],
)
def test_a_changed_digit_is_found_in_every_kind_of_table(tmp_path, suffix, text, other):
    there, follows = (tmp_path / f"{name}{suffix}" for name in ("there", "follows"))
    there.write_text(text)
    follows.write_text(text)
    assert compare.differences(there, follows)[0] == []
    follows.write_text(other)
    (one,) = compare.differences(there, follows)[0]
    assert "50.1" in one.there and "50.2" in one.follows
