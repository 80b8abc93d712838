"""A training step on several processor cores: the batch is cut into shards, one per core, as on several GPUs.

torch's own threads share the work of each operation, which small networks leave them too little of. Here each
core takes a shard of the batch through the whole network; the gradients are averaged. Batch normalisation
sees a shard at a time, and its running statistics are those of the first one, as in data-parallel training.
"""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

SMALLEST = 32
"""Items that a shard must have: with fewer, the statistics of batch normalisation become too noisy."""
LARGE = 128 * 2**20
"""Bytes from which freed memory goes back to the system. Batches of 25,088 features a frame are larger and
differ in length: what one leaves behind is too small for the next, and the process would grow."""
_RANDOM = (nn.modules.dropout._DropoutNd, nn.RNNBase, nn.MultiheadAttention, nn.TransformerEncoderLayer)


def count(network: nn.Module, batch: int, threads: int) -> int:
    """How many shards a batch of `batch` items is cut into on `threads` cores.

    One where a layer draws random numbers while training: shards would draw from one generator in an order
    that is not theirs to choose, and no two runs would be equal.
    """
    drawing = any(
        isinstance(layer, _RANDOM) and getattr(layer, "p", getattr(layer, "dropout", 1))
        for layer in network.modules()
    )
    return 1 if drawing else max(1, min(threads, batch // SMALLEST))


class Shards:
    """`n` copies of `network` that share its weights, each in a thread of its own until `close`."""

    def __init__(self, network: nn.Module, n: int) -> None:
        self.network = network
        self.weights = [weight for weight in network.parameters() if weight.requires_grad]
        self.copies = [network]
        for _ in range(n - 1):
            other = copy.deepcopy(network)
            for theirs, ours in zip(other.parameters(), network.parameters(), strict=True):
                theirs.data = ours.data  # one memory: what the optimiser writes, all copies read
            self.copies.append(other)
        self.threads = ThreadPoolExecutor(n, initializer=lambda: torch.set_num_threads(1))

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)

    def __call__(
        self, inputs: list[Tensor], labels: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The batch's mean loss, whose `backward` gives the shards' mean gradient, and the logits [N,K]."""
        logits: list[Tensor] = []
        value = _Mean.apply(self, inputs, labels, loss, logits, *self.weights)
        return value, torch.cat(logits)

    def _work(self, network, inputs, labels, loss, autocast: torch.dtype | None):
        with torch.enable_grad():
            with torch.autocast("cpu", autocast, enabled=autocast is not None):
                logits = network(*inputs)
                value = loss(logits, labels)
            weights = [weight for weight in network.parameters() if weight.requires_grad]
            return value.detach(), logits.detach(), list(torch.autograd.grad(value, weights))


class _Mean(torch.autograd.Function):
    """The shards' mean loss; their gradients are computed with it and handed out by `backward`."""

    @staticmethod
    def forward(ctx, shards: Shards, inputs, labels, loss, logits: list[Tensor], *_weights):
        n = len(shards.copies)
        # Both are a thread's own.
        autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
        jobs = [
            shards.threads.submit(shards._work, network, part, truth, loss, autocast)
            for network, part, truth in zip(
                shards.copies, zip(*(x.chunk(n) for x in inputs), strict=True), labels.chunk(n), strict=True
            )
        ]
        results = [job.result() for job in jobs]
        shares = [len(part) / len(labels) for _, part, _ in results]
        total = results[0][2]
        torch._foreach_mul_(total, shares[0])
        for share, (_, _, gradients) in zip(shares[1:], results[1:], strict=True):
            torch._foreach_add_(total, gradients, alpha=share)
        ctx.gradients = total
        logits.extend(part for _, part, _ in results)
        return sum(share * value for share, (value, _, _) in zip(shares, results, strict=True))

    @staticmethod
    def backward(ctx, outer: Tensor):
        return (None, None, None, None, None, *(gradient * outer for gradient in ctx.gradients))


def keep_freed_memory() -> None:
    """Let the C library keep what a step frees for the next one, which needs the same again.

    By default large blocks go back to the system after each operation and are filled with zeros when they
    come again: about a sixth of a step of the compact network. Does nothing without glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    trim_threshold, top_pad, mmap_threshold, arena_max = -1, -2, -3, -8
    mallopt(mmap_threshold, LARGE)
    mallopt(trim_threshold, (1 << 31) - 1)
    mallopt(top_pad, 1 << 26)
    mallopt(arena_max, 1)
