"""Augmentation of batches of images while training, drawn anew for every image (thesis, section 3.2.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ferflow.settings import Online


def apply(images: Tensor, settings: Online, generator: torch.Generator) -> Tensor:
    """Change images float32 [N,C,H,W] (0–1) at random; same shape and range.

    Flips, rotates, shears, shifts and zooms in one step of bilinear sampling, the nearest pixel standing
    where the image has none, then scales the brightness. Depends on nothing but the arguments.
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
        (
            torch.stack((cosine * mirror, slanted, across), 1),
            torch.stack((sine * mirror, upright, down), 1),
        ),
        1,
    )
    grid = nn.functional.affine_grid(moves, list(images.shape), align_corners=False)
    moved = nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    brightness = draw(*settings.brightness).view(-1, 1, 1, 1)
    return moved.mul_(brightness).clamp_(0, 1)
