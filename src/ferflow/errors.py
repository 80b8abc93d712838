"""Errors that a user can mend: one line with the file, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path


class FerflowError(Exception):
    """A user's mistake or a broken input, shown as one line and never as a traceback.

    `where` is the file, folder or setting at fault; `problem` says what is wrong with it and
    `remedy` what to do.
    """

    def __init__(self, where: str | Path, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = str(where), problem, remedy
        line = f"{where}: {problem}; {remedy}"
        super().__init__(" ".join(line.split()))

    def __reduce__(self):
        return type(self), (self.where, self.problem, self.remedy)


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
