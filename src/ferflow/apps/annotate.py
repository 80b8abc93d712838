"""`ferflow annotate`: start the page on which people label the clips, or export their answers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd

from ferflow import layout, settings, tables
from ferflow.apps.annotate_clips import WebmClips
from ferflow.classes import EMOTIONS
from ferflow.datasets import manifest
from ferflow.errors import FerflowError, SettingError
from ferflow.humans import annotations
from ferflow.humans.annotations import annotation_clips
from ferflow.humans.store import Store

BACKLOG = 128
STOP_SECONDS = 2
"""How long a request may still take once the server is told to stop."""


@dataclass(frozen=True)
class Options:
    """`manifest`, `splits` (None: all clips), `database` and `cache` are paths; `emotions` the choices.

    `all_clips` also lists those that cannot be used: answers about them are ignored. `export` is a file to
    write all answers to instead of starting the page. `token`: the page needs one on this machine too;
    `new_token` invalidates old addresses.
    """

    manifest: Path
    all_clips: Path
    splits: Path | None
    database: Path
    cache: Path
    emotions: Sequence[str]
    host: str
    port: int
    export: Path | None
    new_token: bool
    token: bool = False


def of_study(
    params: Path, overlays: Sequence[Path], manifest_csv: Path | None, splits: Path | None, every: bool
) -> dict:
    """Where a study's clips and answers lie, as arguments of `Options`.

    `manifest_csv` needs no study: all its clips are shown, or those of the test subjects in `splits`. `every`
    shows all clips of a study, not only those of its test subjects.
    """
    if manifest_csv is not None:
        folder = manifest_csv.parent
        return {
            "manifest": manifest_csv,
            "all_clips": manifest_csv,
            "splits": splits,
            "database": folder / "annotations.sqlite",
            "cache": folder / "webm",
            "emotions": choices(manifest_csv),
        }

    study = settings.load(params, *overlays)
    if study.kind != "clips":
        where = overlays[-1] if overlays else params
        raise SettingError(where, f"study {study.study} has no clips", "name a study of clips, or --manifest")

    def path(pattern: str) -> Path:
        return Path(pattern.format(study=study.study, dataset=study.data()[0]))

    return {
        "manifest": path(layout.CLIPS),
        "all_clips": path(layout.MANIFEST),
        "splits": None if every else splits or path(layout.SPLITS),
        "database": path(layout.ANNOTATIONS),
        "cache": path(layout.ANNOTATED),
        "emotions": tuple(study.emotions),
    }


def choices(manifest_csv: Path) -> tuple[str, ...]:
    """The classes that people choose from where no study lists them.

    The six basic emotions where the clips show no others; else the manifest's own, in the order of its rows.
    """
    emotions = tuple(dict.fromkeys(manifest.read(manifest_csv)["emotion"]))
    return EMOTIONS if set(emotions) <= set(EMOTIONS) else emotions


def run(options: Options) -> None:
    """Write the answers to `options.export`, or serve the page until Ctrl-C."""
    clips = annotation_clips(options.manifest, options.splits, options.emotions)
    if options.export is not None and not options.database.exists():
        raise FerflowError(options.database, "does not exist", "run `ferflow annotate` first")
    with closing(Store(options.database)) as store:
        (serve if options.export is None else export)(options, clips, store)


def export(options: Options, clips: pd.DataFrame, store: Store) -> None:
    """Write all answers as schema `predictions`, protocol `human`, and name the annotators who lack some."""
    answers = answers_of(store, manifest.read(options.all_clips), clips, options.emotions)
    tables.write(annotations.to_predictions(answers, options.emotions), options.export, "predictions")
    missing = annotations.incomplete(answers, len(clips))
    for line in annotations.warnings(missing, len(clips), options.database):
        print(f"ferflow: warning: {line}", file=sys.stderr)
    people = answers["annotator"].nunique()
    print(f"{options.export}: {len(answers)} answers of {people} annotators about {len(clips)} clips")


def answers_of(
    store: Store, known: pd.DataFrame, clips: pd.DataFrame, emotions: Sequence[str]
) -> pd.DataFrame:
    """The answers in `store` about `clips`, checked against the manifest `known` that has all of them."""
    return annotations.only(
        annotations.check(store.annotations(), known, emotions, store.path), clips, store.path
    )


def serve(options: Options, clips: pd.DataFrame, store: Store) -> None:
    """Serve the page about `clips` until the process is told to stop.

    Raises FerflowError where nothing can listen on host and port.
    """
    import uvicorn

    from ferflow.apps.annotate_page import Access, create_app, is_loopback

    listening = _listen(options.host, options.port)
    port = listening.getsockname()[1]
    wanted = options.token or not is_loopback(options.host)
    token = store.secret("token", options.new_token) if wanted else None
    access = Access(token, f"ferflow-{port}", store.secret("results", options.new_token))
    webm = WebmClips(options.cache)

    def results() -> pd.DataFrame:
        answers = answers_of(store, manifest.read(options.all_clips), clips, options.emotions)
        return annotations.to_predictions(answers, options.emotions)

    app = create_app(clips, options.emotions, store, webm, access, results)
    webm.prepare(zip(clips["source"], clips["sha256"], strict=True))
    address = f"http://{_shown(options.host)}:{port}/"
    people, answers = store.counts()
    print(f"{len(clips)} clips; {answers} answers of {people} annotators so far, in {options.database}")
    print(f"annotate: {address}" + (f"?{urlencode({'token': token})}" if token else ""))
    print(f"results:  {address}predictions.csv?{urlencode({'key': access.results})}")
    print("Ctrl-C stops; every answer is kept at once.", flush=True)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # it would hold the token
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    try:
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        webm.stop()
        listening.close()
    people, answers = store.counts()
    print(f"\nstopped; {answers} answers of {people} annotators in {options.database}")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        remedy = "choose another with --port, or correct --host"
        raise FerflowError(f"{host}:{port}", f"cannot be listened on ({error})", remedy) from None


def _shown(host: str) -> str:
    """The host in the address for a browser: this machine's name where the server listens everywhere."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
