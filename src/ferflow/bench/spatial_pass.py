"""The speed of the spatial pass, VGG16's convolutions, against what the machine can multiply.

The network is prepared as by the features step, with random weights, which take as long. Its speed is
compared with plain matrix products of the same precision and with the simple loop: one frame at a time, in
float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ferflow.bench import turns
from ferflow.models import precision, spatial
from ferflow.models.fuse import placed
from ferflow.models.network import SpatialNetwork
from ferflow.seeds import threads

TERA = 1e12


def operations(network: SpatialNetwork, frames: Tensor) -> int:
    """Floating-point operations of one pass, a multiplication and an addition counting two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.at_layers(frames, ["pool"])
    return counter.get_total_flops()


def run(
    size: int = 160,
    batch: int = 16,
    matrices: tuple[int, ...] = (1024, 2048, 4096),
    rounds: int = 7,
    loop: int = 4,
    n_threads: int = 1,
    precision_setting: str = "auto",
    name: str = "vgg16",
) -> dict[str, object]:
    """Measure; JSON values.

    `size`: pixels of a frame's side; `matrices`: N of the products [N,N] x [N,N]; `loop`: frames of a round
    of the simple loop; `precision_setting`: settings.Precision. Speeds are in TFLOP/s, shares of the fastest
    product.
    """
    dtype = precision.resolve(precision_setting)
    with threads(n_threads), torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(0)
        plain = spatial.build(name, 7).eval()
        plain.input_size = size  # convolutions take any; `fit` would enlarge the frames
        quick = placed(plain, dtype).cpu()  # where the matrix products are computed, too
        frames = torch.rand(batch, plain.channels, size, size)
        ready = frames.to(dtype, memory_format=torch.channels_last)
        one_by_one = frames[: min(loop, batch)].split(1)
        a_frame = operations(plain, frames[:1])

        def simple() -> None:
            for frame in one_by_one:
                plain.at_layers(frame, ["pool"])

        ways: dict[str, Callable[[], object]] = {
            "pass": lambda: quick.at_layers(ready, ["pool"]),
            "simple": simple,
        }
        for n in matrices:
            a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
            ways[f"{n}"] = lambda a=a, b=b: a @ b
        taken = turns.in_turns(ways, rounds)
    amounts = {"pass": a_frame * batch, "simple": a_frame * len(one_by_one)}
    amounts |= {f"{n}": 2 * n**3 for n in matrices}
    speeds = {
        clock: {way: turns.rate(amounts[way] / TERA, taken[way], own) for way in ways}
        for clock, own in turns.CLOCKS.items()
    }
    result: dict[str, object] = {
        "network": name,
        "size": size,
        "batch": batch,
        "threads": n_threads,
        "precision": str(dtype).removeprefix("torch."),
        "gflop_a_frame": a_frame / 1e9,
        "tflops": speeds,
    }
    for clock, own in turns.CLOCKS.items():
        best = max((f"{n}" for n in matrices), key=lambda n: speeds[clock][n])

        def against(way: str, own: bool = own) -> float:
            return turns.times_as_fast(taken["pass"], taken[way], (amounts["pass"], amounts[way]), own)

        result[clock] = {"best_matrix": int(best), "share": against(best), "times_simple": against("simple")}
    return result
