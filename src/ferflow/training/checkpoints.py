"""The folder in which a training run keeps what it needs to be taken up again after an interruption.

`last.ckpt` and, where the best epoch is kept, `best.ckpt` (Lightning's checkpoints), `history.csv` (the
learning curve so far) and `tensorboard/`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from ferflow import files

RUN = "ferflow"
"""Key, in a checkpoint, of what is not Lightning's (`module.Learner.on_save_checkpoint`)."""
LAST, BEST, CURVE = "last.ckpt", "best.ckpt", "history.csv"


def last(folder: Path, identity: str) -> Path | None:
    """The checkpoint that the run `identity` goes on from; None where it starts anew.

    A checkpoint of another run (other settings, images or seed) or a damaged one is removed with its folder.
    """
    import torch

    path = folder / LAST
    if path.is_file():
        try:
            run = torch.load(path, map_location="cpu", weights_only=True)[RUN]
            if run["identity"] == identity and "at" in run:
                return path
            what = "is of another run, or of another version of ferflow"
        except Exception:  # a damaged file makes torch's reader raise nearly anything
            what = "is damaged"
        print(f"{path} {what}: training starts anew", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def seconds(folder: Path) -> float:
    """How long the run in `folder` took until its last checkpoint, over all of its starts."""
    import torch

    return torch.load(folder / LAST, map_location="cpu", weights_only=True)[RUN]["seconds"]


def write_time(seconds: float | None, path: Path) -> None:
    """Note in a file of its own how long a training took: alone of what it leaves, that is never the same."""
    files.write_text(path, json.dumps({"seconds": None if seconds is None else round(seconds, 1)}) + "\n")


def read_time(path: str | Path) -> float | None:
    """The seconds in a file of `write_time`; None where nothing was trained."""
    return files.read_record(path, {"seconds": object}, "delete it and run again")["seconds"]
