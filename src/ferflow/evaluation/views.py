"""A network's probabilities for images seen in one, two or ten ways.

Ten crops: the four corners and the centre, and the mirror image of each, averaged (Krizhevsky et al. 2012,
section 4.1; Khaireddin and Chen 2021 for FER2013, as the compact study reports them in its section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, get_args

import numpy as np

from ferflow.settings import View

if TYPE_CHECKING:
    from ferflow.models.network import SpatialNetwork

VIEWS: tuple[str, ...] = get_args(View)
CROP = 44 / 48
"""Side of each of the ten crops as a share of the image's: 44 pixels of FER2013's 48."""


def view_probabilities(
    network: SpatialNetwork,
    images: np.ndarray,
    views: View,
    batch: int,
    *,
    crop: float = CROP,
    progress: Callable[[int], None] = lambda n: None,
) -> np.ndarray:
    """Probabilities float64 [N,K] of images uint8 [N,H,W] (grey) or [N,H,W,3] (RGB): the mean over views.

    `views` is `one` (the image), `mirror` (it and its mirror image) or `ten` (crops of `crop` of the image's
    side, each brought to the network's own input size). `batch` images are in memory as floats at a time, in
    one view. The network computes where and in the precision that its parameters are in; `progress` is told
    after each batch how many images are done. Raises ValueError for an unknown view or a crop that is not
    within 0–1, or no images.
    """
    import torch

    from ferflow.models.spatial import prepare

    if views not in VIEWS:
        raise ValueError(f"no views {views}; there are {', '.join(VIEWS)}")
    if not 0 < crop <= 1:
        raise ValueError(f"a crop is a share of the image's side in 0–1, not {crop}")
    if not len(images):
        raise ValueError("there are no images to look at")
    network.eval()
    place = next(network.parameters())
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(images), batch):
            some = images[begin : begin + batch]
            total, n_views = 0.0, 0
            for seen in looked_at(some, views, crop):
                inputs = prepare(seen, network).to(place.device, place.dtype)
                total = total + network(inputs).double().softmax(dim=1)
                n_views += 1
            parts.append((total / n_views).cpu().numpy())
            progress(len(some))
    return np.concatenate(parts)


def looked_at(images: np.ndarray, views: View, crop: float) -> Iterator[np.ndarray]:
    """The views of images [N,H,W,...], one for all of them at a time."""
    if views != "ten":
        yield images
        if views == "mirror":
            yield mirrored(images)
        return
    for top, left, height, width in corners(images.shape[1], images.shape[2], crop):
        part = images[:, top : top + height, left : left + width]
        yield np.ascontiguousarray(part)
        yield mirrored(part)


def corners(height: int, width: int, crop: float) -> list[tuple[int, int, int, int]]:
    """Top, left, height and width of the five crops: the four corners, then the centre."""
    h, w = max(1, round(height * crop)), max(1, round(width * crop))
    down, right = height - h, width - w
    places = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    return [(top, left, h, w) for top, left in places]


def mirrored(images: np.ndarray) -> np.ndarray:
    """Images [N,H,W,...] with left and right changed over."""
    return np.ascontiguousarray(images[:, :, ::-1])
