"""The web server of `ferflow annotate`: it keeps all state, a browser only displays it.

An annotator's browser gets neither a clip's name nor its label, since names often reveal the emotion: a clip
is addressed by a keyed hash of its name.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files as resources
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import pandas as pd
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from ferflow import tables
from ferflow.apps.annotate_clips import Stopped, WebmClips
from ferflow.apps.terminal import complain
from ferflow.classes import LONGEST
from ferflow.errors import FerflowError
from ferflow.humans.annotators import is_simulated, order
from ferflow.humans.store import Annotator, Store

PAGE = {
    "annotate.html": "text/html; charset=utf-8",
    "annotate.css": "text/css; charset=utf-8",
    "annotate.js": "text/javascript; charset=utf-8",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; "
    "connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the first address holds the token
}
LONGEST_BODY = 10_000
"""Bytes of a request; an answer has some hundred."""
LONGEST_REASON = 300
"""Characters of the reason why a request is refused."""
COOKIE_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Access:
    """Who may open the page: with a `token` whoever has it (the cookie named `cookie` keeps it), without one
    every user of this machine. `results` is the key to the download of all answers, in both cases."""

    token: str | None
    cookie: str
    results: str


class Entry(BaseModel):
    name: Annotated[str, Field(max_length=200)]


class Answer(BaseModel):
    annotator: Annotated[str, Field(max_length=200)]
    clip: Annotated[str, Field(max_length=64)]
    emotion: Annotated[str, Field(max_length=LONGEST)]
    request: Annotated[str, Field(min_length=8, max_length=64)]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def create_app(
    clips: pd.DataFrame,
    emotions: Sequence[str],
    store: Store,
    webm: WebmClips,
    access: Access,
    results: Callable[[], pd.DataFrame],
) -> FastAPI:
    """The page about `clips` (rows of schema `manifest`), whose answers are among `emotions`.

    `results` returns all answers as schema `predictions`, for the person who runs the page.
    """
    secret = store.secret("clips").encode()
    ids = {clip_id: _hidden(secret, clip_id) for clip_id in clips["clip_id"]}
    named = {hidden: clip_id for clip_id, hidden in ids.items()}
    files = clips.set_index("clip_id")[["source", "sha256"]].to_dict("index")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        response = _refusal(request, access) or await call(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(RequestValidationError)
    async def misshapen(request: Request, error: RequestValidationError) -> Response:
        # Not FastAPI's own answer, which repeats what was sent and fails where that is no text.
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"detail": f"{where}: {first['msg']}."[:LONGEST_REASON]}, 422, HEADERS)

    @app.exception_handler(FerflowError)
    async def failed(request: Request, error: FerflowError) -> Response:
        complain(error)
        return JSONResponse({"detail": "Nothing was kept: tell whoever runs this page."}, 500, HEADERS)

    def state(annotator: Annotator) -> dict:
        answers, key = store.answers_of(annotator.key), annotator.key
        shown = [
            {"id": ids[clip_id], "emotion": answers.get(clip_id)} for clip_id in order(ids, annotator.name)
        ]
        return {"annotator": key, "name": annotator.name, "emotions": list(emotions), "clips": shown}

    def known(key: str) -> Annotator:
        annotator = store.annotator(key)
        if annotator is None:
            raise HTTPException(404, "Nobody has begun under this pseudonym. Enter it again.")
        return annotator

    for name in PAGE:
        address = "/" if name.endswith(".html") else f"/{name}"
        app.add_api_route(address, partial(_resource, name), response_model=None)

    @app.post("/api/annotators")
    def enter(entry: Entry) -> dict:
        if is_simulated(entry.name):
            raise HTTPException(422, "This name is kept for simulated annotators. Choose another.")
        try:
            return state(store.enter(entry.name))
        except ValueError as error:
            raise HTTPException(422, f"{str(error).capitalize()}.") from None

    @app.get("/api/state")
    def resume(annotator: str) -> dict:
        return state(known(annotator))

    @app.put("/api/answers")
    def answer(sent: Answer) -> dict:
        annotator = known(sent.annotator)
        if sent.clip not in named:
            raise HTTPException(404, "This clip is not asked about any more. Reload the page.")
        if sent.emotion not in emotions:
            raise HTTPException(422, f"The choices are {', '.join(emotions)}.")
        store.answer(annotator.key, named[sent.clip], sent.emotion, sent.request)
        return {"answered": len(named.keys() & {ids.get(c) for c in store.answers_of(annotator.key)})}

    @app.get("/clips/{clip}.webm")
    def clip(clip: str) -> Response:
        if clip not in named:
            raise HTTPException(404, "There is no such clip.")
        about = files[named[clip]]
        try:
            path = webm.path(about["source"], about["sha256"])
        except Stopped:
            raise HTTPException(503, "The page is being stopped.") from None
        except FerflowError as error:
            complain(error)
            raise HTTPException(500, "This clip cannot be shown.") from None
        return FileResponse(path, media_type="video/webm", headers={"Cache-Control": "private, max-age=3600"})

    @app.get("/predictions.csv")
    def predictions(key: str = "") -> Response:
        if not _same(key, access.results):
            # It holds the labels, which no annotator should see.
            raise HTTPException(403, "The results need the address that ferflow printed.")
        try:
            rows = results()
        except FerflowError as error:
            raise HTTPException(409, str(error)) from None
        return PlainTextResponse(_csv(rows), media_type="text/csv; charset=utf-8")

    return app


def _refusal(request: Request, access: Access) -> Response | None:
    """The answer to a request that may not pass, or None."""
    length = request.headers.get("content-length", "0")
    # What comes without a length in its header would be taken into memory to its end.
    if "transfer-encoding" in request.headers or not length.isdecimal() or int(length) > LONGEST_BODY:
        return PlainTextResponse("That is too long for an answer.", 413)
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if origin is not None and origin.partition("://")[2] != host:
        return PlainTextResponse("Another site may not speak for you here.", 403)
    if access.token is None:
        # A site elsewhere can give its own name this machine's address; its requests carry that name.
        if not is_loopback(_hostname(host)):
            return PlainTextResponse("Open the page by the address that ferflow printed.", 403)
        return None
    offered = request.query_params.get("token")
    if offered is not None and _same(offered, access.token):
        response = RedirectResponse(request.url.path, 303)  # so that the address bar forgets the token
        response.set_cookie(
            access.cookie, access.token, max_age=COOKIE_SECONDS, httponly=True, samesite="lax"
        )
        return response
    if _same(request.cookies.get(access.cookie, ""), access.token):
        return None
    return PlainTextResponse("Open the page by the whole address that you were given, with its token.", 403)


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same(sent: str, wanted: str) -> bool:
    return hmac.compare_digest(sent.encode(), wanted.encode())


def _hidden(secret: bytes, clip_id: str) -> str:
    return hmac.new(secret, clip_id.encode(), hashlib.sha256).hexdigest()[:24]


def _resource(name: str) -> Response:
    content = (resources("ferflow") / "resources" / "annotate" / name).read_bytes()
    return Response(content, media_type=PAGE[name], headers={"Cache-Control": "no-cache"})


def _csv(rows: pd.DataFrame) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.csv"
        tables.write(rows, path, "predictions")
        return path.read_bytes()
