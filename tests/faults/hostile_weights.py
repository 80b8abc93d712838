"""Mutations of weights files."""

from __future__ import annotations

import copy
import io
import zipfile
from collections.abc import Callable
from random import Random

import torch
from hostile_bytes import ANY, Mutation, trap
from hostile_text import BAD_VALUES, places, with_value, without


def _load(data: bytes) -> dict:
    return torch.load(io.BytesIO(data), weights_only=True)


def _save(content: object) -> bytes:
    memory = io.BytesIO()
    torch.save(content, memory)
    return memory.getvalue()


def wrong_entry(data: bytes, rng: Random) -> bytes:
    """A description of wrong type or range, or without a part."""
    content = _load(data)
    tensors = content.pop("state_dict", {})
    found = places(content) or [()]
    path = rng.choice(found)
    if not path or rng.random() < 0.25:
        changed = without(content, path) if path else {}
    else:
        changed = with_value(content, path, rng.choice(BAD_VALUES))
    return _save({**changed, "state_dict": tensors})


def huge_options(data: bytes, rng: Random) -> bytes:
    """Numbers by which a network would be built that no memory holds."""
    content = _load(data)
    numbers = [
        path
        for path in places(content.get("options", {}))
        if type(_at(content["options"], path)) in (int, type(None), list)
    ]
    value = rng.choice((10**6, 10**9, 2**62))
    if numbers and rng.random() < 0.8:
        path = rng.choice(numbers)
        options = with_value(content["options"], path, [value] if rng.random() < 0.3 else value)
    else:
        options = {"dense": [value], "dropout": 0.5}
    others = ("vgg16", "resnet50", "densenet201", "alexnet", "vit", content.get("network", "compact"))
    return _save({**content, "options": options, "network": rng.choice(others)})


def _at(content: object, path: tuple) -> object:
    for key in path:
        content = content[key]
    return content


def _a_tensor(change: Callable[[torch.Tensor, Random], object]) -> Mutation:
    def mutation(data: bytes, rng: Random) -> bytes:
        content = copy.copy(_load(data))
        state = content.get("state_dict", content)
        name = rng.choice(sorted(state))
        state[name] = change(state[name], rng)
        return _save(content)

    mutation.__name__ = change.__name__.strip("_")
    return mutation


def _tensor_of_other_shape(tensor, rng):
    return rng.choice((tensor.flatten()[:1], tensor[None], torch.zeros(0), torch.zeros(3, 4, 5)))


def _tensor_of_other_type(tensor, rng):
    kind = rng.choice((torch.int64, torch.bool, torch.complex64, torch.uint8, torch.bfloat16))
    return tensor.to(kind)


def _tensor_not_finite(tensor, rng):
    changed = tensor.float().clone()
    changed.view(-1)[: rng.choice((1, 100))] = rng.choice((float("nan"), float("inf")))
    return changed


def _tensor_expanded(tensor, rng):
    """Of a thousand million values that all are the same one."""
    return torch.zeros(1).expand(rng.choice((10**9, 10**12)))


def _sparse_tensor(tensor, rng):
    return torch.sparse_coo_tensor([[0]], [1.0], (10**12,))


def _no_tensor(tensor, rng):
    return rng.choice((None, 1.5, "text", [1.0], {"a": 1}))


def without_tensors(data: bytes, rng: Random) -> bytes:
    content = _load(data)
    state = content.get("state_dict", content)
    for name in rng.sample(sorted(state), rng.randint(1, len(state))):
        del state[name]
    return _save(content)


def another_object(data: bytes, rng: Random) -> bytes:
    return _save(rng.choice((None, 1, [1, 2], "text", torch.zeros(3), {"a": torch.zeros(1)}, {1: 2}, {})))


def pickle_inside(data: bytes, rng: Random) -> bytes:
    """The archive as it should be, with a pickle in it that calls a function."""
    return members_changed(data, lambda name, part: trap(2) if name.endswith("data.pkl") else part)


def members_changed(data: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """A zip archive with every member changed, or left out where `change` gives None."""
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(memory, "w") as new:
        for entry in old.infolist():
            part = change(entry.filename, old.read(entry))
            if part is not None:
                new.writestr(zipfile.ZipInfo(entry.filename), part)
    return memory.getvalue()


def without_a_member(data: bytes, rng: Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        gone = rng.choice(archive.namelist())
    return members_changed(data, lambda name, part: None if name == gone else part)


def short_member(data: bytes, rng: Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        short = rng.choice(archive.namelist())
    return members_changed(data, lambda name, part: part[: len(part) // 2] if name == short else part)


STATE: tuple[Mutation, ...] = (
    *ANY,
    *(without_tensors, another_object, pickle_inside, without_a_member, short_member),
    *map(
        _a_tensor,
        (
            *(_tensor_of_other_shape, _tensor_of_other_type, _tensor_not_finite, _tensor_expanded),
            *(_sparse_tensor, _no_tensor),
        ),
    ),
)
"""For a dictionary of tensors."""
MODEL: tuple[Mutation, ...] = (*STATE, *([wrong_entry] * 10), *([huge_options] * 4))
"""For a model file of ferflow."""
