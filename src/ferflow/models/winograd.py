"""5×5 convolutions with pooling behind them, in a third of the multiplications, for inference.

Winograd's minimal filtering (Lavin and Gray 2016, arXiv 1509.09308) computes 4×4 outputs of a 5×5 kernel from
8×8 inputs with 64 products a pair of channels instead of 400. That pays where a single image is looked at by
one core: most of the compact network's time goes into one such convolution. Outputs agree to rounding.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

KERNEL, TILE = 5, 4
_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
"""Where the polynomials are evaluated, beside infinity; these keep the rounding errors small."""


def matrices(outputs: int, kernel: int, points: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    """A [n,m], G [n,r] and B [n,n] of F(m,r), n = m + r - 1, from n - 1 distinct finite points.

    Aᵀ ((G g) ∘ (B d)) is the correlation of d [n] with the kernel g [r] (Cook and Toom's construction).
    """
    n = outputs + kernel - 1

    def evaluation(terms: int) -> np.ndarray:
        finite = np.vander(np.asarray(points, float), terms, increasing=True)
        return np.vstack([finite, np.eye(terms)[-1]])

    return evaluation(outputs), evaluation(kernel), np.linalg.inv(evaluation(n)).T


class ConvolutionPooled(nn.Module):
    """A 5×5 convolution that keeps the size, then the maximum of 2×2, for maps of one `side`.

    Takes float32 [N,C,side,side], gives [N,O,side/2,side/2]. `side` is a multiple of 4.
    """

    def __init__(self, convolution: nn.Conv2d, side: int) -> None:
        super().__init__()
        a, g, b = matrices(TILE, KERNEL, _POINTS)
        n, tiles = len(b), side // TILE
        weight = convolution.weight.detach().double().numpy()
        kernels = np.einsum("yi,xj,ocij->yxco", g, g, weight)
        # A tile's 4×4 outputs are four windows of 2×2: the places in the window first, so that the maximum
        # is over four blocks.
        outputs = np.kron(a, a).T.reshape(2, 2, 2, 2, n * n).transpose(1, 3, 0, 2, 4)
        padded = side + KERNEL - 1
        lines = TILE * np.arange(tiles) + np.arange(n)[:, None]  # [n,tiles]
        where = lines[:, None, :, None] * padded + lines[None, :, None, :]
        self.tiles, self.points = tiles, n * n
        for name, values in (
            ("inward", np.kron(b, b)),
            ("kernels", kernels.reshape(n * n, *kernels.shape[2:])),
            ("outward", outputs.reshape(TILE * TILE, n * n)),
        ):
            self.register_buffer(name, torch.from_numpy(values).to(torch.float32))
        self.register_buffer("where", torch.from_numpy(where.reshape(-1)))
        bias = convolution.bias
        self.register_buffer("bias", torch.zeros(len(weight)) if bias is None else bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        channels, (_, _, out) = x.shape[1], self.kernels.shape
        tiles, edge = self.tiles, KERNEL // 2
        x = nn.functional.pad(x, (edge, edge, edge, edge)).permute(0, 2, 3, 1)
        x = x.reshape(-1, (TILE * tiles + KERNEL - 1) ** 2, channels).index_select(1, self.where)
        x = self.inward @ x.reshape(-1, self.points, tiles * tiles * channels)
        x = x.reshape(-1, self.points, tiles * tiles, channels) @ self.kernels
        x = self.outward @ x.reshape(-1, self.points, tiles * tiles * out)
        one, two, three, four = x.split(4, 1)
        x = torch.maximum(torch.maximum(one, two), torch.maximum(three, four))
        x = x.reshape(-1, 2, 2, tiles, tiles, out).permute(0, 5, 3, 1, 4, 2)
        return x.reshape(-1, out, 2 * tiles, 2 * tiles) + self.bias[:, None, None]


def replace(network: nn.Module, example: Tensor) -> None:
    """Put `ConvolutionPooled` wherever it fits in the sequences of `network`, in place.

    `network` is in evaluation mode, its batch norms folded (`fuse.fused`); `example` is an input of the size
    that it will see from now on.
    """
    sides: dict[nn.Sequential, int] = {}

    def note(sequence: nn.Sequential, inputs: tuple[Tensor, ...]) -> None:
        height, width = inputs[0].shape[2:]
        if height == width and height % TILE == 0:
            sides[sequence] = height

    hooks = [m.register_forward_pre_hook(note) for m in network.modules() if _fits(m)]
    with torch.no_grad():
        network(example)
    for hook in hooks:
        hook.remove()
    for sequence, side in sides.items():
        sequence[0] = ConvolutionPooled(sequence[0], side)
        sequence[2] = nn.Identity()


def _fits(module: nn.Module) -> bool:
    """Whether it is a 5×5 convolution that keeps the size, its folded batch norm, and pooling by 2×2."""
    if not isinstance(module, nn.Sequential) or len(module) < 3:
        return False
    first, second, third = module[:3]
    return (
        isinstance(first, nn.Conv2d)
        and (first.kernel_size, first.stride, first.padding, first.dilation, first.groups)
        == ((KERNEL, KERNEL), (1, 1), (KERNEL // 2, KERNEL // 2), (1, 1), 1)
        and isinstance(second, nn.Identity)
        and isinstance(third, nn.MaxPool2d)
        and (third.kernel_size, third.stride, third.padding, third.ceil_mode) == (2, 2, 0, False)
    )
