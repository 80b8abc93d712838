"""`ferflow rehearse`: the proof, before weeks of training, that a study can run through on this machine."""

from __future__ import annotations

import csv
import html
import signal
import sys
from pathlib import Path

from ferflow import settings as study_settings
from ferflow.rehearsal import kinds
from ferflow.rehearsal.kinds import Kind
from ferflow.rehearsal.run import NOTICE, Options, Rehearsed, run
from ferflow.runs import machine

FOLDER, TABLE = Path("rehearsal"), "kinds"
"""The usual place of rehearsals; the name of the table in one."""
HEADINGS = (
    "kind of job",
    "jobs",
    "ran",
    "MiB peak",
    "MiB asked",
    "s a step",
    "of items",
    "hours",
    "hours allowed",
    "state",
)


def main(
    params: Path,
    overlays: list[Path],
    folder: Path | None,
    weights_folder: Path,
    cores: int,
    memory: float | None,
    people: int | None,
    fresh: bool,
) -> int:
    """Rehearse a study and print its kinds of jobs; 1 where anything is missing or asked too low."""
    study = study_settings.load(params, *overlays).study
    place = folder or FOLDER / study
    room = machine.memory() if memory is None else int(memory * 1024)
    options = Options(params, overlays, place, weights_folder, cores, room, people, fresh)
    # Told to end, it ends the jobs that it started.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        found = run(options, lambda line: print(f"ferflow: {line}", flush=True))
    finally:
        signal.signal(signal.SIGTERM, before)
    write(found, place)
    print("\n".join(lines(found, options)))
    return 0 if all(row.fine for row in found.rows) else 1


def lines(found: Rehearsed, options: Options) -> list[str]:
    """The rehearsal as text: kinds that are fine by their rule, the others one by one; then the sums."""
    cells = [HEADINGS, *(_cells(row) for row in kinds.by_rule(found.rows))]
    widths = [max(len(row[place]) for row in cells) for place in range(len(HEADINGS) - 1)]
    text = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:], strict=True)),
                row[-1],
            ]
        )
        for row in cells
    ]
    wrong = [row for row in found.rows if not row.fine]
    large = [row for row in found.rows if row.state == kinds.TOO_LARGE]
    missing = sum(len(row.lacking) for row in found.rows)
    low = sum(row.state.startswith(kinds.LOW) for row in found.rows)
    ran = sum(row.ran for row in found.rows)
    text.append(f"{found.jobs:,} jobs of {len(found.rows)} kinds in the study; {ran:,} jobs ran")
    text.append(f"{found.minutes:.0f} min, {options.cores} cores, {options.memory / 1024:.0f} GiB")
    text.append(f"missing or invalid outputs: {missing}; kinds that ask for too little: {low}")
    if large:
        most = max(row.asked for row in large)
        text.append(f"{len(large)} kinds need more memory than there is here: up to {most / 1024:.0f} GiB")
    if wrong:
        text.append(
            f"{len(wrong)} kinds are not as they should be: {', '.join(row.name for row in wrong[:6])}"
        )
    text.append(
        f"every kind: {options.folder / TABLE}.csv, .html"
        + (f"; report: {found.report}" * bool(found.report))
    )
    return text


def _cells(row: Kind) -> tuple[str, ...]:
    def number(value: float | None, form: str = ".0f") -> str:
        return "–" if value is None else f"{value:{form}}"

    return (
        row.name,
        f"{row.jobs:,}",
        f"{row.ran:,}",
        number(row.memory or None),
        number(row.asked or None),
        number(row.step, ".2g"),
        str(row.items or "–"),
        number(row.hours, ".2g"),
        number(row.allowed, ".2g"),
        row.state,
    )


def write(found: Rehearsed, folder: Path) -> None:
    """Write the rows of all kinds to `kinds.csv` and `kinds.html` in the rehearsal's folder."""
    rows = [_cells(row) for row in found.rows]
    with (folder / f"{TABLE}.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADINGS, *rows])

    def line(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "\n".join([line(HEADINGS, "th"), *(line(row, "td") for row in rows)])
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Rehearsal</title><style>'
        "body{font:14px system-ui,sans-serif;margin:1.5rem}td,th{padding:.15rem .6rem;text-align:right;"
        "border-bottom:1px solid #d9e4ee}td:first-child,td:last-child,th:first-child{text-align:left}</style>"
        f"</head><body><p><b>{html.escape(NOTICE)}</b></p>\n<table>\n{body}\n</table></body></html>\n"
    )
    (folder / f"{TABLE}.html").write_text(page, encoding="utf-8")
