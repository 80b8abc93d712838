"""`ferflow new`: write a table of a folder's clips, and a study of them."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ferflow import classes, tables
from ferflow.apps import new_study
from ferflow.apps.terminal import progress_bar
from ferflow.datasets import listed, patterns, survey
from ferflow.datasets.patterns import CLASS, COLUMNS, KNOWN, SUBJECT, Pattern
from ferflow.errors import FerflowError, InputError, WeightsError, one_line
from ferflow.faces.stream import FaceStream
from ferflow.settings import watching

TABLE = "clips.csv"
LEAVE = "q"
SHOWN = 10
"""Rows of a proposal that are shown."""
NAMED = 5
"""Lines of each kind of remark on the terminal."""
SUBJECTS = 20
"""Rows, at most, of the table of classes by subject."""
LEAK = "copies of one clip under several subjects, a leak for which the study would stop: keep one"
SEXES = {"f": "female", "w": "female", "m": "male"} | {sex: sex for sex in classes.SEXES}


@dataclass(frozen=True)
class Options:
    """The options of the command. `names`: what codes mean; `yes`: take the proposed pattern, ask nothing."""

    name: str
    folder: Path
    pattern: str | None
    names: str
    yes: bool
    look: bool
    force: bool
    weights_folder: Path


@dataclass(frozen=True)
class Reading:
    """A pattern, and what it reads out of the paths.

    `clips` (schema `clips`) has a row for each path that fits, `written` its class as the path has it;
    `unread` are the paths that do not fit.
    """

    pattern: Pattern
    names: dict[str, str]
    clips: pd.DataFrame
    written: tuple[str, ...]
    unread: tuple[str, ...]


def run(options: Options) -> None:
    """Find the clips, report what is odd, write their table and the study, print the next commands.

    Raises FerflowError, and leaves nothing written, where the user must decide or the clips allow no study.
    """
    study = new_study.path(options.name)
    if study.exists() and not options.force:
        raise FerflowError(study, "is there", "give another NAME, or --force to overwrite it")
    if not options.folder.is_dir():
        raise InputError(options.folder, "is no folder", "give the folder of the clips")
    table = options.folder / TABLE
    if table.exists() and options.pattern is None:
        print(f"{table} is there, and is taken as it is")
        clips, written = _own_table(table, options), None
    else:
        if table.exists() and not options.force:
            remedy = "leave --pattern out to take it as it is, or give --force to overwrite it"
            raise FerflowError(table, "is there", remedy)
        reading = _reading(options)
        clips, written = reading.clips, reading.written
    emotions = ordered_classes(clips["emotion"])
    _refuse_few(options.folder, clips, emotions)
    _report(clips, written or (), emotions, options)
    made = new_study.Study(options.name, options.folder, table, clips, emotions)
    new_study.write(made, study, None if written is None else clips)
    _print_next(made, study, written is not None)


def ordered_classes(written: Sequence[str]) -> list[str]:
    """The classes of a table: those that are known first, in their usual order, then the others."""
    there = list(dict.fromkeys(patterns.named(one, {}) for one in written))
    unique = {classes.key(one): one for one in reversed(there)}
    known = [name for name in KNOWN if name in unique]
    return known + sorted(set(unique.values()) - set(known), key=patterns.natural_key)


def read(paths: Sequence[str], pattern: Pattern, names: dict[str, str]) -> Reading:
    """The table of `paths` by `pattern`, with `names` for codes of classes.

    Raises InputError where two clips or two subjects would have the same name, and for an invalid class name.
    """
    rows, written, unread = [], [], []
    people: dict[str, str] = {}
    for path in paths:
        fields = pattern.read(path)
        if fields is None or not fields[SUBJECT] or not fields[CLASS]:
            unread.append(path)
            continue
        written.append(fields[CLASS])
        row = {"clip_id": patterns.safe(patterns.plain(path))}
        row |= {COLUMNS.get(name, name): value for name, value in fields.items()}
        row |= {"subject_id": _subject(fields[SUBJECT], people), "source": path}
        row["emotion"] = patterns.named(fields[CLASS], names)
        rows.append(row | ({"sex": _sex(path, fields["sex"])} if "sex" in fields else {}))
    spellings = Counter(row["emotion"] for row in rows).most_common()[::-1]
    usual = {classes.key(name): name for name, _ in spellings}
    for row in rows:
        row["emotion"] = _class(row, usual)
    clips = pd.DataFrame(rows, columns=None if rows else ["clip_id", "subject_id", "emotion", "source"])
    _refuse_one_name(clips)
    return Reading(pattern, names, clips, tuple(written), tuple(unread))


def _subject(written: str, people: dict[str, str]) -> str:
    """A person's name as a file name; `people` maps those so far to the names as written."""
    name = patterns.safe(written)
    other = people.setdefault(name.casefold(), written)
    if other != written:
        problem = f"subjects {other!r} and {written!r} would both be called {name}"
        raise InputError("--pattern", problem, "rename the files, or write the table yourself")
    return name


def _sex(path: str, written: str) -> str:
    if written.lower() not in SEXES:
        raise InputError(path, f"{written!r} is no sex", f"{{sex}} reads {', '.join(SEXES)}")
    return SEXES[written.lower()]


def _class(row: dict[str, str], usual: dict[str, str]) -> str:
    try:
        return classes.check_name(usual[classes.key(row["emotion"])])
    except ValueError as error:
        remedy = "give --classes with a name for it, or another --pattern"
        raise InputError(row["source"], str(error).replace(";", ","), remedy) from None


def _refuse_one_name(clips: pd.DataFrame) -> None:
    twice = clips[clips["clip_id"].str.casefold().duplicated(keep=False)]
    if len(twice):
        first = twice["clip_id"].iloc[0]
        one, other = twice["source"][twice["clip_id"].str.casefold() == first.casefold()].iloc[:2]
        problem = f"{one!r} and {other!r} would both be called {first}"
        raise InputError("clips", problem, "rename or remove one of them")


def _own_table(table: Path, options: Options) -> pd.DataFrame:
    """The user's table, with the class names of the study."""
    clips = tables.read(table, "clips").apply(lambda column: column.str.strip())
    listed.find(table, options.folder, tuple(ordered_classes(clips["emotion"])))
    return clips.assign(emotion=clips["emotion"].map(lambda written: patterns.named(written, {})))


def _reading(options: Options) -> Reading:
    """The paths as read by the pattern that the user gives, or agrees to."""
    paths, others = patterns.paths(options.folder)
    if not paths:
        remedy = f"put videos there ({', '.join(patterns.VIDEO_SUFFIXES)}), or folders of images"
        raise InputError(options.folder, "holds no clip", remedy)
    names = patterns.codes(options.names)
    if options.pattern is not None:
        reading = read(paths, patterns.parsed(options.pattern), names)
        _show(reading, len(paths))
    else:
        reading = _agreed(paths, names, options)
    clips = reading.clips
    if clips.empty:
        problem = f"no path fits {reading.pattern.text!r}; the first is {paths[0]}"
        raise InputError(options.folder, problem, "correct --pattern")
    _print_some("left out, as they do not fit the pattern", reading.unread)
    _print_some("no clips", others)
    if (clips["source"].map(patterns.plain) != clips["clip_id"]).any():
        print("clip_id: accents dropped, other letters as their code, all else an underscore")
    return reading


def _agreed(paths: Sequence[str], names: dict[str, str], options: Options) -> Reading:
    """The paths as read by a pattern that the user agrees to, on a terminal or by --yes."""
    proposal = patterns.propose(paths)
    reading = proposal and read(paths, proposal.pattern, proposal.names | names)
    interactive = sys.stdin.isatty() and not options.yes
    if reading is None and not interactive:
        problem = f"no pattern was found in its paths, of which the first is {paths[0]}"
        raise InputError(options.folder, problem, "give one: --pattern '{subject}_{class}_{take}'")
    if reading is not None:
        _show(reading, len(paths))
    if options.yes:
        return reading
    if not interactive:
        problem = "nobody could be asked whether this is right, and nothing was written"
        raise FerflowError("--pattern", problem, f"repeat: {_repeated(reading, options)}")
    return _ask(paths, reading, names)


def _ask(paths: Sequence[str], reading: Reading | None, names: dict[str, str]) -> Reading:
    """Ask until a pattern is right, then what codes mean. Raises FerflowError where the user gives up."""
    if reading is None:
        print("\n".join(f"  {path}" for path in paths[:SHOWN]))
    while True:
        answer = _input("Is this right? (y, or another pattern, q): " if reading else "Which pattern? (q): ")
        if answer.lower() in ("y", "yes") and reading is not None:
            break
        try:
            reading = read(paths, patterns.parsed(answer), names)
        except FerflowError as error:
            print(error)
            continue
        _show(reading, len(paths))
        reading = None if reading.clips.empty else reading
    while unnamed := _codes(reading.clips["emotion"]):
        answer = _input(f"What do {', '.join(unnamed)} mean? (01=neutral,02=sad,…; Enter keeps them, q): ")
        if not answer:
            break
        try:
            reading = read(paths, reading.pattern, reading.names | patterns.codes(answer))
            _show(reading, len(paths))
        except FerflowError as error:
            print(error)
    return reading


def _input(question: str) -> str:
    """The answer; FerflowError where the user leaves."""
    try:
        answer = input(question).strip()
    except EOFError:
        answer = LEAVE
    if answer.lower() == LEAVE:
        remedy = "nothing was written; --pattern says how paths are built"
        raise FerflowError("ferflow new", "was left", remedy)
    return answer


def _codes(emotions: Sequence[str]) -> list[str]:
    """Classes that look like codes: numbers, or up to three characters."""
    names = [name for name in ordered_classes(emotions) if name not in KNOWN]
    return [name for name in names if name.isdecimal() or len(name) <= 3]


def _repeated(reading: Reading, options: Options) -> str:
    """The command that accepts what was read."""
    words = ["ferflow", "new", options.name, "--clips", str(options.folder)]
    words += ["--pattern", reading.pattern.text]
    if reading.names:
        words += ["--classes", ",".join(f"{code}={name}" for code, name in reading.names.items())]
    return shlex.join(words + (["--force"] if options.force else []))


def _show(reading: Reading, n_paths: int) -> None:
    """Print the pattern and some rows of its result, evenly spaced."""
    clips = reading.clips
    print(f"pattern: {reading.pattern.text}")
    if reading.names:
        print("classes: " + ", ".join(f"{code} is {name}" for code, name in reading.names.items()))
    if len(clips):
        shown = min(SHOWN, len(clips))
        rows = clips.iloc[[i * len(clips) // shown for i in range(shown)]]
        order = ["source", "subject_id", "emotion"]
        rows = rows[order + [name for name in clips.columns if name not in (*order, "clip_id")]]
        print(rows.to_string(index=False))
    emotions = ordered_classes(clips["emotion"])
    people = clips["subject_id"].nunique()
    if unused := [code for code in reading.names if code not in reading.written]:
        print(f"no clip has the code {', '.join(unused)}")
    if unnamed := _codes(emotions):
        print(f"{', '.join(unnamed)} look like codes: --classes {unnamed[0]}=neutral,… names them")
    print(f"{len(clips)} of {n_paths} clips fit; {people} subjects; classes: {', '.join(emotions) or 'none'}")


def _refuse_few(folder: Path, clips: pd.DataFrame, emotions: Sequence[str]) -> None:
    try:
        classes.check_names(emotions)
    except ValueError as error:
        raise InputError(folder, str(error).replace(";", ","), "see whether the pattern fits") from None
    people = clips["subject_id"].nunique()
    if people < 2:
        problem = f"shows {people} subject, and nobody is left to test a model on"
        raise InputError(folder, problem, "add clips of others, or see whether the pattern fits")


def _report(clips: pd.DataFrame, written: Sequence[str], emotions: Sequence[str], options: Options) -> None:
    """Print what is odd: classes, copies, clips that cannot be used."""
    print("\n" + "\n".join(survey.counts(clips, emotions, SUBJECTS)))
    print("".join(f"spelling: {line}\n" for line in survey.spellings(written)), end="")
    stream = _stream(options) if options.look else None
    with progress_bar("clips", len(clips)) as advance:
        looked_at = survey.look(clips, options.folder, stream, advance)
    copies: dict[bool, list[str]] = {False: [], True: []}
    for group in survey.copies(looked_at):
        listing = ", ".join(f"{clip.clip_id} ({clip.subject_id}, {clip.emotion})" for clip in group)
        copies[len({clip.subject_id for clip in group}) > 1].append(listing)
    _print_some("copies", copies[False])
    _print_some(LEAK, copies[True])
    faults = [f"{clip.clip_id}: {clip.fault}" for clip in looked_at if clip.fault]
    _print_some("clips that cannot be used, for which the study would stop (dataset.unusable)", faults)
    if not faults:
        print(f"{len(looked_at)} clips can be opened" + (" and show a face" if stream is not None else ""))


def _stream(options: Options) -> FaceStream | None:
    """The face finder; None, and a line, where its files are missing."""
    try:
        return FaceStream(options.weights_folder, watching().faces)
    except WeightsError as error:
        print(f"faces were not looked for: {error.where} {error.problem} (`ferflow weights fetch` has it)")
        return None


def _print_some(title: str, lines: Sequence[str]) -> None:
    if lines:
        more = [f"… and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
        print("\n  ".join([f"{title}: {len(lines)}", *map(one_line, lines[:NAMED]), *more]))


def _print_next(made: new_study.Study, study: Path, table: bool) -> None:
    """Print what was written, by which rule subjects are split, and what comes next."""
    print(f"folds: {made.rule()}")
    print("written: " + ", ".join(str(path) for path in ([made.table] if table else []) + [study]))
    print("go on with:\n  " + "\n  ".join(new_study.commands(made.name, study)))
    if not new_study.PARAMS.exists():
        print(f"in a folder with ferflow's Snakefile and {new_study.PARAMS}; here it was not checked")
