"""Studies with random settings: does whatever `ferflow check` calls correct plan, and is all else refused?

Run as `python tests/workflow/random_studies.py --studies 200`. Study number N is the same whenever it is
drawn: settings laid over params.yaml, and a folder with made-up tables and empty files, of which a dry run
opens none. A third of the studies gets one fault more, which must be refused.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from running import REPOSITORY

import preloaded

SFEW = REPOSITORY / "workflow/studies/sfew.yaml"
THESIS = REPOSITORY / "workflow/studies/parts/thesis-comparisons.yaml"

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise")
SCENE_CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
INVENTED = ("very happy", "bored", "neutral", "Freude", "sad", "a.b", "pain+", "1")
"""Classes of somebody's own."""
HEADS, NETWORKS = ("lstm", "bilstm", "cnn1d"), ("c3d", "convlstm")
COMPARISONS = ("baseline", "dropout", "drop-rates", "layers", "augmentation", "c3d-depth", "c3d-augmentation")
MARK = "ferflow: error: "
FAULT_SHARE = 1 / 3


@dataclass
class Drawn:
    """A study: its folder, settings over params.yaml, and what is wrong with it on purpose, if anything."""

    folder: Path
    settings: dict = field(default_factory=dict)
    fault: str = ""

    def touch(self, *names: str) -> None:
        """Empty files in the folder."""
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def write(self, name: str, lines: list[str]) -> str:
        """A text file in the folder; its name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return name


def draw(number: int, folder: Path) -> Drawn:
    """Study `number`, its tables and files written to `folder`."""
    rng = random.Random(number)
    drawn = Drawn(folder)
    kind = rng.choices(list(KINDS), weights=[6, 2, 2, 1])[0]
    drawn.settings = {"study": "random", "kind": kind, "seed": rng.randrange(1000)}
    KINDS[kind](rng, drawn)
    if rng.random() < FAULT_SHARE:
        faults = [*FAULTS["any"], *FAULTS[kind]]
        fault = rng.choice(faults)
        fault(rng, drawn)
        drawn.fault = fault.__name__.strip("_")
    return drawn


def _some(rng: random.Random, names, fewest: int = 0) -> list:
    return rng.sample(list(names), rng.randint(fewest, len(names)))


def _at(settings: dict, *path: str) -> dict:
    """The block of settings at `path`, made where it is not there."""
    for name in path:
        settings = settings.setdefault(name, {})
    return settings


def _clips(rng: random.Random, drawn: Drawn) -> None:
    settings = drawn.settings
    kind = rng.choice(["synth4d", "bu4dfe", "manifest", "manifest", "manifest"])
    sexes, classes = _data(rng, drawn, kind)
    off = _some(rng, HEADS) if rng.random() < 0.5 else []
    frames = _some(rng, NETWORKS) if rng.random() < 0.5 else list(NETWORKS)
    heads = {head: {"augmentations": rng.randint(0, 3)} for head in HEADS if rng.random() < 0.3}
    settings["temporal"] = {"heads": heads | dict.fromkeys(off)}
    settings["end_to_end"] = {"run": frames}
    settings["splits"] = {
        "scheme": rng.choice(["stratified", "stratified", "thesis", "leave_one_out", "given"]),
        "folds": rng.choice([2, 2, 3, 3, 4, 5]),
        "test_share": rng.choice([0, 0.1, 0.28, 0.28, 0.5]),
        "compared": _some(rng, HEADS) if rng.random() < 0.2 else [],
    }
    if rng.random() < 0.3:
        every = ["majority", "logistic", "logistic_subject"]
        if set(settings.get("emotions", EMOTIONS)) <= {*EMOTIONS, "neutral"}:
            every += ["mean", "weighted_mean"]
        settings["baselines"] = {"run": _some(rng, every)}
    if rng.random() < 0.3:
        settings["features"] = {"normalise": rng.choice(["none", "clip", "subject"])}
    if rng.random() < 0.3:
        nested = {"heads": _some(rng, HEADS), "outer": rng.randint(2, 3), "inner": 2}
        settings["nested"] = nested | {"candidates": {"less": {"units": 32}, "more_dropout": None}}
    if rng.random() < 0.3:
        settings["search"] = {"run": _some(rng, HEADS), "trials": rng.randint(1, 5)}
    if rng.random() < 0.4:
        settings |= {"base": str(THESIS), "experiments": {"compared": _some(rng, COMPARISONS)}}
    if rng.random() < 0.6:
        settings["fusion"] = rng.choice(
            [
                None,
                {"sets": None},
                {"sets": {"all": None, "pair": [*rng.sample([*HEADS, *NETWORKS], 2)]}},
                {"stacking": None, "best": None},
                {"stacking": {"models": _some(rng, HEADS, 1), "folds": rng.randint(2, 4)}},
                {"best": {"models": _some(rng, [*HEADS, *NETWORKS], 1), "search": "greedy"}},
            ]
        )
    _at(settings, "evaluation")["controls"] = rng.random() < 0.5
    settings["faces"] = {"compared_clips": rng.choice([0, 1])}
    settings["features"] = {
        "layer": rng.choice(["dense", "pool"]),
        "normalise": rng.choice(["none", "clip", "subject"]),
    }
    _people(rng, drawn, sexes, classes)
    _spatial(rng, drawn)
    if rng.random() < 0.2:
        clip = next(iter(_named(sexes, classes)))
        lines = ["clip_id,begin,end", f"{clip},3,30"]
        settings["trim"] = {"overrides": drawn.write("overrides.csv", lines)}
    backend = rng.choice(["auto", "auto", "landmark", "blendshapes", "openface"])
    settings["aus"] = {"backend": backend}
    if backend == "openface":
        settings["aus"]["openface_folder"] = "openface"
        drawn.touch(*(f"openface/{clip}.csv" for clip in _named(sexes, classes)))
    elif rng.random() < 0.3:
        settings["aus"]["compared"] = _some(rng, ["landmark", "blendshapes"])
    settings["faces"]["landmarks"] = rng.choice(["auto", "wheel", "bundle"])
    settings["faces"]["detector"] = rng.choice(["auto", "haar", "blazeface", "mtcnn"])


def _data(rng: random.Random, drawn: Drawn, kind: str) -> tuple[dict[str, str], list[str]]:
    """The clips: sex by subject, and the classes that each subject shows."""
    women, men = rng.randint(2, 9), rng.randint(0, 9)
    sexes = {f"F{n:03d}": "female" for n in range(1, women + 1)}
    sexes |= {f"M{n:03d}": "male" for n in range(1, men + 1)}
    known = EMOTIONS if kind != "manifest" else rng.choice([EMOTIONS, INVENTED])
    classes = sorted(_some(rng, known, 2), key=known.index)
    drawn.settings["emotions"] = classes
    if kind == "synth4d":
        drawn.settings["synth4d"] = {"women": women, "men": men}
    elif kind == "bu4dfe":
        drawn.settings["dataset"] = {"name": "bu4dfe", "root": "data/raw/bu4dfe"}
        drawn.touch(*(f"data/raw/bu4dfe/{clip}_tex.avi" for clip in _named(sexes, classes)))
    else:
        _table(rng, drawn, sexes, classes)
    return sexes, classes


def _table(rng: random.Random, drawn: Drawn, sexes: dict[str, str], classes: list[str]) -> None:
    """The user's own table of clips, with sex or without, and with another column or without."""
    further = [name for name in ("sex", "lighting") if rng.random() < 0.5]
    own = ["fold", "split"] if rng.random() < 0.5 else []
    sides = {subject: rng.choice(["train", "train", "test", ""]) for subject in sexes}
    folds = {subject: rng.choice("abc") for subject in sexes}
    lines = [",".join(["clip_id", "subject_id", "emotion", "source", *further, *own])]
    for clip, (subject, emotion) in _named(sexes, classes).items():
        cells = {"sex": sexes[subject], "lighting": rng.choice(["dim", "bright"])}
        cells |= {"fold": folds[subject], "split": sides[subject]}
        cells = [clip, subject, emotion, f"{clip}.mp4", *(cells[name] for name in [*further, *own])]
        lines.append(",".join(cells))
        drawn.touch(f"data/raw/own/{clip}.mp4")
    table = drawn.write("data/raw/own/clips.csv", lines)
    dataset = {"name": "manifest", "root": "data/raw/own", "manifest": table}
    drawn.settings["dataset"] = dataset | {"unusable": rng.choice(["stop", "leave_out"])}
    if further:
        drawn.settings["evaluation"] = {"by": further}


def _named(sexes: dict[str, str], classes: list[str]) -> dict[str, tuple[str, str]]:
    """Subject and class of each clip by its name."""
    return {f"{who}_{shown}".replace(" ", "-"): (who, shown) for who in sexes for shown in classes}


def _people(rng: random.Random, drawn: Drawn, sexes: dict[str, str], classes: list[str]) -> None:
    kind = rng.choice(["none", "simulated", "annotations", "votes"])
    clips = _named(sexes, classes)
    if kind == "none":
        drawn.settings["humans"] = {"simulated": None}
    elif kind == "annotations":
        lines = ["annotator,clip_id,emotion", *(f"someone,{clip},{rng.choice(classes)}" for clip in clips)]
        drawn.settings["humans"] = {"annotations": drawn.write("answers.csv", lines)}
    elif kind == "votes":
        lines = [",".join(["clip_id", *classes]), *(",".join([c, *("2" for _ in classes)]) for c in clips)]
        drawn.settings["humans"] = {"votes": drawn.write("votes.csv", lines)}


def _spatial(rng: random.Random, drawn: Drawn) -> None:
    """The network for single images: as it comes, a file, or trained on stills."""
    kind = rng.choice(["shipped", "file", "trained", "pretrained", "finetuned"])
    if kind == "file":
        drawn.touch("networks/own.pt")
        drawn.settings["spatial"] = {"weights": "networks/own.pt"}
    elif kind == "trained":
        network = rng.choice(["compact", "fernet", "resnet", "cnn_lstm", "vit", "alexnet"])
        drawn.settings["spatial"] = {"weights": None, "network": network}
    elif kind in ("pretrained", "finetuned"):
        network, file = rng.choice(
            [("vgg16", "vgg16-397923af.pth"), ("resnet50", "resnet50-0676ba61.pth"), ("vggface", "own.pt")]
        )
        drawn.settings["spatial"] = {"weights": None, "network": network, "pretrained": file}
        drawn.settings["spatial"]["method"] = "finetune" if kind == "finetuned" else "train"
        if file == "own.pt":
            drawn.touch("data/weights/own.pt")
    if rng.random() < 0.5:
        drawn.settings["stills"] = {"source": "fer2013", "path": "data/raw/fer2013/fer2013.csv"}
        drawn.touch("data/raw/fer2013/fer2013.csv")


def _images(rng: random.Random, drawn: Drawn) -> None:
    names = {
        f"net{n}": rng.choice(["compact", "fernet", "resnet", "cnn_lstm"]) for n in range(rng.randint(0, 4))
    }
    models = {name: {"network": network} for name, network in names.items()}
    for model in models.values():
        if rng.random() < 0.2:
            model["not_run"] = "too long"
    views = _some(rng, ["one", "mirror", "ten"], 1)
    images = {"models": models, "views": views}
    if len(models) > 1:
        images["ensembles"] = {"some": _some(rng, models, 1)}
    if models and rng.random() < 0.4:
        images["best"] = {"networks": 2, "parameters": 5_000_000, "views": rng.choice(views)}
    drawn.settings["images"] = images
    if rng.random() < 0.7:
        drawn.settings["stills"] = {"source": "fer2013", "path": "data/raw/fer2013"}
        drawn.touch("data/raw/fer2013/fer2013.csv")
    if rng.random() < 0.4:
        drawn.settings["datacentric"] = {
            "studied": True,
            "variants": _some(rng, ["cnn_lstm", "cnn_bilstm"]),
            "networks": {name: _some(rng, ["none", "smote"], 1) for name in _some(rng, ["vit", "cnn_lstm"])},
            "cleaned": _some(rng, ["cnn_attention", "vit"]),
        }


def _sfew(rng: random.Random, drawn: Drawn) -> None:
    transfer = {"folds": rng.choice([2, 2, 3, 3, 4, 5]), "start": rng.choice(["untrained", "imagenet"])}
    if rng.random() < 0.6:
        transfer["protocols"] = _some(rng, ["random", "film", "spi"], 1)
    if rng.random() < 0.5:
        transfer["runs"] = {
            "resnet50-originals-64": None,
            "resnet50-originals-128": None,
            "resnet34-crops": None,
        }
    sfew = {"transfer": transfer}
    if rng.random() < 0.3:
        sfew["handmade"] = {"protocols": _some(rng, ["random", "film", "spi"], 1)}
    if rng.random() < 0.5:
        films = rng.randint(1, 10)
        sfew["scenes"] = {"per_class": rng.randint(3, 20), "films": films}
    else:
        sfew["dataset"] = {"name": "sfew", "path": "data/raw/sfew"}
        films = rng.randint(3, 8)
        names = [f"Film{n}_{n:09d}_{k:08d}.png" for n in range(films) for k in range(2)]
        drawn.touch(*(f"data/raw/sfew/{name}/{file}" for name in SCENE_CLASSES for file in names))
        if rng.random() < 0.5:
            for part in (1, 2):
                listed = [f"{name}/{file}" for name in SCENE_CLASSES for file in names[part - 1 :: 2]]
                drawn.write(f"data/raw/sfew/spi_{part}.txt", listed)
    drawn.settings |= {"base": str(SFEW), "sfew": sfew}


def _affect(rng: random.Random, drawn: Drawn) -> None:
    models = {}
    for n in range(rng.randint(1, 3)):
        backbone, start = rng.choice(
            [
                ("compact", "shipped"),
                ("compact", "untrained"),
                ("vgg16", "face"),
                ("resnet50", "face_if_there"),
            ]
        )
        models[f"net{n}"] = {"backbone": backbone, "start": start, "size": rng.choice([48, 64])}
    affect = {"models": models}
    if rng.random() < 0.5:
        affect["dataset"] = {"name": "affectnet", "path": "data/raw/affectnet"}
        parts = [f"data/raw/affectnet/{part}" for part in ("train_set", "val_set")]
        drawn.touch(*(f"{p}/images/1.jpg" for p in parts), *(f"{p}/annotations/1_exp.npy" for p in parts))
    drawn.settings["affect"] = affect


KINDS: dict[str, Callable] = {"clips": _clips, "images": _images, "sfew": _sfew, "affect": _affect}


def _unknown_setting(rng, drawn) -> None:
    drawn.settings[rng.choice(["splitts", "emotion", "fold"])] = 3


def _number_out_of_range(rng, drawn) -> None:
    drawn.settings["calibration"] = {"bins": rng.choice([0, -1, "many"])}


def _unknown_model_in_fusion(rng, drawn) -> None:
    drawn.settings["fusion"] = {"sets": {"typo": [rng.choice(["lsmt", "lenet+lstm", "transformer"]), "lstm"]}}


def _unknown_comparison(rng, drawn) -> None:
    drawn.settings["experiments"] = {"compared": ["basline"]}


def _unknown_head(rng, drawn) -> None:
    _at(drawn.settings, "temporal", "heads")["gru"] = {"units": 3}


def _everything_off(rng, drawn) -> None:
    drawn.settings["temporal"] = {"heads": dict.fromkeys(HEADS)}
    drawn.settings["end_to_end"] = {"run": []}


def _too_many_folds(rng, drawn) -> None:
    _at(drawn.settings, "splits").update(scheme="stratified", folds=40)


def _no_data(rng, drawn) -> None:
    drawn.settings["dataset"] = {
        "name": rng.choice(["bu4dfe", "manifest"]),
        "root": "nowhere",
        "manifest": "nowhere.csv",
    }


def _table_with_another_class(rng, drawn) -> None:
    lines = ["clip_id,subject_id,emotion,source", "a,a,bored,a.mp4"]
    table = drawn.write("wrong.csv", lines)
    drawn.settings["dataset"] = {"name": "manifest", "root": ".", "manifest": table}


def _table_without_a_column(rng, drawn) -> None:
    table = drawn.write("wrong.csv", ["clip_id,subject_id,source", "a,a,a.mp4"])
    drawn.settings["dataset"] = {"name": "manifest", "root": ".", "manifest": table}


def _clip_that_is_not_there(rng, drawn) -> None:
    table = drawn.write("wrong.csv", ["clip_id,subject_id,emotion,source", "a,a,happy,gone.mp4"])
    drawn.settings |= {
        "dataset": {"name": "manifest", "root": ".", "manifest": table},
        "emotions": list(EMOTIONS),
    }


def _nothing_to_group_by(rng, drawn) -> None:
    _at(drawn.settings, "evaluation")["by"] = ["shoe_size"]


def _class_in_two_spellings(rng, drawn) -> None:
    lines = ["clip_id,subject_id,emotion,source", "a,a,happy,a.mp4", "b,b,Happy,a.mp4", "c,c,sad,a.mp4"]
    table = drawn.write("wrong.csv", lines)
    drawn.touch("a.mp4")
    drawn.settings["dataset"] = {"name": "manifest", "root": ".", "manifest": table}
    drawn.settings["emotions"] = ["happy", "sad"]


def _classes_of_one_name(rng, drawn) -> None:
    drawn.settings["emotions"] = rng.choice([["happy", "Happy"], ["happy"], [], ["happy", "a,b"], "happy"])


def _no_weights(rng, drawn) -> None:
    drawn.settings["temporal"] = {}
    drawn.settings["spatial"] = rng.choice(
        [
            {"weights": "nowhere.pt"},
            {"weights": None, "network": "vgg16", "pretrained": "vgg17.pth"},
            {"weights": None, "network": "vgg16", "pretrained": "resnet50-0676ba61.pth"},
            {"weights": None, "network": "compact", "pretrained": "vgg16-397923af.pth"},
        ]
    )


def _no_answers(rng, drawn) -> None:
    wrong = drawn.write("wrong.csv", ["annotator,clip_id,emotion", "someone,nobody_happy,happy"])
    drawn.settings["humans"] = {"annotations": rng.choice([wrong, "nowhere.csv"]), "votes": None}


def _no_overrides(rng, drawn) -> None:
    wrong = drawn.write("wrong.csv", ["clip_id,begin,end", "nobody_happy,1,9"])
    drawn.settings["trim"] = {"overrides": rng.choice([wrong, "nowhere.csv"])}


def _no_openface(rng, drawn) -> None:
    drawn.settings["aus"] = {"backend": "openface", "openface_folder": rng.choice([None, "nowhere"])}


def _no_stills(rng, drawn) -> None:
    drawn.settings["temporal"] = {}
    drawn.settings["spatial"] = {"weights": None}
    drawn.settings["stills"] = {"source": "fer2013", "path": "nowhere"}


def _unknown_member(rng, drawn) -> None:
    _at(drawn.settings, "images")["ensembles"] = {"some": ["nobody"]}


def _no_scenes(rng, drawn) -> None:
    _at(drawn.settings, "sfew")["dataset"] = {"name": "sfew", "path": "nowhere"}


def _no_network(rng, drawn) -> None:
    runs = yaml.safe_load(SFEW.read_text())["sfew"]["transfer"]["runs"]
    _at(drawn.settings, "sfew", "transfer")["runs"] = dict.fromkeys(runs)


def _too_few_scenes(rng, drawn) -> None:
    _at(drawn.settings, "sfew")["dataset"] = {"name": "scenes"}
    _at(drawn.settings, "sfew")["scenes"] = {"per_class": 2, "films": 2}
    _at(drawn.settings, "sfew", "transfer").update(folds=5, protocols=["random", "film"], runs={})


def _no_boxes(rng, drawn) -> None:
    _at(drawn.settings, "sfew")["crops"] = {"manual_boxes": "nowhere.csv"}


def _no_affectnet(rng, drawn) -> None:
    _at(drawn.settings, "affect")["dataset"] = {"name": "affectnet", "path": "nowhere"}


def _no_affect_network(rng, drawn) -> None:
    _at(drawn.settings, "affect")["models"] = {}


FAULTS: dict[str, list[Callable]] = {
    "any": [_unknown_setting, _number_out_of_range],
    "clips": [
        _unknown_model_in_fusion,
        _unknown_comparison,
        _unknown_head,
        _everything_off,
        _too_many_folds,
        _no_data,
        _table_with_another_class,
        _table_without_a_column,
        _clip_that_is_not_there,
        _nothing_to_group_by,
        _class_in_two_spellings,
        _classes_of_one_name,
        _no_weights,
        _no_answers,
        _no_overrides,
        _no_openface,
        _no_stills,
    ],
    "images": [_no_stills, _unknown_member],
    "sfew": [_no_scenes, _no_network, _too_few_scenes, _no_boxes],
    "affect": [_no_affectnet, _no_affect_network],
}


@dataclass(frozen=True)
class Judged:
    """What became of a study: "" or the line by which `check` refused it, and the same of the workflow."""

    number: int
    kind: str
    fault: str
    check: str
    plan: str
    wrong: str

    def __str__(self) -> str:
        said = f"{self.number} ({self.kind}{', ' + self.fault if self.fault else ''})"
        return f"{said}: {self.wrong or 'as it should be'}\n  check: {self.check}\n  plan:  {self.plan}"


def judge(number: int, folder: Path) -> Judged:
    """Draw study `number`, check it and plan it, and say what is wrong with the two answers."""
    drawn = draw(number, folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(drawn.settings, sort_keys=False))
    called = "ferflow.apps.cli", "check", str(REPOSITORY / "params.yaml"), "study.yaml"
    check, trouble = _answer(preloaded.python(*called, folder=folder))
    called = ["--snakefile", str(REPOSITORY / "Snakefile"), "--profile", "none", "--cores", "1"]
    called += ["--configfile", "study.yaml", "--nolock", "--dry-run", "--quiet", "all"]
    plan, failed = _answer(preloaded.snakemake(*called, folder=folder))
    wrong = trouble or failed
    if not wrong and bool(check) != bool(plan):
        wrong = "the one refuses it, the other does not"
    if not wrong and drawn.fault and not check:
        wrong = "it should be refused"
    if not wrong and check != plan:
        wrong = "the two say different things"
    return Judged(number, drawn.settings["kind"], drawn.fault, check, plan, wrong)


def _answer(done: subprocess.CompletedProcess) -> tuple[str, str]:
    """The line by which a program refuses ("" where it does not), and what is wrong with the way it ends."""
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    refused = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    if done.returncode == 0:
        return "", f"ends well, and says {refused[0]}" if refused else ""
    if len(refused) != 1 or any("Traceback" in line for line in lines):
        return " ".join(refused), f"ends with {' / '.join(lines[-12:])[:1500]}"
    return refused[0], ""


def main() -> None:
    """Judge studies one after the other, and print those that went wrong and how many there were of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="every study, not only the wrong ones")
    asked = parser.parse_args()
    since, counted, wrong = time.perf_counter(), Counter(), 0
    for number in range(asked.first, asked.first + asked.studies):
        with tempfile.TemporaryDirectory(prefix="ferflow-random-") as folder:
            judged = judge(number, Path(os.path.realpath(folder)))
        counted[judged.kind, "refused" if judged.check else "correct"] += 1
        wrong += bool(judged.wrong)
        if judged.wrong or asked.show:
            print(judged, flush=True)
    for (kind, answer), count in sorted(counted.items()):
        print(f"{kind:8} {answer:8} {count:4}")
    print(f"{asked.studies} studies, {wrong} wrong, {time.perf_counter() - since:.0f} s")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
