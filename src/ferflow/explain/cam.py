"""Where in a frame a class is seen: Grad-CAM (Selvaraju et al. 2017) through the spatial network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ferflow.errors import WeightsError
from ferflow.explain.maps import as_maps, block_maps
from ferflow.models.network import SpatialNetwork


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
            said = ask(network.features(image, layer))
    finally:
        hook.remove()
    (gradient,) = torch.autograd.grad(said.sum(), kept[0])
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
