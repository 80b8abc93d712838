"""Studies of somebody's own clips, each run from an empty folder to its report, or to the line that stops it.

Run as `python tests/workflow/own_studies.py` (some minutes). The clips are rendered, so every report says
that they are synthetic; labels are given at will, and no accuracy here means anything. The table in
`STUDIES` says what each study is there for and what is expected of it.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml
from running import REPOSITORY, run

from ferflow.datasets import synth4d
from ferflow.settings import load

MARK = "ferflow: error: "
SEVEN = ["very happy", "bored", "neutral", "Freude", "überrascht", "a.b", "pain+"]
FIVE = ["happy", "sad", "neutral", "fear", "anger-rage"]
THREE = ["sad", "happy", "surprise"]
TWO = ["calm", "tense"]
PEOPLE = ["anna", "ben", "cleo", "dora", "emil", "fay"]
SIZE = (300, 400)
"""Width and height of a frame, pixels; the face is half as wide."""
FRAMES = (22, 26)
UNUSABLE = {
    "black": "is blank throughout",
    "single": "has a single frame",
    "empty": "has no face in its",
    "broken": "is not a video that can be read",
    "grows": "0012.jpg is 600x800",
}
"""Clips that nobody can use, and how the reason begins."""
SMALL = {
    "temporal": {
        "heads": {
            "lstm": {"units": 4, "augmentations": 0},
            "bilstm": {"units": 4, "augmentations": 0},
            "cnn1d": {"units": 4, "layers": 2, "augmentations": 1},
        },
        "epochs": 1,
    },
    "end_to_end": {
        "run": [],
        "c3d": {"frames": 8, "size": 16, "filters": [2], "dense": [4]},
        "epochs": 1,
    },
    "faces": {"compared_clips": 0},
    "aus": {"backend": "landmark"},
    "splits": {"folds": 2},
    "finalize": {"patience": 1, "max_epochs": 2},
    "evaluation": {"bootstrap": 20, "controls": False},
    "humans": {"simulated": None},
    "pictures": {"subjects": 2, "kept_frames": 3, "strip_frames": 3, "draws": 2, "maps": 4, "steps": 4},
    "fusion": None,
}
"""Enough to run every step, far too little to say anything."""


@dataclass(frozen=True)
class Study:
    """A study: the clips that it needs, its settings over `SMALL`, and what is expected.

    `stops` is how the line begins by which it must end before anything is trained; "" where it must end with
    a report. `holds` gives what is wrong with the results, nothing where they are as they should be.
    """

    name: str
    shows: str
    write: Callable[[Path, Clips], dict]
    stops: str = ""
    holds: Callable[[Results], list[str]] = lambda results: []


class Clips:
    """Rendered clips, made once: frames BGR uint8 [T,H,W,3] of a person (0, 1, …) in a take (0 to 5)."""

    def __init__(self, folder: Path, weights_folder: Path) -> None:
        self.folder, self.weights = folder, weights_folder
        more = {"women": 9, "men": 9, "frames": FRAMES, "width": SIZE[0], "height": SIZE[1]}
        self.settings = load(REPOSITORY / "params.yaml").synth4d.model_copy(update=more)

    def file(self, person: int, take: int) -> Path:
        emotion = ("angry", "disgust", "fear", "happy", "sad", "surprise")[take]
        name = f"{'FM'[person % 2]}{person // 2 + 1:03d}"
        path = self.folder / f"{name}_{emotion}_tex.avi"
        if not path.exists():
            synth4d.write_subject(name, self.folder, self.weights, self.settings, [emotion], seed=7)
        return path

    def frames(self, person: int, take: int) -> list[np.ndarray]:
        video, frames = cv2.VideoCapture(str(self.file(person, take))), []
        while (read := video.read())[0]:
            frames.append(read[1])
        return frames


def _marked(folder: Path) -> Path:
    """A folder for rendered clips, with the generator's mark."""
    folder.mkdir(parents=True, exist_ok=True)
    synth4d.clips.write_notice(folder)
    return folder


def _images(folder: Path, frames: Sequence[np.ndarray]) -> str:
    """A clip as a folder of images, unless it is there; the folder's name."""
    if not folder.exists():
        folder.mkdir(parents=True)
        for number, frame in enumerate(frames):
            cv2.imwrite(str(folder / f"{number:04d}.jpg"), frame)
    return folder.name


def _table(root: Path, rows: list[dict], **format) -> dict:
    """Write `rows` as the table of the clips in `root`; the setting `dataset`."""
    pd.DataFrame(rows).to_csv(root / "clips.csv", index=False, **format)
    return {
        "name": "manifest",
        "root": f"data/raw/{root.name}",
        "manifest": f"data/raw/{root.name}/clips.csv",
    }


def _seven(folder: Path, clips: Clips) -> dict:
    """Folders of images; folds, the test side and the lighting are columns of the table, and sex is none."""
    root, rows = _marked(folder / "data/raw/seven"), []
    for number, who in enumerate(PEOPLE):
        for take, shown in enumerate(SEVEN):
            # The seventh take is the sixth from its end to its beginning.
            frames = clips.frames(number, take) if take < 6 else clips.frames(number, 5)[::-1]
            clip = f"{who}-{take}"
            side = {"split": "test" if number > 3 else "train", "fold": ("left", "right", "")[number // 2]}
            light = "dim" if take % 2 else "bright"
            about = {"clip_id": clip, "subject_id": who, "emotion": shown, "lighting": light}
            rows.append(about | {"source": _images(root / clip, frames)} | side)
    heads = {"lstm": None, "bilstm": None}
    return {
        "emotions": SEVEN,
        "dataset": _table(root, rows),
        "splits": {"scheme": "given"},
        "temporal": {"heads": heads},
        "evaluation": {"by": ["lighting"], "controls": True},
        "baselines": {"run": ["majority"]},
    }


def _videos(
    root: Path, clips: Clips, people: Sequence[str], first: int, classes: Sequence[str]
) -> list[dict]:
    """Videos of `people`, of whom the first is person `first`, one take of each class; rows of the table."""
    rows = []
    for number, who in enumerate(people):
        for take, shown in enumerate(classes):
            name = f"{who}-{take}.avi"
            shutil.copy2(clips.file(first + number, take), root / name)
            rows.append({"clip_id": f"{who}-{take}", "subject_id": who, "emotion": shown, "source": name})
    return rows


def _five(folder: Path, clips: Clips) -> dict:
    """Videos of people with the names of the study before, without a test side; the table is Excel's."""
    root = _marked(folder / "data/raw/five")
    rows = _videos(root, clips, PEOPLE[:3], 6, FIVE)
    for row in rows:
        row["sex"] = "" if row["subject_id"] == "anna" else "male"
    return {
        "emotions": FIVE,
        "dataset": _table(root, rows, encoding="utf-8-sig", lineterminator="\r\n"),
        "splits": {"scheme": "leave_one_out", "test_share": 0},
        "temporal": {"heads": {"bilstm": None}},
        "features": {"normalise": "subject"},
        "baselines": {"run": ["majority", "logistic_subject"]},
        "fusion": {"stacking": None, "best": None},
    }


def _three(folder: Path, clips: Clips) -> dict:
    """Four people of the same names, two sexes, and a network on frames alone."""
    root = _marked(folder / "data/raw/three")
    rows = _videos(root, clips, PEOPLE[:4], 9, THREE)
    for row in rows:
        row["sex"] = "female" if row["subject_id"] in PEOPLE[:2] else "male"
    return {
        "emotions": THREE,
        "dataset": _table(root, rows),
        "splits": {"test_share": 0.5},
        "temporal": {"heads": {"lstm": None, "bilstm": None, "cnn1d": None}},
        "end_to_end": {"run": ["c3d"]},
        "baselines": {"run": ["mean", "weighted_mean"]},
    }


def _two(folder: Path, clips: Clips) -> dict:
    """One class of one person alone, and five clips that cannot be used."""
    root = _marked(folder / "data/raw/two")
    people = ["p1", "p2", "p3", "p4"]
    rows = [
        row
        for row in _videos(root, clips, people, 13, TWO)
        if row["emotion"] == "calm" or row["subject_id"] == "p1"
    ]
    noise = np.random.default_rng(1).integers(0, 256, (24, 400, 300, 3), dtype=np.uint8)
    good = clips.frames(13, 2)
    if not (root / "broken.mp4").exists():
        (root / "broken.mp4").write_bytes(noise[0].tobytes()[:20_000])
    made = {
        "black": _images(root / "black", np.zeros_like(noise)),
        "single": _images(root / "single", good[:1]),
        "empty": _images(root / "empty", noise),
        "broken": "broken.mp4",
        "grows": _images(
            root / "grows", [*good[:12], *(cv2.resize(frame, (600, 800)) for frame in good[12:])]
        ),
    }
    rows += [
        {"clip_id": clip, "subject_id": who, "emotion": "calm", "source": source}
        for who, (clip, source) in zip(["p1", "p2", "p3", "p4", "p4"], made.items(), strict=True)
    ]
    return {
        "emotions": TWO,
        "dataset": _table(root, rows),
        "splits": {"test_share": 0.25},
        "temporal": {"heads": {"bilstm": None, "cnn1d": None}},
        "baselines": {"run": ["majority", "logistic"]},
    }


def _two_left_out(folder: Path, clips: Clips) -> dict:
    settings = _two(folder, clips)
    return settings | {"dataset": settings["dataset"] | {"unusable": "leave_out"}}


class Results:
    """What a study has written."""

    def __init__(self, folder: Path, study: str) -> None:
        self.folder = folder / "results" / study
        self.settings = yaml.safe_load((folder / f"{study}.yaml").read_text())
        page = (self.folder / "tables/opening.html").read_text()
        self.opening = html.unescape(re.sub(r"<[^>]+>", " ", page))

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / "tables" / f"{name}.csv", keep_default_na=False)

    def groups(self) -> set[str]:
        """By what the results are shown, and of which groups."""
        rows = self.table("results_by")
        rows = rows[rows["group"] != "difference"]
        return set(rows["by"] + ": " + rows["group"])

    def everywhere(self) -> list[str]:
        """What is wrong with what every study must hold."""
        classes = self.settings["emotions"]
        predictions = pd.read_csv(self.folder / "predictions.csv", keep_default_na=False)
        columns = [name.removeprefix("p_") for name in predictions if name.startswith("p_")]
        shown = self.table("results")
        wrong = {
            "the columns of predictions.csv are not the classes": columns != classes,
            "probabilities do not sum to 1": not np.allclose(
                predictions[[f"p_{c}" for c in classes]].sum(axis=1), 1, atol=1e-3
            ),
            "results.csv has no row": shown.empty,
            "the results do not say that they are synthetic": not shown["synthetic"].all(),
            "the first page does not say that they are synthetic": "synthetic data" not in self.opening,
            "a number on the first page is none": re.search(r"\bnan\b", self.opening) is not None,
            "there is no report": not (self.folder / "report.html").exists(),
        }
        return [said for said, is_so in wrong.items() if is_so]


def _judged(results: Results, models: set[str]) -> dict[str, bool]:
    found = set(results.table("results")["model"])
    return {f"results.csv has the models {sorted(found)}, not {sorted(models)}": found != models}


def _said(wrong: dict[str, bool]) -> list[str]:
    return [said for said, is_so in wrong.items() if is_so]


def _seven_holds(results: Results) -> list[str]:
    split = yaml.safe_load((results.folder / "splits.json").read_text())
    return _said(
        _judged(results, {"compact+cnn1d", "control-cnn1d-on-neutral-frames", "control-majority-class"})
        | {
            "the folds are not the table's": split["folds"] != [["anna", "ben"], ["cleo", "dora"]],
            "the test side is not the table's": split["test"] != ["emil", "fay"],
            "results_by is not by lighting": results.groups() != {"lighting: dim", "lighting: bright"},
            "a class is not in class_report": not set(SEVEN) <= set(results.table("class_report")["emotion"]),
        }
    )


def _five_holds(results: Results) -> list[str]:
    split = yaml.safe_load((results.folder / "splits.json").read_text())
    return _said(
        {
            "the folds are not one of each person": split["folds"] != [["anna"], ["ben"], ["cleo"]],
            "there is a test side": bool(split["test"]),
            "subjects of another study are counted": len(pd.read_csv(results.folder / "clips.csv")) != 15,
        }
    )


def _three_holds(results: Results) -> list[str]:
    clips = pd.read_csv(results.folder / "clips.csv")
    return _said(
        _judged(results, {"c3d", "frame-mean", "frame-weighted-mean"})
        | {
            "subjects of another study are counted": len(clips) != 12,
            "results_by is not by sex": results.groups() != {"sex: female", "sex: male"},
        }
    )


def _two_holds(results: Results) -> list[str]:
    lost = results.table("unusable").set_index("clip_id")["reason"]
    counts = results.table("unusable_counts").set_index("name")
    return _said(
        {
            f"unusable.csv names {sorted(lost.index)}": set(lost.index) != set(UNUSABLE),
            **{
                f"of {clip} it says {lost.get(clip)}": clip in lost and not lost[clip].startswith(begin)
                for clip, begin in UNUSABLE.items()
            },
            "unusable_counts does not count 5 of 10": [*counts.loc["all", ["left_out", "clips"]]] != [5, 10],
            "the first page does not tell": "5 could not be used and are left out" not in results.opening,
        }
    )


STUDIES = (
    Study(
        "seven",
        "7 classes, invented names; no sex; images as clips; own folds and test side; one head; by lighting",
        _seven,
        holds=_seven_holds,
    ),
    Study(
        "five",
        "5 classes; the same subjects' names in the same folder; no test side; Excel's table; sex of some",
        _five,
        holds=_five_holds,
    ),
    Study(
        "three",
        "3 classes; no head, a network on frames alone; baselines of frames",
        _three,
        holds=_three_holds,
    ),
    Study(
        "two-stop",
        "2 classes; 5 clips that cannot be used",
        _two,
        stops="dataset.unusable: is stop, and 5 of 10 clips cannot be used",
    ),
    Study(
        "two",
        "the same clips left out; one class of one subject alone; sex of nobody",
        _two_left_out,
        holds=_two_holds,
    ),
)


def _over(below: dict, above: dict) -> dict:
    """`above` laid over `below`, as a study's file over params.yaml."""
    both = dict(below)
    for name, value in above.items():
        mix = isinstance(value, dict) and isinstance(both.get(name), dict)
        both[name] = _over(both[name], value) if mix else value
    return both


def judge(study: Study, folder: Path, clips: Clips) -> tuple[str, list[str]]:
    """Run the study to its report. What came out ("report", or the line) and what is wrong with it."""
    settings = _over(SMALL, study.write(folder, clips)) | {"study": study.name, "kind": "clips", "seed": 3}
    file = folder / f"{study.name}.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    results = folder / "results" / study.name
    done = run(folder, study=file)
    if not done.returncode:
        done = run(folder, "--report", str(results / "report.html"), "all", study=file)
    said = done.stdout + done.stderr
    (folder / f"{study.name}.txt").write_text(said)
    lines = list(dict.fromkeys(line for line in said.splitlines() if line.startswith(MARK)))
    out = " / ".join(line.removeprefix(MARK) for line in lines)
    if done.returncode:
        wrong = [] if len(lines) == 1 else [f"{len(lines)} lines: {said[-1500:]}"]
        wrong += ["a traceback"] if "Traceback" in said else []
        wrong += [] if study.stops and out.startswith(study.stops) else ["another end is expected"]
        trained = [part for part in ("heads", "end_to_end") if (results / "models" / part).exists()]
        wrong += [f"{part} were trained" for part in trained]
        return out, wrong
    if study.stops:
        return "report", [f"expected: {study.stops}"]
    found = Results(folder, study.name)
    return "report", found.everywhere() + study.holds(found)


def main() -> None:
    """Run the studies one after the other in one folder, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of studies", default=[s.name for s in STUDIES])
    parser.add_argument("--weights", default="data/weights", help="folder with the pretrained files")
    parser.add_argument("--folder", help="where to work, and to leave it all (a folder that is removed)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ferflow-own-") as temporary:
        folder = Path(os.path.realpath(asked.folder or temporary))
        weights_folder = Path(asked.weights).resolve()
        if weights_folder.exists() and not (folder / "data/weights").exists():
            shutil.copytree(weights_folder, folder / "data/weights")
        clips = Clips(folder / "rendered", folder / "data/weights")
        failed = 0
        for study in STUDIES:
            if study.name not in asked.only:
                continue
            since = time.perf_counter()
            out, wrong = judge(study, folder, clips)
            failed += bool(wrong)
            print(f"{study.name:9} {study.shows}")
            print(f"          expected  {study.stops or 'report'}")
            print(f"          came out  {out} ({time.perf_counter() - since:.0f} s)")
            print("".join(f"          WRONG     {one}\n" for one in wrong), end="", flush=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
