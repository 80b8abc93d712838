"""`ferflow annotate`: nothing is lost, nobody sees a label, and who may open the page."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from test_cli import run

from annotation_study import FRAMES, HEIGHT, WIDTH, frames, write_study
from ferflow import tables
from ferflow.apps import annotate, annotate_clips
from ferflow.apps.annotate_clips import LONGEST, Stopped, WebmClips
from ferflow.apps.annotate_page import Access, create_app, is_loopback
from ferflow.apps.sink import frame_sink
from ferflow.classes import EMOTIONS
from ferflow.errors import FerflowError, InputError
from ferflow.evaluation import predictions
from ferflow.faces.video import open_clip
from ferflow.humans.annotations import annotation_clips
from ferflow.humans.annotators import order
from ferflow.humans.store import Store

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "a.sqlite")
    yield opened
    opened.close()


def app_of(folder, store, token=None, cache=None):
    clips = annotation_clips(folder / "manifest.csv", None, EMOTIONS)

    def results():
        from ferflow.humans.annotations import to_predictions

        return to_predictions(annotate.answers_of(store, clips, clips, EMOTIONS), EMOTIONS)

    access = Access(token, "ferflow-8000", "results-key")
    return create_app(clips, EMOTIONS, store, WebmClips(cache or folder / "webm"), access, results)


@pytest.fixture
def client(clips_folder, store):
    return TestClient(app_of(clips_folder, store), base_url=HERE)


def enter(client, name="anna"):
    reply = client.post("/api/annotators", json={"name": name})
    assert reply.status_code == 200, reply.text
    return reply.json()


def say(client, who, clip, emotion, request=None):
    body = {"annotator": who, "clip": clip, "emotion": emotion, "request": request or os.urandom(8).hex()}
    return client.put("/api/answers", json=body)


# --- the store -----------------------------------------------------------------------------------


def test_the_last_answer_wins_and_every_change_is_logged(store):
    anna = store.enter("Anna").key
    store.answer(anna, "c1", "sad", "request-1")
    store.answer(anna, "c1", "fear", "request-2")
    store.answer(anna, "c1", "fear", "request-3")
    assert store.answers_of(anna) == {"c1": "fear"}
    log = store._connection.execute("SELECT clip_id, emotion, answered FROM log ORDER BY number").fetchall()
    assert [row[:2] for row in log] == [("c1", "sad"), ("c1", "fear")]
    kept = store._connection.execute("SELECT answered FROM answers").fetchone()[0]
    assert kept == log[1][2] and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", kept)


def test_a_repeated_request_does_not_undo_a_later_answer(store):
    """A browser that did not hear back sends again, after another tab has answered."""
    anna = store.enter("anna").key
    store.answer(anna, "c1", "sad", "tab-one")
    store.answer(anna, "c1", "happy", "tab-two")
    store.answer(anna, "c1", "sad", "tab-one")
    assert store.answers_of(anna) == {"c1": "happy"}


def test_a_pseudonym_is_one_person_however_it_is_typed(store):
    first = store.enter("  Anna  Müller ")
    assert store.enter("anna mu\u0308ller") == first and first.name == "Anna Müller"
    assert store.counts() == (1, 0)
    assert store.annotator("nobody") is None
    for wrong in ("", "  ", "x" * 41, "a\x00b"):
        with pytest.raises(ValueError, match="pseudonym"):
            store.enter(wrong)


def test_threads_and_processes_write_one_file(tmp_path):
    stores = [Store(tmp_path / "a.sqlite") for _ in range(2)]
    for one in stores:
        one.enter("anna")

    def write(i):
        stores[i % 2].answer("anna", f"c{i % 20}", EMOTIONS[i % 6], f"request-{i}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(120)))
    assert stores[0].answers_of("anna") == stores[1].answers_of("anna")
    assert len(stores[0].answers_of("anna")) == 20
    # The answers are the last of the log, whichever thread came last.
    log = stores[0]._connection.execute("SELECT clip_id, emotion FROM log ORDER BY number").fetchall()
    assert dict(log) == stores[1].answers_of("anna")


KILLED = """
import sys
from ferflow.humans.store import Store
store = Store(sys.argv[1])
store.enter("anna")
for i in range(100000):
    store.answer("anna", f"c{i}", "sad", f"request-{i}")
    print(i, flush=True)
"""


def test_a_killed_process_loses_no_answer_that_it_confirmed(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "a.sqlite")], stdout=subprocess.PIPE, text=True
    )
    confirmed = [int(process.stdout.readline()) for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    confirmed += [int(line) for line in process.stdout.read().splitlines() if line]
    process.wait()
    store = Store(tmp_path / "a.sqlite")
    answers = store.answers_of("anna")
    assert {f"c{i}" for i in confirmed} <= set(answers) and len(confirmed) >= 40
    # At most the one that was being confirmed is there beyond them.
    assert len(answers) - len(confirmed) in (0, 1)
    store.answer("anna", "c0", "fear", "after-the-crash")
    assert store.answers_of("anna")["c0"] == "fear"


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "a.sqlite").write_text("annotator,clip_id\n" * 99)
    with pytest.raises(FerflowError, match=r"a\.sqlite: is not a file of annotations"):
        Store(tmp_path / "a.sqlite")
    with pytest.raises(FerflowError, match="cannot be written"):
        Store(tmp_path / "a.sqlite" / "b.sqlite")


def test_the_file_is_nobody_elses_to_read(tmp_path, store):
    assert (tmp_path / "a.sqlite").stat().st_mode & 0o077 == 0
    token = store.secret("token")
    assert store.secret("token") == token and len(token) >= 32
    assert store.secret("token", renew=True) != token


# --- the clips -----------------------------------------------------------------------------------


def test_a_clip_is_encoded_once_however_many_ask(clips_folder, tmp_path, monkeypatch):
    encoded, encode = [], annotate_clips.encode

    def counted(source, path, stopping):
        encoded.append(path)
        time.sleep(0.05)
        encode(source, path, stopping)

    monkeypatch.setattr(annotate_clips, "encode", counted)
    clips = annotation_clips(clips_folder / "manifest.csv", None, EMOTIONS)[["source", "sha256"]].head(3)
    pairs = list(clips.itertuples(index=False, name=None))
    with ThreadPoolExecutor(9) as pool:
        paths = list(pool.map(lambda i: WebmClips(tmp_path / "webm").path(*pairs[i % 3]), range(18)))
    assert len(encoded) == 3 and len(set(paths)) == 3
    WebmClips(tmp_path / "webm").prepare(pairs).join()
    assert len(encoded) == 3
    assert sorted(path.suffix for path in (tmp_path / "webm").iterdir()) == [".webm"] * 3


def test_the_webm_shows_what_the_clip_shows(clips_folder, tmp_path, capfd):
    path = WebmClips(tmp_path).path(clips_folder / "F001_fear.avi", "f" * 64)
    assert capfd.readouterr().err == ""
    assert path.read_bytes()[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in path.read_bytes()[:64]
    seen = list(open_clip(path))
    assert len(seen) == FRAMES and seen[0].shape == (HEIGHT, WIDTH, 3)
    wanted = frames(2)
    assert np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(seen, wanted, strict=True)]) < 8
    assert np.abs(seen[0].astype(int) - wanted[-1]).mean() > 30


def test_stopping_leaves_no_half_clip(clips_folder, tmp_path):
    webm = WebmClips(tmp_path / "webm")
    webm.stop()
    with pytest.raises(Stopped):
        webm.path(clips_folder / "F001_fear.avi", "f" * 64)
    assert not [path for path in (tmp_path / "webm").iterdir() if path.suffix == ".webm"]


def test_a_large_clip_is_shrunk_and_an_image_folder_plays(tmp_path):
    folder = tmp_path / "frames"
    for i in range(3):
        with frame_sink(folder / f"{i}.png", 0) as sink:
            sink.add(np.full((1201, 901, 3), 60 * i, np.uint8))
    info = open_clip(WebmClips(tmp_path).path(folder, "a" * 64)).info
    assert (info.width, info.height, info.fps) == (720, LONGEST, 25.0)


def test_a_damaged_clip_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "bad.avi").write_bytes(b"RIFF" * 100)
    with pytest.raises(InputError, match=r"bad\.avi"):
        WebmClips(tmp_path / "webm").path(tmp_path / "bad.avi", "b" * 64)
    assert not list((tmp_path / "webm").glob("*.webm"))


# --- the page ------------------------------------------------------------------------------------


def test_a_session_from_the_first_clip_to_the_export(client, store):
    state = enter(client, "Anna")
    assert state["emotions"] == list(EMOTIONS) and len(state["clips"]) == 12
    assert all(clip["emotion"] is None for clip in state["clips"])
    for i, clip in enumerate(state["clips"]):
        reply = say(client, state["annotator"], clip["id"], EMOTIONS[i % 6])
        assert reply.json() == {"answered": i + 1}
    said = client.get("/api/state", params={"annotator": state["annotator"]}).json()
    assert [clip["emotion"] for clip in said["clips"]] == [EMOTIONS[i % 6] for i in range(12)]
    # The order is the annotator's own, so the answers land at the clips of that order.
    names = sorted(f"{s}_{e}" for s in ("F001", "M001") for e in EMOTIONS)
    expected = {clip: EMOTIONS[i % 6] for i, clip in enumerate(order(names, "anna"))}
    assert store.answers_of("anna") == expected


def test_two_annotators_have_orders_of_their_own(client):
    anna, ben = enter(client, "anna"), enter(client, "ben")
    ids = [[clip["id"] for clip in state["clips"]] for state in (anna, ben)]
    assert ids[0] != ids[1] and sorted(ids[0]) == sorted(ids[1])
    assert [clip["id"] for clip in enter(client, "ANNA")["clips"]] == ids[0]


def test_answers_survive_a_new_server(clips_folder, tmp_path):
    first = Store(tmp_path / "a.sqlite")
    client = TestClient(app_of(clips_folder, first), base_url=HERE)
    state = enter(client)
    say(client, "anna", state["clips"][0]["id"], "fear")
    # The first server is never closed: it crashed.
    again = TestClient(app_of(clips_folder, Store(tmp_path / "a.sqlite")), base_url=HERE)
    after = again.get("/api/state", params={"annotator": "anna"}).json()
    assert [clip["id"] for clip in after["clips"]] == [clip["id"] for clip in state["clips"]]
    assert after["clips"][0]["emotion"] == "fear" and after["clips"][1]["emotion"] is None


def test_two_tabs_see_each_others_answers(client):
    state = enter(client)
    clip = state["clips"][4]["id"]
    say(client, "anna", clip, "sad", "tab-one-1")
    say(client, "anna", clip, "fear", "tab-two-1")
    say(client, "anna", clip, "sad", "tab-one-1")
    assert client.get("/api/state", params={"annotator": "anna"}).json()["clips"][4]["emotion"] == "fear"


def test_no_reply_tells_a_clips_name_or_label(client, clips_folder):
    state = enter(client)
    replies = [client.get(path) for path in ("/", "/annotate.css", "/annotate.js")]
    replies.append(client.get("/api/state", params={"annotator": "anna"}))
    replies.append(client.get(f"/clips/{state['clips'][0]['id']}.webm"))
    for reply in replies:
        assert reply.status_code == 200
        text = reply.content.decode("latin-1") + str(dict(reply.headers))
        assert not re.search(r"[FM]001|tex\.avi|synth", text)
        for row in tables.read(clips_folder / "manifest.csv", "manifest").to_dict("records"):
            assert row["clip_id"] not in text and row["sha256"] not in text
    # Nothing is asked from elsewhere.
    page = "".join(reply.text for reply in replies[:3])
    assert not re.search(r"https?://", page)
    assert "default-src 'none'" in replies[0].headers["content-security-policy"]


def test_a_browser_can_seek_in_a_clip(client):
    address = f"/clips/{enter(client)['clips'][0]['id']}.webm"
    whole = client.get(address)
    assert whole.status_code == 200 and whole.headers["content-type"] == "video/webm"
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(address, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert client.get(address, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416


def test_wrong_requests_change_nothing(client, store):
    clip = enter(client)["clips"][0]["id"]
    assert say(client, "nobody", clip, "sad").status_code == 404
    assert say(client, "anna", "0" * 24, "sad").status_code == 404
    assert say(client, "anna", clip, "neutral").status_code == 422
    assert say(client, "anna", clip, "sad", "short").status_code == 422
    assert client.put("/api/answers", content=b"{").status_code == 422
    assert client.get("/api/state", params={"annotator": "nobody"}).status_code == 404
    assert client.get("/clips/..%2F..%2Fa.sqlite.webm").status_code == 404
    for name in ("", " ", "x" * 60, "simulated-03", "Simulated"):
        reply = client.post("/api/annotators", json={"name": name})
        assert reply.status_code == 422 and isinstance(reply.json()["detail"], str), name
    assert store.counts() == (1, 0)


def test_a_clip_that_cannot_be_shown_is_said_without_its_name(tmp_path, store, capsys):
    write_study(tmp_path)
    (tmp_path / "F001_sad.avi").write_bytes(b"RIFF" * 100)
    client = TestClient(app_of(tmp_path, store), base_url=HERE)
    replies = [client.get(f"/clips/{clip['id']}.webm") for clip in enter(client)["clips"]]
    bad = [reply for reply in replies if reply.status_code != 200]
    assert [reply.status_code for reply in bad] == [500] and "sad" not in bad[0].text
    assert "F001_sad.avi" in capsys.readouterr().err


# --- who may open it -----------------------------------------------------------------------------


def test_without_a_token_only_this_machines_names_are_answered(clips_folder, store):
    app = app_of(clips_folder, store)
    for here in ("http://127.0.0.1:8000", "http://localhost:9", "http://[::1]:8000"):
        assert TestClient(app, base_url=here).get("/").status_code == 200
    for elsewhere in ("http://evil.example", "http://192.168.0.2:8000", "http://127.0.0.1.evil.example"):
        assert TestClient(app, base_url=elsewhere).get("/").status_code == 403
    assert TestClient(app, base_url=HERE).get("/", headers={"Host": "["}).status_code == 403
    assert [is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1", "pc")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_another_site_cannot_answer_for_somebody(client, store):
    clip = enter(client)["clips"][0]["id"]
    body = {"annotator": "anna", "clip": clip, "emotion": "sad", "request": "request-1"}
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999"):
        assert client.put("/api/answers", json=body, headers={"Origin": origin}).status_code == 403
    assert store.counts() == (1, 0)
    assert client.put("/api/answers", json=body, headers={"Origin": HERE}).status_code == 200


def test_the_token_of_another_page_or_of_before_opens_nothing(clips_folder, tmp_path):
    """Each file of answers has a token of its own, and `--new-token` makes another."""
    stores = [Store(tmp_path / f"{name}.sqlite") for name in ("mine", "other")]
    mine, other = (one.secret("token") for one in stores)
    assert mine != other
    fresh = stores[0].secret("token", renew=True)
    client = TestClient(app_of(clips_folder, stores[0], token=fresh), base_url="http://lab.example:8000")
    for stale in (mine, other):
        assert client.get("/", params={"token": stale}).status_code == 403
        assert client.get("/", headers={"Cookie": f"ferflow-8000={stale}"}).status_code == 403
        body = {"annotator": "anna", "clip": "x", "emotion": "sad", "request": "request-1"}
        sent = client.put("/api/answers", json=body, headers={"Cookie": f"ferflow-8000={stale}"})
        assert sent.status_code == 403
    assert client.get("/", params={"token": fresh}).status_code == 200
    for one in stores:
        one.close()


def test_over_long_and_non_text_input_is_refused(client, store):
    clip = enter(client)["clips"][0]["id"]
    good = {"annotator": "anna", "clip": clip, "emotion": "sad", "request": "request-1"}
    longest = {"annotator": 200, "clip": 64, "emotion": 40, "request": 64}
    for name, length in longest.items():
        for wrong in ("x" * (length + 1), 7, None, True, ["sad"], {"a": "sad"}, 1e308):
            reply = client.put("/api/answers", json=good | {name: wrong})
            assert reply.status_code == 422, (name, wrong)
    for wrong in ("x" * 201, 7, None, ["anna"], {"name": "anna"}, "an\x00na", "an\x1b[2Jna", "an\u202ena"):
        assert client.post("/api/annotators", json={"name": wrong}).status_code == 422, wrong
    for body in (b"", b"\xff\xfe", b"[" * 5000, b'"sad"', b"null", b"\x80\x04\x95"):
        for how, where in (("POST", "/api/annotators"), ("PUT", "/api/answers")):
            assert client.request(how, where, content=body).status_code in (400, 422), body
    assert store.counts() == (1, 0)
    assert client.put("/api/answers", json=good).status_code == 200


def test_a_body_that_is_too_long_is_not_even_read(client, store):
    assert client.post("/api/annotators", content=b" " * 20_000).status_code == 413
    for length in ("-1", "x", "1" * 30):
        headers = {"Content-Length": length}
        assert client.post("/api/annotators", content=b"{}", headers=headers).status_code == 413
    # Without a length it could go on for ever.
    assert client.post("/api/annotators", content=iter([b"{}"])).status_code == 413
    assert store.counts() == (0, 0)


def test_only_the_clips_of_the_study_are_served(clips_folder, store):
    """A clip of the same manifest, but not of the test subjects, has no address."""
    every = TestClient(app_of(clips_folder, store), base_url=HERE)
    ids = {clip["id"] for clip in enter(every)["clips"]}
    asked_about = annotation_clips(clips_folder / "manifest.csv", clips_folder / "splits.json", EMOTIONS)
    access = Access(None, "ferflow-8000", "results-key")
    app = create_app(asked_about, EMOTIONS, store, WebmClips(clips_folder / "webm"), access, lambda: None)
    client = TestClient(app, base_url=HERE)
    own = {clip["id"] for clip in enter(client)["clips"]}
    assert len(own) == 6 and own < ids
    for hidden in sorted(ids - own):
        assert client.get(f"/clips/{hidden}.webm").status_code == 404
        assert say(client, "anna", hidden, "sad").status_code == 404
    names = ("F001_happy", "M001_sad", "..%2Fmanifest", "..%2F..%2Fetc%2Fpasswd", "%00", "x" * 5000)
    for name in names:
        assert client.get(f"/clips/{name}.webm").status_code == 404, name
    for path in ("/manifest.csv", "/splits.json", "/webm/", "/a.sqlite", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 404, path


def test_a_damaged_file_of_answers_is_said_and_no_answer_is_confirmed(client, store, capsys):
    clip = enter(client)["clips"][0]["id"]
    store._connection.execute("DROP TABLE log")
    reply = say(client, "anna", clip, "sad")
    assert reply.status_code == 500 and reply.json()["detail"].startswith("Nothing was kept")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "a.sqlite: cannot be used (no such table: log)" in said[0]
    assert store.answers_of("anna") == {}


def test_with_a_token_nothing_is_served_without_it(clips_folder, store):
    client = TestClient(app_of(clips_folder, store, token="t0ken"), base_url="http://lab.example:8000")
    for path in (
        "/",
        "/annotate.js",
        "/api/state?annotator=anna",
        "/clips/x.webm",
        "/predictions.csv?key=results-key",
    ):
        assert client.get(path).status_code == 403, path
    assert client.post("/api/annotators", json={"name": "anna"}).status_code == 403
    assert client.get("/?token=wrong").status_code == 403
    assert client.get("/?token=t%C3%B6ken").status_code == 403
    assert store.counts() == (0, 0)
    reply = client.get("/?token=t0ken", follow_redirects=False)
    assert reply.status_code == 303 and reply.headers["location"] == "/"
    cookie = reply.headers["set-cookie"].lower()
    assert "ferflow-8000=t0ken" in cookie and "httponly" in cookie and "samesite=lax" in cookie
    assert client.get("/").status_code == 200
    assert len(enter(client)["clips"]) == 12
    stranger = TestClient(client.app, base_url="http://lab.example:8000", cookies={"ferflow-8000": "t0keN"})
    assert stranger.get("/").status_code == 403


def test_results_are_for_who_runs_the_page(client, clips_folder, tmp_path):
    state = enter(client)
    assert client.get("/predictions.csv").status_code == 403
    assert client.get("/predictions.csv", params={"key": "wrong"}).status_code == 403
    empty = client.get("/predictions.csv", params={"key": "results-key"})
    assert empty.status_code == 409 and "holds no answers yet" in empty.text
    say(client, "anna", state["clips"][0]["id"], "sad")
    (tmp_path / "p.csv").write_bytes(client.get("/predictions.csv", params={"key": "results-key"}).content)
    rows = predictions.read([tmp_path / "p.csv"], EMOTIONS, clips_folder / "manifest.csv")
    said = rows[["model", "role", "protocol", "predicted", "p_sad"]].to_numpy().tolist()
    assert said == [["anna", "human", "human", "sad", 1.0]]


# --- the command ---------------------------------------------------------------------------------


def test_export_names_who_has_not_finished(monkeypatch, capsys, clips_folder, tmp_path):
    store = Store(tmp_path / "a.sqlite")
    clips = annotation_clips(clips_folder / "manifest.csv", clips_folder / "splits.json", EMOTIONS)["clip_id"]
    for name, share in (("anna", clips), ("ben", clips[:3])):
        store.enter(name)
        for clip in share:
            store.answer(name, clip, "sad", f"{name}-{clip}")
    store.answer("anna", "M001_sad", "fear", "not a test clip")
    store.close()
    given = ["--manifest", clips_folder / "manifest.csv", "--splits", clips_folder / "splits.json"]
    given += ["--database", tmp_path / "a.sqlite", "--export", tmp_path / "p.csv"]
    code, out, err = run(monkeypatch, capsys, "annotate", *given)
    assert code == 0 and out == f"{tmp_path}/p.csv: 9 answers of 2 annotators about 6 clips\n"
    assert err == (
        f"ferflow: warning: {tmp_path}/a.sqlite: annotator ben has answered 3 of 6 clips; "
        "shares are of the answered ones\n"
    )
    rows = predictions.read([tmp_path / "p.csv"], EMOTIONS, clips_folder / "manifest.csv")
    assert rows["model"].value_counts().to_dict() == {"anna": 6, "ben": 3}
    assert (rows.loc[rows["clip_id"] == "F001_sad", "predicted"] == "sad").all()


def test_a_clip_that_left_the_manifest_is_one_line(monkeypatch, capsys, clips_folder, tmp_path):
    store = Store(tmp_path / "a.sqlite")
    store.enter("anna")
    store.answer("anna", "gone_sad", "sad", "request-1")
    store.close()
    given = ["--manifest", clips_folder / "manifest.csv", "--database", tmp_path / "a.sqlite"]
    code, _, err = run(monkeypatch, capsys, "annotate", *given, "--export", tmp_path / "p.csv")
    assert code == 1 and "clip gone_sad: it is not in the manifest" in err and len(err.splitlines()) == 1
    assert not (tmp_path / "p.csv").exists()


def test_mistakes_of_the_command_are_one_line(monkeypatch, capsys, clips_folder, tmp_path, pytestconfig):
    params = pytestconfig.rootpath / "params.yaml"
    manifest = ["--manifest", clips_folder / "manifest.csv", "--database", tmp_path / "a.sqlite"]
    cases = [
        (["--manifest", tmp_path / "gone.csv"], "gone.csv: does not exist"),
        (
            [*manifest, "--export", tmp_path / "p.csv"],
            "a.sqlite: does not exist; run `ferflow annotate` first",
        ),
        ([*manifest, "--splits", tmp_path / "gone.json"], "gone.json: does not exist"),
        (["--params", tmp_path / "gone.yaml"], "gone.yaml: does not exist"),
        (["--params", params, params.parent / "workflow/studies/compact.yaml"], "has no clips; name a study"),
        ([*manifest, "--host", "no.such.host.invalid"], "cannot be listened on"),
    ]
    for arguments, said in cases:
        code, _, err = run(monkeypatch, capsys, "annotate", *arguments)
        assert code == 1 and said in err and len(err.splitlines()) == 1, err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run(monkeypatch, capsys, "annotate", *manifest, "--port", port)
        assert code == 1 and f"127.0.0.1:{port}: cannot be listened on" in err


def test_a_studys_files_are_where_the_layout_says(monkeypatch, pytestconfig):
    places = annotate.of_study(pytestconfig.rootpath / "params.yaml", [], None, None, False)
    assert places["manifest"] == Path("results/demo/clips.csv")
    assert places["all_clips"] == Path("data/interim/synth4d/manifest.csv")
    assert places["splits"] == Path("results/demo/splits.json")
    assert places["database"] == Path("data/raw/annotations/demo.sqlite")
    assert places["emotions"] == EMOTIONS
    assert annotate.of_study(pytestconfig.rootpath / "params.yaml", [], None, None, True)["splits"] is None


@pytest.mark.parametrize(("host", "asked"), [("127.0.0.1", False), ("0.0.0.0", False), ("127.0.0.1", True)])
def test_the_command_serves_and_stops_on_ctrl_c(clips_folder, tmp_path, host, asked):
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ferflow.apps.cli", "annotate"),
            *("--manifest", clips_folder / "manifest.csv", "--database", tmp_path / "a.sqlite"),
            *("--port", "0", "--host", host, *["--token"] * asked),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    end = time.monotonic() + 90
    while not any(line.startswith("Ctrl-C") for line in lines) and time.monotonic() < end:
        time.sleep(0.05)
    address = next(line for line in lines if line.startswith("annotate: ")).split()[1]
    assert ("token=" in address) == (asked or host == "0.0.0.0")
    local = re.sub(r"//[^:/]+", "//127.0.0.1", address)
    if asked:
        assert len(address.partition("token=")[2]) >= 20
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(local.split("?")[0], timeout=30)
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    assert b"Which emotion" in opener.open(local, timeout=30).read()
    request = urllib.request.Request(
        local.split("?")[0] + "api/annotators",
        json.dumps({"name": "anna"}).encode(),
        {"Content-Type": "application/json"},
    )
    assert len(json.load(opener.open(request, timeout=30))["clips"]) == 12
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    reader.join(5)
    assert "stopped; 0 answers of 1 annotators" in "".join(lines)
    assert process.stderr.read() == ""
