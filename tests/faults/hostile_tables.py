"""Tables, JSON and settings: small valid ones, and the readers of ferflow that they go through."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from hostile_bytes import Mutation
from hostile_kind import Kind
from hostile_text import JSON, TABLE
from hostile_yaml import YAML

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import made_clips
from ferflow import settings, tables
from ferflow.aus.openface import NEEDED, read_openface
from ferflow.classes import AU_COLUMNS, EMOTIONS
from ferflow.datasets import ckplus, fer2013, ferplus, listed, manifest
from ferflow.evaluation import predictions
from ferflow.humans import annotations, votes
from ferflow.training import nested, splits
from ferflow.training.final import folds_table
from ferflow.training.sweep import read_run

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
SUBJECTS = ("F001", "F002", "M001", "M002")


def write_manifest(folder: Path) -> None:
    tables.write(made_clips.manifest(SUBJECTS), folder / "manifest.csv", "manifest")


def _clips(folder: Path) -> pd.DataFrame:
    return manifest.read(folder / "manifest.csv")


def _write_listed(folder: Path) -> None:
    (folder / "clips").mkdir()
    write_manifest(folder)
    own = _clips(folder)[["clip_id", "subject_id", "sex", "emotion", "source"]].head(6)
    for source in own["source"]:
        (folder / "clips" / source).write_bytes(b"a clip")
    own.to_csv(folder / "clips.csv", index=False)


def _write_predictions(folder: Path) -> None:
    write_manifest(folder)
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(6), 24).round(4)
    shares[:, 0] += 1 - shares.sum(1)
    rows = _clips(folder)[["clip_id", "subject_id", "emotion"]]
    rows = rows.assign(predicted=np.array(EMOTIONS)[shares.argmax(1)])
    rows = rows.assign(**{f"p_{emotion}": shares[:, k] for k, emotion in enumerate(EMOTIONS)})
    rows = rows.assign(model="compact+lstm", protocol="cv", fold=1, seed=20)
    tables.write(rows, folder / "predictions.csv", "predictions")


def _write_annotations(folder: Path) -> None:
    write_manifest(folder)
    clips = _clips(folder)["clip_id"].head(8)
    rows = [(who, clip, EMOTIONS[k % 6]) for who in ("anna", "Ben") for k, clip in enumerate(clips)]
    columns = ["annotator", "clip_id", "emotion"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "annotations.csv", index=False)


def _write_votes(folder: Path) -> None:
    write_manifest(folder)
    counts = np.random.default_rng(0).integers(1, 9, (10, 6))
    rows = pd.DataFrame(counts, columns=list(EMOTIONS))
    rows.insert(0, "clip_id", _clips(folder)["clip_id"].head(10))
    rows.to_csv(folder / "votes.csv", index=False)


def _write_cremad(folder: Path) -> None:
    counts = np.random.default_rng(0).integers(0, 9, (6, 6))
    rows = pd.DataFrame(counts, columns=list("ADFHNS"))
    rows.insert(0, "fileName", [f"100{i}_DFA_{e}_XX" for i, e in enumerate(votes.CREMAD_INTENDED)])
    rows = rows.assign(numResponses=counts.sum(1), emoVote="A")
    rows.to_csv(folder / "votes.csv", index=False)


def _write_openface(folder: Path) -> None:
    rng = np.random.default_rng(0)
    rows = {"frame": np.arange(1, 21), "face_id": 0, "timestamp": np.arange(20) / 25}
    rows |= {"confidence": 0.98, "success": 1} | {c: rng.uniform(0, 5, 20).round(2) for c in AU_COLUMNS}
    frame = pd.DataFrame(rows)
    frame.columns = [frame.columns[0], *(f" {column}" for column in frame.columns[1:])]
    frame.to_csv(folder / "F001_happy.csv", index=False)
    assert {column.strip() for column in frame.columns} >= set(NEEDED)


def _pixels(rng: np.random.Generator) -> str:
    return " ".join(map(str, rng.integers(0, 256, 48 * 48)))


def write_fer2013(folder: Path, name: str = "fer2013.csv") -> None:
    rng = np.random.default_rng(0)
    rows = [(code, usage, _pixels(rng)) for usage in fer2013.USAGES for code in range(7)]
    frame = pd.DataFrame(rows, columns=["emotion", "Usage", "pixels"])
    if name == "icml_face_data.csv":
        frame.columns = ["emotion", " Usage", " pixels"]
    frame.to_csv(folder / name, index=False)


def _write_ferplus(folder: Path) -> None:
    write_fer2013(folder)
    n = 21
    counts = np.zeros((n, 10), int)
    counts[np.arange(n), np.arange(n) % 10] = 7
    rows = pd.DataFrame(counts, columns=list(ferplus.CHOICES))
    rows.insert(0, "Image name", [f"fer{i:07d}.png" for i in range(n)])
    rows.insert(0, "Usage", np.repeat(fer2013.USAGES, 7))
    rows.to_csv(folder / "fer2013new.csv", index=False)


def _write_ckplus(folder: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [(code, _pixels(rng), "Training") for code in range(8)]
    pd.DataFrame(rows, columns=["emotion", "pixels", "Usage"]).to_csv(folder / "ckextended.csv", index=False)


def _write_sequences(folder: Path) -> None:
    for number, frames in (("S005", 4), ("S010", 4)):
        images = folder / "ck" / ckplus.IMAGES / number / "001"
        labels = folder / "ck" / ckplus.LABELS / number / "001"
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for frame in range(1, frames + 1):
            (images / f"{number}_001_{frame:08d}.png").write_bytes(b"a picture")
        (labels / f"{number}_001_{frames:08d}_emotion.txt").write_text("   3.0000000e+00\n")


def _write_schema(name: str, row: dict):
    def write(folder: Path) -> None:
        rows = [row | {"clip_id": f"F001_{emotion}"} for emotion in EMOTIONS]
        tables.write(pd.DataFrame(rows), folder / f"{name}.csv", name)

    return write


def _table(name: str, row: dict) -> Kind:
    return Kind(
        f"{name} CSV",
        f"{name}.csv",
        _write_schema(name, row),
        lambda folder: tables.read(folder / f"{name}.csv", name),
        TABLE,
    )


_SPLIT = {"scheme": "stratified", "seed": 1, "protocol": "honest"}


def _write_splits(folder: Path) -> None:
    write_manifest(folder)
    splits.write(_SPLIT | {"test": ["F001"], "folds": [["F002"], ["M001", "M002"]]}, folder / "splits.json")


def _write_plan(folder: Path) -> None:
    plan = nested.make({s: "female" if s[0] == "F" else "male" for s in SUBJECTS}, 2, 2, 1)
    (folder / "plan.json").write_text(json.dumps(plan))


def _write_early(folder: Path) -> None:
    (folder / "best_epoch.json").write_text(
        json.dumps({"fold": 0, "max_accuracy": 0.5, "epoch": 4, "seed": 1})
    )


def _write_run(folder: Path) -> None:
    ours = ("published_validation", "published_test", "best", "note")
    columns = [c for c in tables.schema("sweep").names if c not in ours]
    facts = dict.fromkeys(columns, 0.5) | {"views": "one", "protocol": "honest"}
    (folder / "run.json").write_text(json.dumps(facts))


def _write_params(folder: Path) -> None:
    shutil.copyfile(PARAMS, folder / "params.yaml")


def _write_study(folder: Path) -> None:
    _write_params(folder)
    (folder / "study.yaml").write_text(
        "study: tiny\nsynth4d: {women: 3, men: 3, frames: [40, 46]}\nspatial: {weights: null, epochs: 1}\n"
        "temporal:\n  heads:\n    lstm: {units: 8, dropout: 0.2, augmentations: 1}\n  epochs: 2\n"
        "dataset: {name: manifest, root: clips, manifest: clips.csv}\nsplits: {folds: 2}\n"
    )


_TEXT: tuple[Mutation, ...] = (*TABLE[: len(TABLE) - 28], *TABLE[:4])
"""Of the mutations of tables those that need no header."""

_TRIMMED = {"n_frames": 40, "begin": 3, "end": 37, "max_score": 1.5, "anomaly": False, "reason": "x"}
_TRIMMED |= {"overridden": False}

TABLES = (
    Kind("manifest", "manifest.csv", write_manifest, _clips, TABLE),
    Kind(
        "list of clips", "clips.csv", _write_listed,
        lambda f: listed.find(f / "clips.csv", f / "clips", EMOTIONS), TABLE, "clips",
    ),
    Kind(
        "predictions", "predictions.csv", _write_predictions,
        lambda f: predictions.read([f / "predictions.csv"], EMOTIONS, f / "manifest.csv"), TABLE,
    ),
    Kind(
        "annotations", "annotations.csv", _write_annotations,
        lambda f: annotations.read(f / "annotations.csv", _clips(f), EMOTIONS), TABLE,
    ),
    Kind(
        "votes", "votes.csv", _write_votes,
        lambda f: votes.read(f / "votes.csv", _clips(f), EMOTIONS), TABLE,
    ),
    Kind("CREMA-D votes", "votes.csv", _write_cremad, lambda f: votes.read_cremad(f / "votes.csv"), TABLE),
    Kind(
        "OpenFace", "F001_happy.csv", _write_openface,
        lambda f: read_openface(f / "F001_happy.csv"), TABLE,
    ),
    Kind("FER2013 CSV", "fer2013.csv", write_fer2013, lambda f: fer2013.read(f / "fer2013.csv"), TABLE),
    Kind(
        "FER2013 CSV (ICML)", "icml_face_data.csv",
        lambda f: write_fer2013(f, "icml_face_data.csv"), fer2013.read, TABLE,
    ),
    Kind("FER+ votes", "fer2013new.csv", _write_ferplus, lambda f: ferplus.read(f), TABLE),
    Kind("CK+ CSV", "ckextended.csv", _write_ckplus, ckplus.read, TABLE),
    Kind(
        "CK+ emotion file", f"ck/{ckplus.LABELS}/S005/001/S005_001_00000004_emotion.txt", _write_sequences,
        lambda f: ckplus.find(f / "ck", settings.Sequences(peak=2, neutral=True)), _TEXT, "S005",
    ),
    _table("trim", _TRIMMED),
    _table("trim_overrides", {"begin": 3, "end": 30}),
    _table("aus", {"frame": 0, "confidence": 0.9, "success": 1} | dict.fromkeys(AU_COLUMNS, 1.5)),
    Kind("splits", "splits.json", _write_splits, lambda f: splits.read(f / "splits.json"), JSON),
    Kind(
        "splits, for annotators", "splits.json", _write_splits,
        lambda f: annotations.annotation_clips(f / "manifest.csv", f / "splits.json", EMOTIONS), JSON,
    ),
    Kind("nested plan", "plan.json", _write_plan, lambda f: nested.read(f / "plan.json"), JSON),
    Kind(
        "fold's result", "best_epoch.json", _write_early, lambda f: folds_table([f / "best_epoch.json"]), JSON
    ),
    Kind("sweep's run", "run.json", _write_run, lambda f: read_run(f / "run.json"), JSON),
    Kind("settings", "params.yaml", _write_params, lambda f: settings.load(f / "params.yaml"), YAML),
    Kind(
        "study", "study.yaml", _write_study,
        lambda f: settings.load(f / "params.yaml", f / "study.yaml"), YAML,
    ),
)  # fmt: skip
