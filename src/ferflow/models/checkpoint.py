"""The file of a trained network: its kind, its classes, how it was made, and its weights.

One dictionary of plain values and tensors, written by `torch.save` and read with `weights_only=True`:
`format`, `kind` (spatial, temporal, cascade or end-to-end), `network`, `classes`, `options` (what else it
takes to build it), `meta` (settings, data set, `synthetic`, ...) and `state_dict`.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from ferflow import short_run
from ferflow.errors import SettingError, WeightsError
from ferflow.files import atomic_write

FORMAT = 1
Module = TypeVar("Module", bound=nn.Module)
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
        "meta": json.loads(json.dumps(short_run.about(**meta))),
        "state_dict": _state(module, path, half),
    }
    # Through memory: torch.save names the archive's inner folder after the file, which is a temporary one.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_write(path) as partial:
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


def read(path: str | Path, kind: str, *, mmap: bool = False) -> dict[str, Any]:
    """Read and check the dictionary at `path`; WeightsError if it is not a ferflow file of this `kind`.

    With `mmap` the weights stay on the disk: for who only wants what the file says of itself.
    """
    content = load_file(path, mmap=mmap)
    if not isinstance(content, dict) or any(key not in content for key in _KEYS):
        raise WeightsError(path, "is not a model file of ferflow", "give a model.pt that ferflow trained")
    _refuse_misshapen(path, content)
    if content["format"] != FORMAT:
        raise WeightsError(path, f"has format {content['format']}, not {FORMAT}", "train it again")
    if content["kind"] != kind:
        raise WeightsError(path, f"is {_article(content['kind'])} model", f"give {_article(kind)} model")
    if content["meta"].get("rehearsal") and not short_run.active():
        raise WeightsError(path, "comes from a rehearsal and has learnt nothing", "train it in the study")
    return content


def _refuse_misshapen(path: str | Path, content: dict) -> None:
    """Raise WeightsError where an entry is of another type than `write` gives it."""
    types = {"kind": str, "network": str, "classes": list, "options": dict, "meta": dict, "state_dict": dict}
    wrong = [name for name, kind in types.items() if not isinstance(content[name], kind)]
    classes = content["classes"]
    if not wrong and not (classes and all(isinstance(name, str) for name in classes)):
        wrong = ["classes"]
    if not wrong and not isinstance(content["meta"].get("synthetic"), bool):
        wrong = ["meta.synthetic"]
    if wrong:
        raise WeightsError(path, f"is damaged: its {wrong[0]} is not what ferflow writes", "train it again")


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def load_file(path: str | Path, *, mmap: bool = False) -> Any:
    """`torch.load` with `weights_only=True` on the CPU; WeightsError where `path` is missing or damaged."""
    if not Path(path).is_file():
        raise WeightsError(path, "does not exist", "run the step that makes it, or put the file there")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old pickles: what it cannot take it raises too
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as error:
        # A damaged file makes torch's reader raise nearly anything, IndexError and AssertionError among it.
        # torch's messages run over many lines and advise turning the check off; their first line is enough.
        reason = str(error).strip().split("\n")[0].split(". ")[0] or type(error).__name__
        problem = f"is damaged or no weights file ({reason})"
        raise WeightsError(path, problem, "fetch or make it anew") from None


def load(
    path: str | Path, kind: str, known: Collection[str], build: Callable[[str, int, dict], Module]
) -> tuple[Module, dict[str, Any]]:
    """Read a network of this `kind`: in evaluation mode, and all else that the file says.

    `known` are the networks there are; `build` makes one from its name, the number of classes and the
    options. Raises WeightsError for a missing or damaged file, one of another kind, an unknown network, and
    options or weights that do not fit it.
    """
    content = read(path, kind)
    name, options, state = content["network"], content["options"], content.pop("state_dict")
    if name not in known:
        raise WeightsError(path, f"holds the unknown network {name}", "update ferflow")
    try:
        module = built(path, state, name, lambda: build(name, len(content["classes"]), options))
    except (KeyError, TypeError, ValueError, RuntimeError, SettingError) as error:
        reason = str(error).split("\n")[0]
        problem = f"has unknown options, was made by another version of ferflow ({reason})"
        raise WeightsError(path, problem, "update ferflow, or train it again") from None
    return module.eval(), content


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a published state dict (names to tensors); WeightsError where `path` is no such file."""
    state = load_file(path)
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise WeightsError(path, "is not a state dict of tensors", "give the file that its makers publish")
    return state


def built(path: str | Path, state: dict[str, torch.Tensor], name: str, build: Callable[[], Module]) -> Module:
    """The module that `build` makes, with `state` loaded into it. WeightsError as `load_state`.

    It is first built without memory, since what a damaged file says of its sizes may be more than there is.
    """
    with torch.device("meta"):
        load_state(build(), state, path, name, fill=False)
    module = build()
    load_state(module, state, path, name)
    return module


def load_state(
    module: nn.Module, state: dict[str, torch.Tensor], path: str | Path, name: str, *, fill: bool = True
) -> None:
    """Load `state` into `module`; WeightsError naming the first tensor that does not fit or is not finite.

    With `fill` false nothing is loaded, and only names and shapes are looked at.
    """
    no_tensor = [key for key, value in state.items() if not isinstance(value, torch.Tensor)]
    if no_tensor or not all(isinstance(key, str) for key in state):
        what = f"{no_tensor[0] if no_tensor else next(iter(state))} is no tensor with a name"
        raise WeightsError(path, f"is damaged ({what})", "fetch or make it anew")
    there = module.state_dict()
    # Old files have no counter of batches in their batch normalisation; it plays no part here.
    missing = [key for key in there if key not in state and not key.endswith("num_batches_tracked")]
    extra = [key for key in state if key not in there]
    shapes = [key for key in there if key in state and there[key].shape != state[key].shape]
    if missing or extra or shapes:
        if shapes:
            key = shapes[0]
            what = f"{key} is {tuple(state[key].shape)}, not {tuple(there[key].shape)}"
        else:
            what = f"{missing[0]} is missing" if missing else f"{extra[0]} is unknown"
        raise WeightsError(path, f"does not fit the network {name} ({what})", f"give weights of {name}")
    if not fill:
        return
    for key, value in state.items():
        fits = value.layout == torch.strided and value.is_floating_point() == there[key].is_floating_point()
        if not fits or value.is_complex() or (value.is_floating_point() and not value.isfinite().all()):
            what = f"{key} holds values that are no finite numbers of its type"
            raise WeightsError(path, f"is damaged ({what})", "fetch or make it anew")
    module.load_state_dict(state, strict=False)
