"""Faster networks for inference."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ferflow.models import winograd
from ferflow.models.network import SpatialNetwork
from ferflow.models.precision import device


def fused(network: nn.Module) -> nn.Module:
    """Give a copy of `network`, for evaluation only, with batch normalisation folded into what it follows.

    Folds every BatchNorm2d behind a Conv2d and every BatchNorm1d behind a Linear, in an nn.Sequential and in
    torchvision's residual blocks. Outputs agree to rounding.
    """
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            _fold(module, list(pairwise(module._modules)))
        elif isinstance(getattr(module, "bn1", None), nn.BatchNorm2d):
            _fold(module, [(f"conv{i}", f"bn{i}") for i in (1, 2, 3) if hasattr(module, f"bn{i}")])
    return network


def placed(network: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """`fused` in `dtype`, channels last, on the GPU where there is one."""
    return fused(network).to(device(), dtype, memory_format=torch.channels_last)


def _fold(module: nn.Module, pairs: list[tuple[str, str]]) -> None:
    for first, second in pairs:
        before, norm = getattr(module, first), getattr(module, second)
        if isinstance(before, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, first, fuse_conv_bn_eval(before, norm))
        elif isinstance(before, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
            setattr(module, first, fuse_linear_bn_eval(before, norm))
        else:
            continue
        setattr(module, second, nn.Identity())


def for_single_images(network: SpatialNetwork) -> SpatialNetwork:
    """`fused`, with large convolutions by Winograd's algorithm: fast for few images at a time.

    The images must have the network's own channels and size (`spatial.prepare`).
    """
    network = fused(network).requires_grad_(False)
    winograd.replace(network, torch.zeros(1, *network.image_shape))
    return network


def optimize_for_cpu(network: SpatialNetwork) -> Callable[[Tensor], Tensor]:
    """A fast function from images [N,C,S,S] (0–1) to logits [N,K], on a CPU.

    `for_single_images`, channels last, traced and frozen, so that no Python runs between the layers. Agrees
    with `network` to rounding; later changes of `network` are not seen.
    """
    network_ = for_single_images(network).to(memory_format=torch.channels_last)
    example = torch.zeros(2, *network.image_shape).contiguous(memory_format=torch.channels_last)
    with warnings.catch_warnings(), torch.no_grad():
        # Both are announced to go one day; what will follow them needs a C++ compiler on the machine.
        warnings.simplefilter("ignore", (DeprecationWarning, torch.jit.TracerWarning))
        traced = torch.jit.freeze(torch.jit.trace(network_, example, check_trace=False))

    def logits(images: Tensor) -> Tensor:
        with torch.inference_mode():
            return traced(images.contiguous(memory_format=torch.channels_last))

    return logits
