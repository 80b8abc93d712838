"""Attribution: the feature maps of a spatial network, Grad-CAM, and the contribution of each frame.

Feature maps are those of the thesis, Figure 3.14; Grad-CAM (Selvaraju et al. 2017) localises a class within a
frame. A frame's contribution is what it adds to the logarithm of the predicted class's probability.

Integrated gradients (Sundararajan et al. 2017) from a clip of the same length in which the face stays
neutral throughout: the gradient with respect to the frame features, averaged along the straight way from
there to the clip, times that difference. Of the alternatives, the rise of the probability with each further
frame means nothing for a head that reads a clip from both ends, leaving one frame out changes nothing where
its neighbours show the same, and the plain gradient is small where the probability is near 1. These
contributions add up to the rise over the neutral clip. They are of the log-probability and not of the
class's own logit, since a class can win because the other logits fall.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ferflow.errors import WeightsError
from ferflow.models.network import SpatialNetwork
from ferflow.models.temporal import TemporalHead


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
    by_block: dict[int, np.ndarray] = {}

    def note(number: int):
        def hook(_block, _inputs, output: Tensor) -> None:
            maps = as_maps(output)
            if maps is not None:
                # Copied at once: a later layer may change the output in place.
                by_block[number] = maps[0].float().cpu().numpy().copy()

        return hook

    hooks = [block.register_forward_hook(note(i)) for i, block in enumerate(network.blocks, start=1)]
    try:
        with torch.no_grad():
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return sorted(by_block.items())


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


def class_map(
    network: SpatialNetwork, image: Tensor, layer: str, ask: Callable[[Tensor], Tensor]
) -> np.ndarray:
    """The class-activation map float32 [H,W] (0 and more) of `image` [1,C,S,S] (0–1).

    `ask` takes the image's features [1,F] at `layer` to one number, the logit whose evidence is looked for:
    that of a temporal head, with the features of all other frames as they are. Each map of the last
    convolution is weighed by the mean of the logit's gradient over it; their sum counts where it is above 0.
    A map of zeros says that nothing there speaks for the class. The network is in evaluation mode; its
    parameters get no gradients. Raises WeightsError for a network without maps.
    """
    module, before = last_maps(network, image)
    kept: list[Tensor] = []

    def cut(output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[-1].clone()  # a layer behind it may work in place

    if before:
        hook = module.register_forward_pre_hook(lambda _module, inputs: (cut(inputs[0]),))
    else:
        hook = module.register_forward_hook(lambda _module, _inputs, output: cut(output))
    try:
        with torch.enable_grad():
            logits = ask(network.features(image, layer))
    finally:
        hook.remove()
    (gradient,) = torch.autograd.grad(logits.sum(), kept[0])
    maps, slopes = as_maps(kept[0].detach())[0], as_maps(gradient)[0]
    weights = slopes.mean(dim=(1, 2), keepdim=True)
    return (weights * maps).sum(0).clamp(min=0).numpy()


def last_maps(network: SpatialNetwork, image: Tensor) -> tuple[nn.Module, bool]:
    """The module whose output (False) or input (True) holds the last convolution's maps of `network`.

    That is the last block with places in the image; where it ends in a pooling, what goes into that, which
    has twice the resolution (VGG16: 14×14 and not 7×7).
    """
    numbers = [number for number, _ in block_maps(network, image)]
    if not numbers:
        raise WeightsError(network.name, "has no block with feature maps", "take another spatial network")
    block = network.blocks[numbers[-1] - 1]
    poolings = [m for m in block.modules() if isinstance(m, (nn.MaxPool2d, nn.AvgPool2d))]
    convolutions = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    order = list(block.modules())
    if poolings and convolutions and order.index(poolings[-1]) > order.index(convolutions[-1]):
        return poolings[-1], True
    return block, False


AT_ONCE = 4
"""Steps of the way that are computed together: of 100 frames of 25,088 features, 40 MB."""


def logit(head: TemporalHead, features: Tensor, wanted: int) -> Tensor:
    """The logits [N] of class `wanted` of features [N,T,F], all of whose frames are real."""
    return head(features, torch.ones(features.shape[:2], dtype=torch.bool))[:, wanted]


def log_probability(head: TemporalHead, features: Tensor, wanted: int) -> Tensor:
    """The logarithms [N] of the probability of class `wanted` of features [N,T,F]."""
    mask = torch.ones(features.shape[:2], dtype=torch.bool)
    return head(features, mask).log_softmax(1)[:, wanted]


def contributions(
    head: TemporalHead, features: np.ndarray, neutral: np.ndarray, wanted: int, steps: int
) -> tuple[np.ndarray, float]:
    """The contribution of each frame to the log-probability of class `wanted`, float64 [T], and its rise.

    `features` [T,F] of the kept frames, `neutral` [F] of the neutral face; `head` is in evaluation mode.
    With enough `steps` the contributions add up to the rise.
    """
    clip = torch.as_tensor(np.asarray(features, np.float32))
    still = torch.as_tensor(np.asarray(neutral, np.float32)).expand_as(clip)
    way = clip - still
    total = torch.zeros(len(clip), dtype=torch.float64)
    fractions = (torch.arange(steps) + 0.5) / steps  # the middles of equal parts of the way
    for some in fractions.split(AT_ONCE):
        points = (still + some[:, None, None] * way).requires_grad_()
        (gradients,) = torch.autograd.grad(log_probability(head, points, wanted).sum(), points)
        total += (gradients * way).sum(dim=(0, 2)).double()
    with torch.no_grad():
        ends = log_probability(head, torch.stack([clip, still]), wanted)
    return (total / steps).numpy(), float(ends[0] - ends[1])
