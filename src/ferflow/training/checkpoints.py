"""The folder in which a training run keeps what it needs to be taken up again after an interruption.

`last.ckpt` and, where the best epoch is kept, `best.ckpt` (Lightning's checkpoints), `history.csv` (the
learning curve so far) and `tensorboard/`.
"""

from __future__ import annotations

import pickle
import shutil
import sys
from pathlib import Path

RUN = "ferflow"
"""Key, in a checkpoint, of what is not Lightning's: `identity` and `rows`."""
LAST, BEST, CURVE = "last.ckpt", "best.ckpt", "history.csv"


def last(folder: Path, identity: str) -> Path | None:
    """The checkpoint that the run `identity` goes on from; None where it starts anew.

    A checkpoint of another run (other settings, images or seed) or a damaged one is removed with its folder.
    """
    import torch

    path = folder / LAST
    if path.is_file():
        try:
            if torch.load(path, map_location="cpu", weights_only=True)[RUN]["identity"] == identity:
                return path
            what = "is of another run"
        except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, TypeError, ValueError):
            what = "is damaged"
        print(f"{path} {what}: training starts anew", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    return None
