"""The store of the answers of `ferflow annotate`: one SQLite file, one transaction per answer.

SQLite's write-ahead log with full synchronisation: what `answer` has returned survives a crash of the process
and of the machine. The file must lie on a disk of this machine, since the log is shared through memory.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from ferflow.errors import FerflowError, InputError
from ferflow.humans.annotators import key, tidy

BUSY = 30.0
"""Seconds to wait for another process that writes."""
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS annotators (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, entered TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    annotator TEXT NOT NULL REFERENCES annotators(key), clip_id TEXT NOT NULL,
    emotion TEXT NOT NULL, answered TEXT NOT NULL,
    PRIMARY KEY (annotator, clip_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
    number INTEGER PRIMARY KEY, request TEXT NOT NULL UNIQUE, annotator TEXT NOT NULL, clip_id TEXT NOT NULL,
    emotion TEXT NOT NULL, answered TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Annotator:
    """`key` tells one from another, `name` is as it was first typed."""

    key: str
    name: str


class Store:
    """The answers in the file at `path`, which is made where there is none. Safe for threads and processes.

    Raises FerflowError where the file cannot be written or is something else.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # It holds the access token: nobody else's to read.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(
                self.path, timeout=BUSY, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA foreign_keys=ON")
            self._connection.executescript(_TABLES)
        except OSError as error:
            remedy = "check the folder's permissions, or name another with --database"
            raise FerflowError(self.path, f"cannot be written ({error.strerror})", remedy) from None
        except sqlite3.Error as error:
            if self._connection is not None:
                self._connection.close()
            remedy = "name another file with --database"
            raise FerflowError(self.path, f"is not a file of annotations ({error})", remedy) from None

    def close(self) -> None:
        """Close the file; everything is on the disk already."""
        self._connection.close()

    def enter(self, name: str) -> Annotator:
        """The annotator of that pseudonym, new or known. Raises ValueError for a name that cannot be one."""
        own, shown = key(name), tidy(name)
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO annotators VALUES (?, ?, ?)", (own, shown, _now()))
        return self.annotator(own)

    def annotator(self, own_key: str) -> Annotator | None:
        """The annotator with that key, or None."""
        row = self._one("SELECT key, name FROM annotators WHERE key = ?", own_key)
        return None if row is None else Annotator(*row)

    def answer(self, own_key: str, clip_id: str, emotion: str, request: str) -> None:
        """Keep an annotator's answer about a clip; it takes the place of an earlier one.

        `request` names the click. The same request again changes nothing, even if another answer has come in
        between: it is a repetition by a browser that did not hear back. Every change stays in the log.
        """
        now = _now()
        with self._writing() as connection:
            seen = connection.execute("SELECT 1 FROM log WHERE request = ?", (request,)).fetchone()
            current = connection.execute(
                "SELECT emotion FROM answers WHERE annotator = ? AND clip_id = ?", (own_key, clip_id)
            ).fetchone()
            if seen or (current and current[0] == emotion):
                return
            row = (own_key, clip_id, emotion, now)
            connection.execute(
                "INSERT INTO log (request, annotator, clip_id, emotion, answered) VALUES (?, ?, ?, ?, ?)",
                (request, *row),
            )
            connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)

    def answers_of(self, own_key: str) -> dict[str, str]:
        """The annotator's answers: emotion by clip_id."""
        query = "SELECT clip_id, emotion FROM answers WHERE annotator = ?"
        with self._lock, self._damage():
            return dict(self._connection.execute(query, (own_key,)).fetchall())

    def annotations(self) -> pd.DataFrame:
        """All answers as schema `annotations`, by annotator and clip. InputError where there are none."""
        query = (
            "SELECT name, clip_id, emotion, answered FROM answers JOIN annotators ON key = annotator "
            "ORDER BY name, clip_id"
        )
        with self._lock, self._damage():
            rows = self._connection.execute(query).fetchall()
        if not rows:
            raise InputError(self.path, "holds no answers yet", "annotate some clips first")
        return pd.DataFrame(rows, columns=["annotator", "clip_id", "emotion", "answered"])

    def counts(self) -> tuple[int, int]:
        """Number of annotators and of answers."""
        return (self._one("SELECT COUNT(*) FROM annotators")[0], self._one("SELECT COUNT(*) FROM answers")[0])

    def secret(self, name: str, renew: bool = False) -> str:
        """A random text of that name, made once and kept; `renew` makes another."""
        with self._writing() as connection:
            fresh = secrets.token_urlsafe(24)
            verb = "REPLACE" if renew else "IGNORE"
            connection.execute(f"INSERT OR {verb} INTO meta VALUES (?, ?)", (name, fresh))
            return connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0]

    def _one(self, query: str, *values: str) -> tuple | None:
        with self._lock, self._damage():
            return self._connection.execute(query, values).fetchone()

    @contextmanager
    def _damage(self) -> Iterator[None]:
        """SQLite's errors about the file (damaged, no space left, held by somebody else) as one line."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            remedy = "free the disk or the file; if it is damaged, put back a copy or name another --database"
            raise FerflowError(self.path, f"cannot be used ({error})", remedy) from None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on the disk when the block ends, or undone by an error."""
        with self._lock, self._damage():
            # At once, so that no other process can come between reading and writing.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
