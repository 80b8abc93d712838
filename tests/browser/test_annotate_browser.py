"""The annotation page in a real browser: whole sessions, by keyboard alone, reloaded, narrow, in two tabs."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from debian_packages import PREFIX, NoPackagesError, libraries, unpack
from ferflow.apps.annotate_clips import WebmClips
from ferflow.apps.annotate_page import Access, create_app
from ferflow.classes import EMOTIONS
from ferflow.errors import FerflowError
from ferflow.humans.annotations import annotation_clips
from ferflow.humans.annotators import order
from ferflow.humans.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.full]
UNPACKED = PREFIX / "chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT = 30
"""Seconds for anything to appear, on a busy machine."""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium: FERFLOW_CHROMIUM, one on the path, playwright's, or out of Debian's packages."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("FERFLOW_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    environment = None
    with playwright.sync_playwright() as driver:
        if path is None and not Path(driver.chromium.executable_path).exists():
            try:
                unpack(UNPACKED, ["chromium"])
            except NoPackagesError as error:
                pytest.skip(f"no Chromium on this machine (name one in FERFLOW_CHROMIUM): {error}")
            path = UNPACKED / "usr/lib/chromium/chromium"
            environment = os.environ | {"LD_LIBRARY_PATH": libraries(UNPACKED)}
        opened = driver.chromium.launch(executable_path=path, args=QUIET, env=environment)
        yield opened
        opened.close()


class Page:
    """A server that can crash and come back on its port."""

    def __init__(self, clips_folder: Path, database: Path, token: str | None) -> None:
        self.folder, self.database, self.token = clips_folder, database, token
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self._server = None

    def start(self) -> None:
        import uvicorn

        clips = annotation_clips(self.folder / "manifest.csv", None, EMOTIONS)
        self.store = Store(self.database)
        access = Access(self.token, f"ferflow-{self.port}", "results")
        app = create_app(clips, EMOTIONS, self.store, WebmClips(self.folder / "webm"), access, lambda: None)
        config = uvicorn.Config(app, port=self.port, log_level="error", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        end = time.monotonic() + 30
        while not self._server.started and time.monotonic() < end:
            time.sleep(0.02)
        assert self._server.started

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self.store.close()

    def answers(self, name: str) -> dict[str, str]:
        return self.store.answers_of(name)


@contextmanager
def serving(clips_folder, database, token=None):
    page = Page(clips_folder, database, token)
    page.start()
    try:
        yield page
    finally:
        page.stop()


@pytest.fixture
def server(clips_folder, tmp_path):
    with serving(clips_folder, tmp_path / "a.sqlite") as page:
        yield page


@contextmanager
def tab(browser, width=1280, height=800):
    """A tab of a browser without memory. Errors of the page's script fail the test."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(1000 * WAIT)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


def until(page, expression):
    """Wait until `expression` holds. The page forbids evaluated scripts, so it is asked from outside."""
    end = time.monotonic() + WAIT
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"{expression} did not become true"
        page.wait_for_timeout(20)


def begin(page, server, name="anna"):
    page.goto(server.address)
    page.get_by_label("Your pseudonym").fill(name)
    page.get_by_role("button", name="Begin").click()
    shows(page, 1)


def shows(page, number, of=12):
    """Wait until clip `number` is shown and its first frame is there."""
    page.get_by_role("heading", name=f"Clip {number} of {of}", exact=True).wait_for()
    until(page, "document.getElementById('video').readyState >= 2")


def answered(page, n):
    page.get_by_text(f"{n} answered", exact=True).wait_for()


def expected(name, said):
    """What the store must hold after `said`, the answers in the annotator's own order."""
    clips = order((f"{s}_{e}" for s in ("F001", "M001") for e in EMOTIONS), name)
    return dict(zip(clips, said, strict=False))


def test_a_whole_session_by_mouse(browser, server):
    said = [EMOTIONS[(5 * i) % 6] for i in range(12)]
    with tab(browser) as page:
        begin(page, server)
        for number, emotion in enumerate(said, 1):
            shows(page, number)
            page.get_by_role("button", name=emotion).click()
        page.get_by_role("heading", name="All clips are answered. Thank you.").wait_for()
        assert server.answers("anna") == expected("anna", said)
        # Back from the end, an answer is shown and can be changed.
        page.get_by_role("button", name="Look again").click()
        shows(page, 12)
        assert page.get_by_role("button", name=said[11]).get_attribute("aria-pressed") == "true"
        page.get_by_role("button", name="Back").click()
        shows(page, 11)
        page.get_by_role("button", name="surprise").click()
        page.get_by_role("heading", name="All clips are answered. Thank you.").wait_for()
        said[10] = "surprise"
        assert server.answers("anna") == expected("anna", said)


def test_a_whole_session_by_keyboard_alone(browser, server):
    said = [EMOTIONS[i % 6] for i in range(12)]
    with tab(browser) as page:
        page.goto(server.address)
        page.get_by_label("Your pseudonym").wait_for()
        assert page.evaluate("document.activeElement.id") == "pseudonym"
        page.keyboard.type("key1")  # digits in the name are no answers
        page.keyboard.press("Enter")
        for number, emotion in enumerate(said, 1):
            shows(page, number)
            assert page.evaluate("document.activeElement.id") == "clip"
            page.keyboard.press(str(EMOTIONS.index(emotion) + 1))
        page.get_by_role("heading", name="All clips are answered. Thank you.").wait_for()
        assert server.answers("key1") == expected("key1", said)
        # Everything can be reached by the tabulator, and shows that it has the focus.
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "again"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        shows(page, 12)
        page.keyboard.press("ArrowLeft")
        shows(page, 11)
        page.keyboard.press("ArrowRight")
        shows(page, 12)
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.emotion") == "fear":
                break
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="All clips are answered. Thank you.").wait_for()
        assert server.answers("key1") == expected("key1", [*said[:11], "fear"])


def test_a_held_key_answers_one_clip(browser, server):
    with tab(browser) as page:
        begin(page, server)
        page.keyboard.down("2")
        for _ in range(10):
            page.keyboard.down("2")  # a press without release is a repetition
        shows(page, 2)
        page.wait_for_timeout(300)
        page.keyboard.up("2")
        assert server.answers("anna") == expected("anna", ["disgust"])
        page.keyboard.press("Control+3")
        page.wait_for_timeout(200)
        assert len(server.answers("anna")) == 1


def test_replay_plays_from_the_beginning_and_seeking_works(browser, server):
    with tab(browser) as page:
        begin(page, server)
        until(page, "document.getElementById('video').ended")
        duration = page.evaluate("document.getElementById('video').duration")
        assert duration == pytest.approx(12 / 25, abs=0.06)
        count = (
            "() => { window.played = 0; document.getElementById('video').onplay = () => window.played++; }"
        )
        page.evaluate(count)
        page.keyboard.press("r")
        until(page, "window.played === 1")
        until(page, "document.getElementById('video').ended")
        page.get_by_role("button", name="Replay").click()
        until(page, "window.played === 2")
        until(page, "document.getElementById('video').ended")
        # The slider seeks, and its arrow keys are its own.
        page.get_by_label("Position in the clip").fill("0.5")
        until(page, "!document.getElementById('video').seeking")
        at = page.evaluate("document.getElementById('video').currentTime")
        assert at == pytest.approx(duration / 2, abs=0.01)
        page.keyboard.press("ArrowRight")
        until(page, f"document.getElementById('video').currentTime > {at}")
        assert page.get_by_role("heading", name="Clip 1 of 12", exact=True).is_visible()
        page.keyboard.press("2")
        shows(page, 2)


def test_a_reload_in_the_middle_comes_back_to_the_same_clip(browser, server):
    with tab(browser) as page:
        begin(page, server)
        for number in range(1, 6):
            shows(page, number)
            page.keyboard.press("4")
        shows(page, 6)
        page.keyboard.press("ArrowLeft")
        shows(page, 5)
        page.reload()
        shows(page, 5)
        answered(page, 5)
        assert page.get_by_role("button", name="happy").get_attribute("aria-pressed") == "true"
        page.keyboard.press("6")
        shows(page, 6)
        assert server.answers("anna") == expected("anna", ["happy"] * 4 + ["surprise"])


def test_who_stops_resumes_in_another_browser(browser, server):
    with tab(browser) as page:
        begin(page, server, "Anna B.")
        page.keyboard.press("1")
        shows(page, 2)
        page.get_by_role("button", name="Stop for now").click()
        page.get_by_text("Your answers are kept.").wait_for()
        assert "#" not in page.url
    with tab(browser) as page:
        page.goto(server.address)
        page.get_by_label("Your pseudonym").fill("anna b.")
        page.keyboard.press("Enter")
        shows(page, 2)
        answered(page, 1)


def test_a_server_that_crashes_loses_nothing(browser, clips_folder, tmp_path):
    with serving(clips_folder, tmp_path / "a.sqlite") as server, tab(browser) as page:
        begin(page, server)
        page.keyboard.press("1")
        shows(page, 2)
        server.stop()
        page.keyboard.press("2")
        page.get_by_text("Not saved yet").wait_for()
        assert page.get_by_role("heading", name="Clip 2 of 12", exact=True).is_visible()
        server.start()
        shows(page, 3)
        assert server.answers("anna") == expected("anna", ["angry", "disgust"])


def test_two_tabs_agree_and_the_last_answer_wins(browser, server):
    with tab(browser) as page:
        begin(page, server)
        other = page.context.new_page()
        other.goto(page.url)
        shows(other, 1)
        page.bring_to_front()
        page.keyboard.press("1")
        shows(page, 2)
        other.bring_to_front()
        other.evaluate("window.dispatchEvent(new Event('focus'))")
        answered(other, 1)
        assert other.get_by_role("button", name="angry").get_attribute("aria-pressed") == "true"
        other.keyboard.press("5")
        shows(other, 2)
        assert server.answers("anna") == expected("anna", ["sad"])


def test_a_narrow_screen_shows_everything_without_scrolling_sideways(browser, server):
    with tab(browser, 360, 640) as page:
        begin(page, server)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for emotion in EMOTIONS:
            box = page.get_by_role("button", name=emotion).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["height"] >= 44
            assert box["y"] + box["height"] <= 640, f"{emotion} lies below the fold"
        page.get_by_role("button", name="fear").click()
        shows(page, 2)
        assert server.answers("anna") == expected("anna", ["fear"])


def test_text_and_controls_stand_out(browser, server):
    """WCAG 2 AA: 4.5 to 1 for text; every control has a name."""
    contrast = """() => {
      const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map(
        (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const ground = (el) => { for (; el; el = el.parentElement) {
        const c = rgb(getComputedStyle(el).backgroundColor);
        if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
      const found = [];
      for (const el of document.querySelectorAll("h1, h2, p, span, label, button, kbd, strong")) {
        if (!el.checkVisibility() || !el.textContent.trim()) continue;
        const [a, b] = [light(rgb(getComputedStyle(el).color)), light(ground(el))];
        found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), el.textContent.trim().slice(0, 20)]);
      }
      return found;
    }"""
    with tab(browser) as page:
        page.goto(server.address)
        page.get_by_label("Your pseudonym").wait_for()
        first = page.evaluate(contrast)
        begin(page, server)
        page.keyboard.press("3")
        shows(page, 2)
        page.keyboard.press("ArrowLeft")
        shows(page, 1)
        found = first + page.evaluate(contrast)
        assert len(found) > 20 and min(found)[0] >= 4.5, min(found)
        names = page.evaluate(
            "[...document.querySelectorAll('button, video, progress')].map("
            "(el) => (el.getAttribute('aria-label') || el.textContent).trim())"
        )
        assert all(names)
        assert [f"{i} {emotion}" for i, emotion in enumerate(EMOTIONS, 1)] == [
            " ".join(text.split()) for text in page.locator("#choices button").all_inner_texts()
        ]


def test_a_token_opens_the_page_once_and_for_all(browser, clips_folder, tmp_path):
    with serving(clips_folder, tmp_path / "a.sqlite", "a-token") as server, tab(browser) as page:
        assert page.goto(server.address).status == 403
        page.goto(server.address + "?token=a-token")
        assert page.url == server.address
        begin(page, server)
        page.keyboard.press("3")
        shows(page, 2)
        page.reload()
        shows(page, 2)
        assert server.answers("anna") == expected("anna", ["fear"])


def test_a_clip_that_cannot_be_shown_can_be_passed(browser, clips_folder, tmp_path, monkeypatch):
    first = next(iter(expected("anna", ["?"])))

    def path(self, source, sha256):
        if Path(source).stem == first:
            raise FerflowError(source, "is broken", "mend it")
        return real(self, source, sha256)

    real = WebmClips.path
    monkeypatch.setattr(WebmClips, "path", path)
    with serving(clips_folder, tmp_path / "a.sqlite") as server, tab(browser) as page:
        page.goto(server.address)
        page.get_by_label("Your pseudonym").fill("anna")
        page.keyboard.press("Enter")
        page.get_by_text("This clip cannot be shown.").wait_for()
        page.keyboard.press("ArrowRight")
        shows(page, 2)
        page.keyboard.press("1")
        shows(page, 3)
        answered(page, 1)
