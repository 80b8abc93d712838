"""The file of a trained network: what it is, what it says, how it was made, and its weights.

One dictionary of plain values and tensors, written by `torch.save` and read with `weights_only=True`:
`format`, `kind` (spatial, temporal, cascade or end-to-end), `network`, `classes`, `options` (what else it
takes to build it), `meta` (settings, data set, `synthetic`, ...) and `state_dict`.
"""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ferflow.errors import WeightsError
from ferflow.files import whole

FORMAT = 1
_KEYS = ("format", "kind", "network", "classes", "options", "meta", "state_dict")


def write(
    path: str | Path,
    kind: str,
    network: str,
    module: nn.Module,
    classes,
    options: dict,
    meta: dict,
    half: bool = False,
) -> None:
    """Write `module` to `path`. `meta` must be JSON values and say whether the data were `synthetic`.

    The same weights and meta give the same bytes. With `half` the weights are stored as float16, which halves
    the file; they are float32 again when loaded. Raises WeightsError for a weight beyond float16's 65,504.
    """
    if not isinstance(meta.get("synthetic"), bool):
        raise ValueError("meta must say whether the training data are synthetic (True or False)")
    content = {
        "format": FORMAT,
        "kind": kind,
        "network": network,
        "classes": list(classes),
        "options": options,
        "meta": json.loads(json.dumps(meta)),
        "state_dict": _state(module, path, half),
    }
    # Through memory: torch.save names the archive's inner folder after the file, which is a temporary one.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with whole(path) as partial:
        partial.write_bytes(buffer.getbuffer())


def _state(module: nn.Module, path: str | Path, half: bool) -> dict[str, torch.Tensor]:
    state = {name: value.detach().cpu() for name, value in module.state_dict().items()}
    if not half:
        return state
    for name, value in state.items():
        if value.is_floating_point():
            state[name] = value.to(torch.float16)
            if not torch.isfinite(state[name]).all():
                raise WeightsError(path, f"{name} has values beyond float16", "save it as float32")
    return state


def read(path: str | Path, kind: str) -> dict[str, Any]:
    """Read and check the dictionary at `path`; WeightsError if it is not a ferflow file of this `kind`."""
    content = load_file(path)
    if not isinstance(content, dict) or any(key not in content for key in _KEYS):
        raise WeightsError(path, "is not a model file of ferflow", "give a model.pt that ferflow trained")
    if content["format"] != FORMAT:
        raise WeightsError(path, f"has format {content['format']}, not {FORMAT}", "train it again")
    if content["kind"] != kind:
        raise WeightsError(path, f"is {_article(content['kind'])} model", f"give {_article(kind)} model")
    return content


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def load_file(path: str | Path) -> Any:
    """`torch.load` with `weights_only=True` on the CPU; WeightsError where `path` is missing or damaged."""
    if not Path(path).is_file():
        raise WeightsError(path, "does not exist", "run the step that makes it, or put the file there")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
    ) as error:
        # torch's messages run over many lines and advise turning the check off; their first line is enough.
        reason = str(error).strip().split("\n")[0].split(". ")[0] or type(error).__name__
        raise WeightsError(
            path, f"is damaged or no weights file ({reason})", "fetch or make it anew"
        ) from None


def load_state(module: nn.Module, state: dict[str, torch.Tensor], path: str | Path, name: str) -> None:
    """Load `state` into `module`; WeightsError naming the first tensor that does not fit."""
    own = module.state_dict()
    # Old files have no counter of batches in their batch normalisation; it plays no part here.
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    extra = [key for key in state if key not in own]
    shapes = [key for key in own if key in state and own[key].shape != state[key].shape]
    if missing or extra or shapes:
        if shapes:
            key = shapes[0]
            what = f"{key} is {tuple(state[key].shape)}, not {tuple(own[key].shape)}"
        else:
            what = f"{missing[0]} is missing" if missing else f"{extra[0]} is unknown"
        raise WeightsError(path, f"does not fit the network {name} ({what})", f"give weights of {name}")
    module.load_state_dict(state, strict=False)
