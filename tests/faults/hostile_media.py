"""Mutations of images, videos and archives."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from random import Random

from hostile_bytes import ANY, Mutation, trap

SIDES = (0, 1, 2, 65_535, 30_000, 100_000, 2**31 - 1, 2**32 - 1)


def _png(width: int, height: int, data: bytes, depth: int = 8, colour: int = 2) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def huge_png(data: bytes, rng: Random) -> bytes:
    """Declares many pixels and holds few."""
    width, height = rng.choice(SIDES), rng.choice(SIDES)
    return _png(width, height, zlib.compress(bytes(1000)), rng.choice((1, 8, 16)), rng.choice((0, 2, 6)))


def bomb_png(data: bytes, rng: Random) -> bytes:
    """30,000 × 30,000 pixels of zeros, packed to some kilobytes."""
    side = 30_000
    return _png(side, side, zeros(side * (side // 8 + 1)), 1, 0)


def zeros(size: int) -> bytes:
    """`size` zeros as a zlib stream."""
    packer = zlib.compressobj(9)
    block = bytes(2**22)
    parts = [packer.compress(block) for _ in range(size // len(block))]
    return b"".join(parts) + packer.compress(bytes(size % len(block))) + packer.flush()


def huge_netpbm(data: bytes, rng: Random) -> bytes:
    return b"P5\n%d %d\n255\n" % (rng.choice(SIDES), rng.choice(SIDES)) + data[:100]


def huge_bmp(data: bytes, rng: Random) -> bytes:
    width, height = (min(rng.choice(SIDES), 2**31 - 1) for _ in range(2))
    head = struct.pack("<iiHHIIiiII", width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 100, 0, 0, 54) + struct.pack("<I", 40) + head + data[:100]


def other_size_in_jpeg(data: bytes, rng: Random) -> bytes:
    """The frame header of a JPEG with other sides."""
    at = data.find(b"\xff\xc0")
    if at < 0:
        return huge_png(data, rng)
    sides = struct.pack(">HH", *(min(rng.choice(SIDES), 65_535) for _ in range(2)))
    return data[: at + 5] + sides + data[at + 9 :]


IMAGE: tuple[Mutation, ...] = (
    *ANY,
    *([huge_png] * 4 + [bomb_png] + [huge_netpbm] * 2 + [huge_bmp] * 2 + [other_size_in_jpeg] * 3),
)


def _avi_field(offset: int, sizes: tuple[int, ...]) -> Mutation:
    """Another number in the main header of an AVI, `offset` bytes behind its `avih`."""

    def mutation(data: bytes, rng: Random) -> bytes:
        at = data.find(b"avih") + offset
        return data[:at] + struct.pack("<I", rng.choice(sizes) % 2**32) + data[at + 4 :]

    mutation.__name__ = f"avi_field_{offset}"
    return mutation


def other_stream_size(data: bytes, rng: Random) -> bytes:
    """Other sides in an AVI's stream format."""
    at = data.find(b"strf") + 12
    sides = struct.pack("<ii", *(min(rng.choice(SIDES), 2**31 - 1) for _ in range(2)))
    return data[:at] + sides + data[at + 8 :]


def playlist(data: bytes, rng: Random) -> bytes:
    """A list of other files, which FFmpeg would open for whoever wrote it."""
    return rng.choice(
        (
            b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\n/etc/passwd\n#EXT-X-ENDLIST\n",
            b"#EXTM3U\n#EXTINF:1.0,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        )
    )


VIDEO: tuple[Mutation, ...] = (
    *ANY,
    *(playlist, playlist, other_stream_size, other_stream_size),
    *(_avi_field(offset, (0, 1, 10**6, 2**31 - 1, 2**32 - 1)) for offset in (8, 20, 24, 32, 40, 44)),
)


def _rewritten(data: bytes, change) -> bytes:
    """A tar archive made anew from its members; `change` adds to the list of (entry, bytes)."""
    with tarfile.open(fileobj=io.BytesIO(data)) as old:
        parts = [(entry, old.extractfile(entry).read() if entry.isfile() else b"") for entry in old]
    change(parts)
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as new:
        for entry, content in parts:
            if entry.isfile():
                entry.size = len(content)
            new.addfile(entry, io.BytesIO(content))
    return memory.getvalue()


def member_elsewhere(data: bytes, rng: Random) -> bytes:
    """A member whose name leads out of the folder."""

    def change(parts):
        entry, _ = rng.choice([part for part in parts if part[0].isfile()])
        above = rng.choice(("../../../", "/tmp/", "train/../../", "a/../../b/", "\x1b[2J/", "x" * 3000 + "/"))
        entry.name = above + entry.name

    return _rewritten(data, change)


def link_member(data: bytes, rng: Random) -> bytes:
    """A link, a device or a pipe in the place of an image."""

    def change(parts):
        entry, _ = rng.choice([part for part in parts if part[0].isfile()])
        kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
        entry.type, entry.size, entry.linkname = rng.choice(kinds), 0, rng.choice(("/etc/passwd", entry.name))

    return _rewritten(data, change)


def bad_member(data: bytes, rng: Random) -> bytes:
    def change(parts):
        at = rng.choice([i for i, part in enumerate(parts) if part[0].isfile()])
        entry, content = parts[at]
        parts[at] = entry, rng.choice((*ANY, *IMAGE))(content, rng)

    return _rewritten(data, change)


def member_renamed(data: bytes, rng: Random) -> bytes:
    def change(parts):
        entry, _ = rng.choice([part for part in parts if part[0].isfile()])
        folder, _, name = entry.name.rpartition("/")
        entry.name = rng.choice(
            (f"bored/{name}", name, f"train/{name}", f"{folder}/PublicTest_{name}", "a.png")
        )

    return _rewritten(data, change)


def huge_member(data: bytes, rng: Random) -> bytes:
    """A header that declares a member of 8 GB, which is not there."""
    entry = tarfile.TarInfo(rng.choice(("train/angry/huge.png", "fer2013.csv", "train/angry/huge.bin")))
    entry.size = 8 * 10**9
    return entry.tobuf() + data


def bomb_member(data: bytes, rng: Random) -> bytes:
    """A member of 3 GB of zeros, packed to some megabytes and less."""
    entry = tarfile.TarInfo(rng.choice(("train/angry/huge.png", "fer2013.csv", "train/angry/huge.bin")))
    block = bytes(2**24)
    entry.size = 180 * len(block)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = packer.compress(entry.tobuf()) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(bytes(1024)) + packer.flush()
    return gzip.compress(b"", mtime=0)[:10] + begin + packed * 180 + end + bytes(8)


TAR: tuple[Mutation, ...] = (
    *ANY,
    *([member_elsewhere] * 4 + [link_member] * 4 + [bad_member] * 10 + [member_renamed] * 3),
    *([huge_member] * 2 + [bomb_member]),
)


def _zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return memory.getvalue()


def other_members(data: bytes, rng: Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = archive.namelist()
    wrong = rng.choice((f"../{name}", f"/{name}", name.upper(), f"{name}/", "other.bin", f"./{name}"))
    return _zipped({wrong: b"content"})


def other_content(data: bytes, rng: Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = archive.namelist()
    return _zipped({name: rng.choice((b"", b"other", trap(), bytes(2000)))})


def bomb_in_zip(data: bytes, rng: Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = archive.namelist()
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
        for _ in range(400):
            member.write(bytes(2**20))
    return memory.getvalue()


def encrypted(data: bytes, rng: Random) -> bytes:
    """Says that its member needs a password, or is packed in a way that nobody knows."""
    at, here = data.rfind(b"PK\x01\x02"), data.find(b"PK\x03\x04")
    changed = bytearray(data)
    if rng.random() < 0.5:
        changed[at + 8] |= 1
        changed[here + 6] |= 1
    else:
        changed[at + 10] = changed[here + 8] = 77
    return bytes(changed)


ZIP: tuple[Mutation, ...] = (
    *ANY,
    *([other_members] * 3 + [other_content] * 3 + [bomb_in_zip] + [encrypted] * 3),
)
