"""Read subject and class from the paths of clips, by a pattern with fields in braces, given or proposed."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ferflow import classes, tables
from ferflow.errors import SettingError
from ferflow.faces.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural_key

SUBJECT, CLASS, TAKE = "subject", "class", "take"
COLUMNS = {SUBJECT: "subject_id", CLASS: "emotion"}
"""Columns of the table that fields fill; any other field fills the column of its own name."""
KNOWN = classes.EMOTIONS_CONTEMPT
SHORT = {name[:3]: name for name in KNOWN}
"""Abbreviations of the known classes, as data sets use them in file names."""
SEPARATORS = ("", "_", "-", "_-", "_-. ")
"""What names are split at when a pattern is sought, the coarsest first; a folder always ends a field."""
SAMPLED = 400
"""Paths by which a pattern is sought."""
MOST_PARTS, MOST_CLASSES = 12, 20
CODE, WORD = 0.5, 0.3
"""Worth of a class that is a code, or a word that nobody knows, against 1 of a known one."""
COUNTED = re.compile(
    r"(take|clip|rep|trial|video|seq|scene|part|[tcv])?[_-]?\d|(take|clip|rep|trial|video)\d+"
)
"""What counts a person's clips and does not name a person."""
SEX = re.compile(r".|female|male|wom[ae]n|m[ae]n", re.IGNORECASE)
"""What stands before a person's number: never the whole name of one."""
FIELD = re.compile(r"\{([^{}:]*)(?::(\d+))?\}|(\*)|([{}])")


@dataclass(frozen=True)
class Pattern:
    """Fields in the end of a path, without the ending of the file; `{name}`, `{name:3}` for three characters.

    A field reaches to the character that follows it in the pattern and never over a `/`; `*` is anything but
    a `/`. As many folders as the pattern names are looked at.
    """

    text: str
    regex: re.Pattern[str] = field(compare=False)

    def read(self, path: str) -> dict[str, str] | None:
        """The fields of `path`, as `paths` lists it; None where it does not fit."""
        end = "/".join(stem(path).split("/")[-(self.text.count("/") + 1) :])
        match = self.regex.fullmatch(end)
        return match and {name: value.strip() for name, value in match.groupdict().items()}


@dataclass(frozen=True)
class Proposal:
    """A pattern that paths seem to follow, and known classes for the abbreviations in them."""

    pattern: Pattern
    names: dict[str, str]


def stem(path: str) -> str:
    """`path` without the ending of a video; a folder's name stays whole."""
    pure = PurePosixPath(path)
    return str(pure.with_suffix("")) if pure.suffix.lower() in VIDEO_SUFFIXES else path


def plain(path: str) -> str:
    """`path` in one name, folders and all."""
    return stem(path).replace("/", "-")


def paths(folder: Path) -> tuple[list[str], list[str]]:
    """Videos and folders of images below `folder`, relative to it, in natural order; and what is neither.

    Links are followed, each folder once; hidden files are passed over, and images beside videos are no clip.
    A name that is not UTF-8, or that begins or ends with a space, cannot stand in a table: it is among the
    others.
    """
    clips: list[str] = []
    others: list[str] = []
    seen: set[str] = set()
    for at, inner, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(at)
        if real in seen:
            inner.clear()
            continue  # a link back
        seen.add(real)
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        visible = [name for name in files if not name.startswith(".")]
        here = Path(at).relative_to(folder)
        videos = [name for name in visible if Path(name).suffix.lower() in VIDEO_SUFFIXES]
        images = [name for name in visible if Path(name).suffix.lower() in IMAGE_SUFFIXES]
        clips += [(here / name).as_posix() for name in videos]
        whole = bool(images) and not videos and at != str(folder)
        clips += [here.as_posix()] if whole else []
        left = set(visible) - set(videos) - (set(images) if whole else set())
        others += [(here / name).as_posix() for name in left]
    written = [path for path in clips if _can_be_written(path)]
    others += [path for path in clips if not _can_be_written(path)]
    return sorted(written, key=natural_key), sorted(others)


def _can_be_written(path: str) -> bool:
    return path.isprintable() and path == path.strip()


def parsed(text: str) -> Pattern:
    """The pattern that `text` writes. Raises SettingError for a wrong one."""
    whole = stem(text.strip()).removeprefix("./")
    regex, at, names = "", 0, []
    for one in FIELD.finditer(whole):
        name, width, star, brace = one.groups()
        if brace:
            raise SettingError("--pattern", f"{text!r} has a brace that is not closed", "write {subject}")
        regex += re.escape(whole[at : one.start()])
        at = one.end()
        following = whole[at : at + 1]
        if star:
            regex += "[^/]*"
            continue
        _refuse_field(text, name, names)
        names.append(name)
        if width is None and following in ("{", "*"):
            problem = f"does not say where {{{name}}} ends in {text!r}"
            remedy = f"give its width, {{{name}:3}}, or a character behind it"
            raise SettingError("--pattern", problem, remedy)
        character = f"[^/{re.escape(following)}]" if following not in ("", "/") else "[^/]"
        regex += f"(?P<{name}>[^/]{{{int(width)}}})" if width else f"(?P<{name}>{character}+)"
    for name in (SUBJECT, CLASS):
        if name not in names:
            remedy = "a clip needs {subject} and {class}, as in {subject}_{class}_{take}"
            raise SettingError("--pattern", f"{text!r} has no {{{name}}}", remedy)
    return Pattern(whole, re.compile(regex + re.escape(whole[at:])))


def _refuse_field(text: str, name: str, before: Sequence[str]) -> None:
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise SettingError("--pattern", f"{{{name}}} is no field", "use small letters: {subject}, {class}")
    if name in before:
        raise SettingError("--pattern", f"{text!r} has {{{name}}} twice", "write * for one of them")
    free = {"sex", "fold", "split"}
    if name in {*tables.schema("clips").names, *tables.schema("manifest").names} - free:
        raise SettingError("--pattern", f"{{{name}}} is a column of its own", "give the field another name")


def safe(name: str) -> str:
    """`name` as a file may be called: no accents, other letters as their code, all else an underscore."""
    import unicodedata

    text = ""
    for one in unicodedata.normalize("NFKD", name):
        if one.isascii() and (one.isalnum() or one in "._+-"):
            text += one
        elif one.isalnum():
            text += f"u{ord(one):04x}"
        elif not unicodedata.combining(one):
            text += "_"
    return text if text.strip(".") else f"_{text}"


def named(written: str, names: dict[str, str]) -> str:
    """The class that `written` means: by the user's `names` for codes, or a known one in another spelling."""
    meant = names.get(written, written)
    return classes.match(meant, KNOWN) or meant


def codes(text: str) -> dict[str, str]:
    """The names in `01=neutral,02=sad`. Raises SettingError for anything else."""
    names = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        code, equal, name = (piece.strip() for piece in part.partition("="))
        try:
            names[code] = classes.check_name(name)
        except ValueError as error:
            raise SettingError("--classes", f"{part!r}: {error}", "write 01=neutral,02=sad") from None
        if not (code and equal):
            raise SettingError("--classes", f"{part!r} names no class", "write 01=neutral,02=sad")
    return names


def propose(of: Sequence[str]) -> Proposal | None:
    """The pattern that paths seem to follow: known classes, and people who each show several of them.

    Without a known class in it any code may be one; of what is equally good the person stands first and the
    class last. None where nothing is like that.
    """
    step = -(-len(of) // SAMPLED) or 1
    sample = [stem(path) for path in of[::step]]
    best: list[tuple] = []
    for separators, folders in itertools.product(SEPARATORS, (False, True)):
        split = [_split(path, separators, folders) for path in sample]
        shapes = Counter("".join(parts[1::2]) for parts in split)
        if not shapes:
            return None
        shape, fitting = shapes.most_common(1)[0]
        rows = [parts[::2] for parts in split if "".join(parts[1::2]) == shape]
        columns = list(zip(*rows, strict=True))
        if not 2 <= len(columns) <= MOST_PARTS or any(not one for column in columns for one in column):
            continue
        ranked = list(_ranked(columns, fitting / len(sample)))
        if ranked:
            rank, subject, label = max(ranked)
            people = set(columns[subject])
            whole = not any(SEX.fullmatch(one) for one in people)
            # Finer is better where it makes one person of several, and not two sexes of all.
            last = all(len(set(column)) == 1 for column in columns[label + 1 :])
            last = last or any(map(_is_known, columns[label]))
            order = (rank[0], -len(people) if whole else -len(sample), last, -len(columns))
            best.append((order, _written(columns, shape, subject, label), columns[label]))
    if not best:
        return None
    _, text, labels = max(best, key=lambda one: one[0])
    short = {one: SHORT[one.lower()] for one in labels if one.lower() in SHORT and one.lower() not in KNOWN}
    return Proposal(parsed(text), dict(sorted(short.items())))


def _split(path: str, separators: str, folders: bool) -> list[str]:
    """The parts of a path and what stands between them, in turn; folders' names split too, or whole."""
    above, slash, name = path.rpartition("/")
    if folders:
        return re.split(f"([/{re.escape(separators)}])", path)
    parts = [*re.split("(/)", above), slash] if slash else []
    return parts + (re.split(f"([{re.escape(separators)}])", name) if separators else [name])


def _ranked(columns: Sequence[Sequence[str]], coverage: float) -> Iterable[tuple[tuple, int, int]]:
    """Each two columns that may be person and class, with what they are ranked by."""
    for label, written in enumerate(columns):
        kinds = set(written)
        if not 2 <= len(kinds) <= MOST_CLASSES:
            continue
        known = sum(_is_known(one) for one in written) / len(written)
        code = CODE if all(len(one) <= 3 for one in kinds) else WORD
        for subject, people in enumerate(columns):
            if subject == label or len(set(people)) < 2:
                continue
            worth = (known + (1 - known) * code) * (0.3 + 0.7 * _crossed(people, written))
            counted = all(COUNTED.fullmatch(one.lower()) for one in set(people))
            rank = (round(coverage * worth, 3), not counted, -subject, len(kinds) > 2, label)
            yield rank, subject, label


def _is_known(written: str) -> bool:
    return classes.match(written, KNOWN) is not None or written.lower() in SHORT


def _crossed(people: Sequence[str], written: Sequence[str]) -> float:
    """How far each person shows several classes, 0 to 1: a mean over the people, 0 for one with one clip."""
    labels_of = defaultdict(list)
    for person, label in zip(people, written, strict=True):
        labels_of[person].append(label)
    kinds = len(set(written))
    parts = [len(set(own)) / min(kinds, len(own)) if len(own) > 1 else 0.0 for own in labels_of.values()]
    return sum(parts) / len(parts)


def _written(columns: Sequence[Sequence[str]], shape: str, subject: int, label: int) -> str:
    """The pattern of `columns`, which stand with the separators `shape` between them."""
    text, taken = "", False
    for number, column in enumerate(columns):
        values = set(column)
        if number in (subject, label):
            part = f"{{{SUBJECT if number == subject else CLASS}}}"
        elif len(values) == 1 and column[0].isalpha():
            part = column[0]
        elif len(values) > 1 and not taken:
            part, taken = f"{{{TAKE}}}", True
        else:
            part = "*"
        text += part + shape[number : number + 1]
    return text
