"""Augmentation of batches of images while training, drawn anew for every image (thesis, section 3.2.4)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ferflow.settings import Online

_ERASED = 1 / 3
"""Side of the erased rectangle, of the image's."""
_GREY = 0.5


def apply(images: Tensor, settings: Online, generator: torch.Generator) -> Tensor:
    """Change images float32 [N,C,H,W] (0–1) at random; same shape and range.

    Flips, rotates, shears, shifts and zooms in one step of bilinear sampling, the nearest pixel standing
    where the image has none, then scales the brightness, then erases. Depends on nothing but the arguments.
    """

    def draw(low: float, high: float) -> Tensor:
        return torch.empty(len(images)).uniform_(low, high, generator=generator)

    angle = draw(-1, 1) * math.radians(settings.rotation)
    shear = draw(-1, 1) * math.radians(settings.shear)
    zoom = draw(1 - settings.zoom, 1 + settings.zoom)
    # affine_grid's units: the image reaches from -1 to 1, so a share of its width counts twice
    across, down = draw(-1, 1) * 2 * settings.shift, draw(-1, 1) * 2 * settings.shift
    mirror = torch.where(draw(0, 1) < 0.5, -1.0, 1.0) if settings.flip else torch.ones(len(images))
    cosine, sine = angle.cos() / zoom, angle.sin() / zoom
    # Rotation times shear, as in Keras: its shear slants the vertical by an angle.
    slanted, upright = -(angle + shear).sin() / zoom, (angle + shear).cos() / zoom
    moves = torch.stack(
        (torch.stack((cosine * mirror, slanted, across), 1), torch.stack((sine * mirror, upright, down), 1)),
        1,
    )
    grid = nn.functional.affine_grid(moves, list(images.shape), align_corners=False)
    moved = nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    brightness = draw(*settings.brightness).view(-1, 1, 1, 1)
    moved.mul_(brightness).clamp_(0, 1)
    if settings.erase:
        _erase(moved, draw(0, 1) < settings.erase, draw(0, 1), draw(0, 1))
    return moved


def _erase(images: Tensor, chosen: Tensor, top: Tensor, left: Tensor) -> None:
    """Random erasing (Zhong et al. 2020), in place: a rectangle of each chosen image becomes grey.

    `top` and `left` [N] (0–1) say where between the first and the last possible place it lies.
    """
    height, width = (round(side * _ERASED) for side in images.shape[2:])
    tops = (top * (images.shape[2] - height + 1)).long().tolist()
    lefts = (left * (images.shape[3] - width + 1)).long().tolist()
    for number in chosen.nonzero().flatten().tolist():
        y, x = tops[number], lefts[number]
        images[number, :, y : y + height, x : x + width] = _GREY


def mix(images: Tensor, labels: Tensor, n_classes: int, strength: float, seed: int) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al. 2018): each image float32 [N,C,H,W] with another of the batch, labels alike.

    The share of the image itself is drawn from Beta(`strength`, `strength`) and is at least a half. Returns
    the images and the targets float32 [N,K], which sum to one.
    """
    rng = np.random.default_rng(seed)
    share = rng.beta(strength, strength, len(images)).astype(np.float32)
    kept = torch.from_numpy(np.maximum(share, 1 - share))
    other = torch.from_numpy(rng.permutation(len(images)))
    targets = nn.functional.one_hot(labels, n_classes).float()
    return (
        torch.lerp(images[other], images, kept.view(-1, 1, 1, 1)),
        torch.lerp(targets[other], targets, kept.view(-1, 1)),
    )
