"""`ferflow bundle` and `ferflow verify`: what they print."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

from ferflow.files import sha256
from ferflow.parts import TABLE
from ferflow.release import bundle as bundles
from ferflow.release import verify as verification
from ferflow.release.verify import BY_HASH, Checked, Found

MOST = 20
"""Differences that are printed before the rest is counted."""


def bundle(folder: Path, out: Path | None, pictures: bool) -> None:
    """Write the bundle of the results in `folder` and print its size and hash."""
    written = bundles.write(folder, out, pictures)
    size = written.stat().st_size / 1e6
    print(f"{written}: {size:.1f} MB, SHA-256 {sha256(written)}; its tables follow from its predictions")
    if pictures:
        print("its report and figures show faces of the data set; --without-pictures leaves them out")


def verify(path: Path) -> int:
    """Check the bundle at `path` and print the result table by table; 0 where all is equal, else 1."""
    result = verification.verify(path)
    print("\n".join(_about(result.listed)))
    tables = [one for one in result.checked if _is_table(one)]
    width = max((len(_short(one)) for one in tables), default=0)
    for one in tables:
        print(f"{_short(one):{width}}  {_verdict(one)}")
    print("\n".join(_others(result)))
    lines = result.differences()
    for line in lines[:MOST]:
        print(f"  {line}")
    if len(lines) > MOST:
        print(f"  and {len(lines) - MOST:,} more")
    again = [one for one in tables if one.rests_on not in (BY_HASH, TABLE)]
    cells = sum(one.cells for one in result.checked)
    unequal = sum(not one.equal for one in result.checked)
    print(f"{len(again)} tables made again, {cells:,} cells compared with them and their copies")
    different = f"NOT equal: {unequal + len(result.stray)} tables or files"
    print(f"{path}: {'equal' if result.equal else different}")
    return 0 if result.equal else 1


def _about(listed: dict) -> list[str]:
    git = listed.get("git") or {}
    code = f"git {git.get('revision')}" if git.get("revision") else f"no git revision ({git.get('reason')})"
    if git.get("changed"):
        code += f", {len(git['changed'])} files changed since"
    lines = [f"study {listed['study']}, ferflow {listed.get('ferflow')}, {code}"]
    for kind in ("data", "networks"):
        for one in listed.get(kind) or []:
            lines.append(f"  {kind.removesuffix('s')} {one['path']}: SHA-256 {str(one['sha256'])[:16]}…")
    return lines


def _is_table(one: Checked) -> bool:
    path = PurePosixPath(one.name)
    return "tables" in path.parts or path.name in ("predictions", "metrics") or bool(one.failed)


def _short(one: Checked) -> str:
    return "/".join(PurePosixPath(one.name).parts[2:]).removeprefix("tables/") or one.name


def _verdict(one: Checked) -> str:
    if one.rests_on == BY_HASH:
        return (
            f"{'equal' if one.equal else 'NOT EQUAL'}, by {BY_HASH}: it does not follow from the predictions"
        )
    if one.rests_on == TABLE:
        basis = "the table by its hash alone, its copies follow from it"
    else:
        basis = f"follows from {one.rests_on}"
    rounded = sum(difference.rounding for _, difference in one.different)
    remark = f", {rounded} numbers rounded otherwise on this machine" if rounded else ""
    return f"{'equal' if one.equal else 'NOT EQUAL'}, {one.cells:,} cells: {basis}{remark}"


def _others(result: Found) -> list[str]:
    """Files that are no tables, counted by folder; they are checked by their hashes."""
    rest = [one for one in result.checked if not _is_table(one)]
    counted = Counter(str(PurePosixPath(one.name).parent) for one in rest if one.equal)
    groups = Counter()
    for folder, n in counted.items():
        parts = PurePosixPath(folder).parts
        groups["/".join(parts[:3]) if parts else "."] += n
    return [f"{folder}: {n} files equal, by their hashes" for folder, n in sorted(groups.items())]
