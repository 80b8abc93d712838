"""Mutations of any file: what bad disks, bad transfers and bad people do to bytes."""

from __future__ import annotations

import gzip
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from random import Random

Mutation = Callable[[bytes, Random], bytes]

TRAP = "unpickled.txt"
"""A file that appears in the working folder when somebody unpickles `trap`."""
MAGICS = (
    b"\x89HDF\r\n\x1a\n",
    b"PK\x03\x04",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"RIFF\x00\x00\x00\x00AVI LIST",
    b"\x1f\x8b\x08\x00",
    b"BZh91AY&SY",
    b"\xfd7zXZ\x00",
    b"\x80\x04",
    b"GIF89a",
    b"SQLite format 3\x00",
)
"""How files of other kinds begin."""


class _Trap:
    def __reduce__(self):
        return Path(TRAP).write_text, ("somebody unpickled this",)


def trap(protocol: int = 2) -> bytes:
    """A pickle that writes TRAP when it is loaded."""
    return pickle.dumps({"state_dict": _Trap(), "classes": ["angry"]}, protocol)


def empty(data: bytes, rng: Random) -> bytes:
    return b""


def truncated(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data))]


def nearly_whole(data: bytes, rng: Random) -> bytes:
    return data[: -rng.randint(1, min(64, len(data) - 1))]


def begun_only(data: bytes, rng: Random) -> bytes:
    return data[: rng.randint(1, 64)]


def beheaded(data: bytes, rng: Random) -> bytes:
    return data[rng.randint(1, max(1, len(data) // 2)) :]


def cut_in_the_middle(data: bytes, rng: Random) -> bytes:
    begin = rng.randrange(len(data))
    return data[:begin] + data[begin + rng.randint(1, max(1, len(data) // 4)) :]


def flipped(data: bytes, rng: Random) -> bytes:
    """One to 64 bytes become others."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= rng.randint(1, 255)
    return bytes(changed)


def flipped_in_the_head(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 4, 16))):
        changed[rng.randrange(min(len(changed), 256))] ^= rng.randint(1, 255)
    return bytes(changed)


def block_of_zeros(data: bytes, rng: Random) -> bytes:
    """As a file whose pages were not written before the power went."""
    begin = rng.randrange(len(data))
    size = min(rng.choice((16, 512, 4096)), len(data) - begin)
    return data[:begin] + bytes(size) + data[begin + size :]


def only_zeros(data: bytes, rng: Random) -> bytes:
    return bytes(len(data))


def nul_bytes(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 5, 50))):
        changed.insert(rng.randrange(len(changed) + 1), 0)
    return bytes(changed)


def greatest_numbers(data: bytes, rng: Random) -> bytes:
    """Four or eight bytes become the greatest number: declared sizes, where they hit one."""
    at = rng.randrange(min(len(data), 512))
    size = rng.choice((2, 4, 8))
    value = rng.choice((b"\xff" * size, b"\xff" * (size - 1) + b"\x7f", b"\x7f" + b"\xff" * (size - 1)))
    return data[:at] + value + data[at + size :]


def swapped_blocks(data: bytes, rng: Random) -> bytes:
    a, b, c = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def repeated(data: bytes, rng: Random) -> bytes:
    return data * rng.randint(2, 4)


def with_a_tail(data: bytes, rng: Random) -> bytes:
    return data + rng.randbytes(rng.randint(1, 4096))


def noise(data: bytes, rng: Random) -> bytes:
    return rng.randbytes(rng.choice((1, 100, 5000)))


def noise_after_the_magic(data: bytes, rng: Random) -> bytes:
    return data[: rng.choice((8, 16, 64))] + rng.randbytes(len(data) // 2)


def another_kind(data: bytes, rng: Random) -> bytes:
    return rng.choice(MAGICS) + data[rng.randint(0, 16) :]


def packed(data: bytes, rng: Random) -> bytes:
    return gzip.compress(data, mtime=0)


def error_page(data: bytes, rng: Random) -> bytes:
    return b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"


def pointer(data: bytes, rng: Random) -> bytes:
    """What large-file storage leaves where the file itself was not fetched."""
    digest = rng.randbytes(32).hex()
    return f"version https://git-lfs.example/spec/v1\noid sha256:{digest}\nsize {len(data)}\n".encode()


def a_pickle(data: bytes, rng: Random) -> bytes:
    return trap(rng.choice((0, 2, 4, 5)))


def a_numpy_pickle(data: bytes, rng: Random) -> bytes:
    """A .npy whose array is of objects: a pickle in disguise."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + trap()


ANY: tuple[Mutation, ...] = (
    *(empty, truncated, truncated, truncated, nearly_whole, begun_only, beheaded, cut_in_the_middle),
    *(flipped, flipped, flipped, flipped_in_the_head, flipped_in_the_head, block_of_zeros, only_zeros),
    *(nul_bytes, greatest_numbers, greatest_numbers, swapped_blocks, noise, noise_after_the_magic),
    *(another_kind, packed, error_page, pointer, a_pickle, a_numpy_pickle, repeated, with_a_tail),
)
"""Mutations that fit any kind; some stand twice, to be drawn more often."""


def as_bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    """What `write` writes to a file in memory."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def is_trapped(folder: Path) -> bool:
    """Whether somebody has unpickled `trap` with `folder` as the working folder."""
    return (folder / TRAP).exists() or os.path.exists(TRAP)  # noqa: PTH110
