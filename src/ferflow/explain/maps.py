"""What the blocks of a spatial network make of one image: feature maps (thesis, Figure 3.14)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ferflow.models.network import SpatialNetwork


def as_maps(output: Tensor) -> Tensor | None:
    """A block's output as maps [N,C,H,W]; None where it has no places in the image.

    A sequence [N,T,C] whose length is a square comes from attention, whose T places lie in the image row by
    row. An LSTM's sequence, one step per row of a feature map, has no columns left.
    """
    if output.ndim == 4:
        return output
    side = math.isqrt(output.shape[1]) if output.ndim == 3 else 0
    if side < 2 or side * side != output.shape[1]:
        return None
    return output.transpose(1, 2).unflatten(2, (side, side))


def block_maps(network: SpatialNetwork, image: Tensor) -> list[tuple[int, np.ndarray]]:
    """Number (from 1) and maps float32 [C,H,W] of each block of `network` that has maps, for `image`.

    `image` is [1,C,S,S] with values 0–1, as `spatial.prepare` gives it; the network is in evaluation mode.
    """
    found: dict[int, np.ndarray] = {}

    def note(number: int):
        def hook(_block, _inputs, output: Tensor) -> None:
            maps = as_maps(output)
            if maps is not None:
                # Copied at once: a later layer may change the output in place.
                found[number] = maps[0].float().cpu().numpy().copy()

        return hook

    hooks = [block.register_forward_hook(note(i)) for i, block in enumerate(network.blocks, start=1)]
    try:
        with torch.no_grad():
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return sorted(found.items())


def mosaic(maps: np.ndarray, n: int, side: int) -> tuple[np.ndarray, int, int]:
    """The first `n` of maps [C,H,W] in a square as uint8 [R,R], each from its least (black) to its greatest.

    Each has `side` pixels at most: it is averaged over areas where it is larger, and enlarged so many times
    as fit in where it is smaller. Returns too how many maps are shown, and how many of them are the same
    everywhere (shown black).
    """
    import cv2

    shown = maps[:n]
    across = math.ceil(math.sqrt(len(shown)))
    times = max(1, side // max(shown.shape[1:]))
    height, width = (min(side, times * size) for size in shown.shape[1:])
    how = cv2.INTER_NEAREST if times > 1 else cv2.INTER_AREA
    out = np.full((across * (height + 1) - 1, across * (width + 1) - 1), 255, np.uint8)
    flat = 0
    for place, one in enumerate(shown):
        low, high = float(one.min()), float(one.max())
        flat += high <= low
        grey = (one - low) * (255 / (high - low)) if high > low else np.zeros_like(one)
        small = cv2.resize(grey.astype(np.float32), (width, height), interpolation=how)
        top, left = (place // across) * (height + 1), (place % across) * (width + 1)
        out[top : top + height, left : left + width] = np.rint(small)
    return out, len(shown), flat
