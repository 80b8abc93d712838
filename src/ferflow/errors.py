"""Errors that a user can mend: one line with the file, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

LONGEST = 800
"""Characters of what is said of a problem, and of its remedy: a damaged file's content can be anything."""


class FerflowError(Exception):
    """A user's mistake or a broken input, shown as one line and never as a traceback.

    `where` is the file, folder or setting at fault; `problem` says what is wrong with it and
    `remedy` what to do.
    """

    def __init__(self, where: str | Path, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = str(where), problem, remedy
        super().__init__(f"{one_line(where)}: {_cut(one_line(problem))}; {_cut(one_line(remedy))}")

    def __reduce__(self):
        return type(self), (self.where, self.problem, self.remedy)


def one_line(text: object) -> str:
    """`text` in one line; characters that a terminal would obey, and not show, as their escapes."""
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 4 :]}"


class InputError(FerflowError):
    """A video, image, table or array file that cannot be used as it is."""


class NoFaceError(InputError):
    """No face was found in a whole clip or image."""


class SettingError(FerflowError):
    """A setting that does not exist, has the wrong type or is out of range."""


class WeightsError(FerflowError):
    """A pretrained or trained file that is missing, damaged or of another architecture."""


class SplitError(FerflowError):
    """A split that puts the same person on two sides, or cannot be made from the subjects there are."""


class LossError(FerflowError):
    """A training whose loss stopped being finite."""
