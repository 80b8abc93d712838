"""Images, videos and what a browser sends: small valid ones, and the readers of ferflow they go through."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from hostile_kind import Kind, Refused
from hostile_media import IMAGE, VIDEO
from hostile_tables import write_manifest
from hostile_text import JSON

from ferflow.faces.quiet import opencv
from ferflow.faces.video import open_clip

WIDTH, HEIGHT, FRAMES = 64, 48, 12


def _frames() -> np.ndarray:
    """A bright bar that moves over a grey ground, RGB uint8 [T,H,W,3]."""
    drawn = np.full((FRAMES, HEIGHT, WIDTH, 3), 90, np.uint8)
    for t in range(FRAMES):
        drawn[t, :, 4 * t : 4 * t + 12] = (220, 200, 60)
    return drawn


def _write_video(name: str):
    from ferflow.apps.sink import frame_sink

    def write(folder: Path) -> None:
        with frame_sink(folder / name, 25.0) as sink:
            for frame in _frames():
                sink.add(frame)

    return write


def _write_image(name: str):
    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        good, data = opencv().imencode(
            Path(name).suffix, _frames()[3, ..., 0] if name.endswith(".pgm") else _frames()[3]
        )
        assert good
        (folder / name).write_bytes(data.tobytes())
        if "/" in name:
            (folder / name).with_name(f"a{Path(name).suffix}").write_bytes(data.tobytes())

    return write


def _decode(source: Path) -> None:
    for frame in open_clip(source, 2):
        assert frame.dtype == np.uint8 and frame.ndim == 3


def _video(name: str) -> Kind:
    return Kind(f"video {Path(name).suffix}", name, _write_video(name), lambda f: _decode(f / name), VIDEO)


def _image(name: str) -> Kind:
    return Kind(f"image {Path(name).suffix}", name, _write_image(name), lambda f: _decode(f / name), IMAGE)


def _predict(source: Path) -> None:
    """What `ferflow predict` does with a clip, with the network that ships and Haar's cascade."""
    from ferflow.apps.recognise import recognise
    from ferflow.errors import NoFaceError
    from ferflow.faces.haar import HaarStream
    from ferflow.settings import watching

    model = _model()
    # The valid clip shows a bar: that no face was found in a clip says that it could be read.
    with suppress(NoFaceError):
        recognise(open_clip(source, 2), model, HaarStream(model.faces, watching().haar), None)


@cache
def _model():
    from ferflow.apps.models import Single
    from ferflow.weights import shipped

    return Single(shipped())


_CLIENT: dict[Path, tuple] = {}


def _client(folder: Path) -> tuple:
    """The annotation page about the manifest in `folder`, an annotator who has begun, and a clip of hers."""
    if folder not in _CLIENT:
        from fastapi.testclient import TestClient

        from ferflow.apps.annotate_clips import WebmClips
        from ferflow.apps.annotate_page import Access, create_app
        from ferflow.classes import EMOTIONS
        from ferflow.humans.annotations import annotation_clips
        from ferflow.humans.store import Store

        store = Store(":memory:")
        access = Access(None, "ferflow-8000", "results-key")
        clips = annotation_clips(folder / "manifest.csv", None, EMOTIONS)
        app = create_app(clips, EMOTIONS, store, WebmClips(folder / "webm"), access, lambda: None)
        client = TestClient(app, base_url="http://127.0.0.1:8000")
        state = client.post("/api/annotators", json={"name": "anna"}).json()
        _CLIENT[folder] = client, state["clips"][0]["id"]
    return _CLIENT[folder]


def _write_request(body: dict):
    def write(folder: Path) -> None:
        write_manifest(folder)
        (folder / "body.json").write_text(json.dumps(body))

    return write


def _send(folder: Path, how: str, where: str) -> None:
    client, clip = _client(folder)
    body = (folder / "body.json").read_bytes().replace(b"THE CLIP", clip.encode())
    answer = client.request(how, where, content=body, headers={"Content-Type": "application/json"})
    if answer.status_code >= 500:
        raise RuntimeError(f"status {answer.status_code}: {answer.text}")
    if answer.status_code >= 400:
        raise Refused(f"body.json: {answer.status_code} " + " ".join(answer.text.split())[:300])


def address(data: bytes, rng: Random) -> bytes:
    """Another clip than those of the study."""
    strange = (
        "../../x",
        "%00",
        "F001_happy",
        "a" * 64,
        "a" * 65,
        "..",
        "",
        "\u0000",
        "' OR 1=1 --",
        "𝟙" * 24,
    )
    content = json.loads(data)
    return json.dumps({**content, rng.choice(sorted(content)): rng.choice(strange)}).encode()


_ANSWER = {"annotator": "anna", "clip": "THE CLIP", "emotion": "happy", "request": "0123456789abcdef"}

CLIPS = (
    *map(_video, ("clip.avi", "clip.webm", "clip.mp4")),
    *map(_image, ("a.png", "a.jpg", "a.bmp", "a.pgm", "a.tiff", "a.webp")),
    Kind(
        "folder of images", "clip/b.png", _write_image("clip/b.png"),
        lambda f: _decode(f / "clip"), IMAGE, "clip",
    ),
    Kind("image, predicted", "a.jpg", _write_image("a.jpg"), lambda f: _predict(f / "a.jpg"), IMAGE),
    Kind("video, predicted", "clip.avi", _write_video("clip.avi"), lambda f: _predict(f / "clip.avi"), VIDEO),
    Kind(
        "annotator's name sent", "body.json", _write_request({"name": "anna"}),
        lambda f: _send(f, "POST", "/api/annotators"), (*JSON, *[address] * 4),
    ),
    Kind(
        "answer sent", "body.json", _write_request(_ANSWER),
        lambda f: _send(f, "PUT", "/api/answers"), (*JSON, *[address] * 8),
    ),
)  # fmt: skip
