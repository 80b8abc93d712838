"""The device that networks run on, and their number format."""

from __future__ import annotations

import torch


def device() -> torch.device:
    """The GPU where there is one, which everything takes by itself; else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve(precision: str, on: str | torch.device = "cpu") -> torch.dtype:
    """Give the dtype for `precision` (settings.Precision) `on` a device.

    `auto` is bfloat16 where the hardware multiplies it natively (AVX512-BF16 or AMX on a CPU, compute
    capability 8 and above on a GPU), else float32. On a CPU that only emulates it, bfloat16 would be slower
    than float32.
    """
    if precision == "auto":
        return torch.bfloat16 if _native_bfloat16(torch.device(on)) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def _native_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    # Both are private in torch 2.13; a torch that drops them falls back to float32, which is always right.
    asks = (
        getattr(torch.cpu, "_is_avx512_bf16_supported", None),
        getattr(torch.cpu, "_is_amx_tile_supported", None),
    )
    return device.type == "cpu" and any(ask is not None and ask() for ask in asks)
