"""The files of a study by their names: what its rules and its report's steps read and write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain, product
from pathlib import Path, PurePosixPath
from typing import Any

from ferflow import layout, shards
from ferflow.classes import EMOTIONS_CONTEMPT, EMOTIONS_NEUTRAL
from ferflow.datasets.images import is_synthetic_root
from ferflow.datasets.manifest import SYNTHETIC_MARK
from ferflow.faces.detect import DETECTORS
from ferflow.networks import NETWORKS
from ferflow.runs.failed_jobs import Unmade
from ferflow.schemas.shared import NOT_RUN
from ferflow.settings import BEST, SHIPPED, Comparison, Settings, Spatial, parts_of
from ferflow.steps.preflight import Ready
from ferflow.steps.step import Figure, Folder, Output, Page, Table, as_params
from ferflow.training import sweep
from ferflow.weights import shipped, start_file

SHAPING = (
    "study",
    "kind",
    "protocol",
    "seed",
    "emotions",
    "synth4d",
    "stills",
    "faces",
    "aus",
    "trim",
    "augment",
    "spatial",
    "finetune",
    "features",
    "end_to_end",
    "finalize",
)
"""Sections of the settings that shape a final model as they are."""


FOLD_FILES = ("history.csv", "predictions.csv", "best_epoch.json", "early_history.csv")
FINAL_FILES = ("model.pt", "history.csv", "predictions.csv")
"""What the training of a fold, and of a final model, writes."""


class _Known(dict):
    """Fills in what is known and leaves other fields as wildcards."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def in_folder(folder: str, *names: str) -> dict[str, str]:
    """Files in `folder`, each under its name without the suffix."""
    return {PurePosixPath(name).stem: f"{folder}/{name}" for name in names}


def each(pattern: str, **lists: Iterable[Any]) -> list[str]:
    """`pattern` with every combination of `lists`, the last the fastest; other fields stay wildcards."""
    names = list(lists)
    return [
        pattern.format_map(_Known(zip(names, values, strict=True)))
        for values in product(*(list(one) for one in lists.values()))
    ]


class StudyFiles:
    """Names of a study's files. `ready` is the study as `preflight.look` left it.

    `unmade` are the files that cannot be made since jobs failed. What needs one of them is left out of the
    lists of models and runs, and stands in `lost` with the reason.
    """

    def __init__(self, ready: Ready, unmade: Unmade) -> None:
        self.ready, self.unmade = ready, unmade
        self.lost: dict[str, str] = {}
        self.settings: Settings = ready.settings
        self.dataset, self.synthetic = self.settings.data()
        self.by = list(ready.by)
        self.known: Mapping[str, str] = {"dataset": self.dataset, "study": self.settings.study}

    def made(
        self, names: Iterable[str], files: Callable[[str], Iterable[str]], model: Callable[[str], str] = str
    ) -> list[str]:
        """Those of `names` whose `files` can be made; the others are `lost` by the name of their `model`."""
        notes = {name: self.unmade.note(files(name)) if self.unmade else "" for name in names}
        self.lost |= {model(name): note for name, note in notes.items() if note}
        return [name for name, note in notes.items() if not note]

    def can_be_made(self, paths: Iterable[str]) -> list[str]:
        """Those of `paths` that can be made."""
        return [path for path in paths if path not in self.unmade]

    def failed(self) -> dict[str, dict[str, str]]:
        """`lost` as an argument of a step, which has none where nothing is lost."""
        return {"failed": dict(self.lost)} if self.lost else {}

    def at(self, pattern: str, **fields: Any) -> str:
        """A pattern of `layout` with the study's own names and `fields`; others stay wildcards."""
        return pattern.format_map(_Known(self.known, **fields))

    def each(self, pattern: str, **lists: Iterable[Any]) -> list[str]:
        """`at` with every combination of `lists`, which override the study's own names."""
        own = {name: value for name, value in self.known.items() if name not in lists}
        return each(pattern.format_map(_Known(own)), **lists)

    def table(self, name: str) -> str:
        """A table of the report."""
        return f"{self.at(layout.TABLES)}/{name}.csv"

    def tables(self, *names: str) -> dict[str, str]:
        """Tables of the report by their names."""
        return {name: self.table(name) for name in names}

    def figure(self, name: str) -> str:
        """A figure of the report."""
        return f"{self.at(layout.FIGURES)}/{name}.svg"

    def recorded(self) -> dict:
        """The settings as they were resolved."""
        return as_params(self.settings)

    def captions(self) -> dict[str, Any]:
        """Variables of the report's captions besides the settings."""
        return {"decided": self.ready.decided}

    def results(self) -> list[str]:
        """Final results besides the report."""
        return []

    @property
    def included(self) -> tuple[str, ...]:
        """Targets of their own that are part of this study."""
        return ()

    def stages(self) -> dict[str, list[str]]:
        """Files of targets of the same graph besides `all`: the coarse stages of dvc.yaml."""
        return {}

    @property
    def manifest(self) -> str:
        """The clips or images that are evaluated (schema `manifest`)."""
        return self.at(layout.MANIFEST)

    @property
    def classes(self) -> Sequence[str]:
        """The classes that are told apart, in the order of tables and figures."""
        return EMOTIONS_NEUTRAL

    def all_predictions(self) -> list[str]:
        """Files of all predictions for the samples in `manifest`."""
        return [self.at(layout.PREDICTIONS)]

    def trained_predictions(self) -> list[str]:
        """Files of the predictions of what the study trains."""
        return []

    @property
    def stills(self) -> str:
        """The images that networks for single images learn from: FER2013, or the faces of another set."""
        own = self.settings.stills
        return self.at(layout.POOL) if own.by_subject else own.path

    @property
    def renders_stills(self) -> bool:
        """Whether these images are rendered here."""
        return self.settings.stills.source == "synth4d"

    @property
    def synthetic_stills(self) -> bool:
        """Whether these images are rendered, here or elsewhere."""
        own = self.settings.stills
        return self.renders_stills or (own.by_subject and is_synthetic_root(own.path))

    def face_weights(self) -> list[str]:
        """Pretrained files of face detection and landmarks."""
        faces = self.settings.faces
        landmarks = "face_landmarker.task" if faces.landmarks == "bundle" else "face_landmark.tflite"
        return [self.weights(landmarks), *self.detector_weights(faces.detector)]

    @property
    def finetuned(self) -> list[str]:
        """The networks for single images that are fine-tuned in the thesis's three phases."""
        found = self.networks_for_images.items()
        return [name for name, (own, _) in found if own.method == "finetune" and own.weights is None]

    @cached_property
    def networks_for_images(self) -> dict[str, tuple[Spatial, int]]:
        """The networks for single images that the study trains or takes over: their settings and seeds."""
        return {}

    def recipe(self, model: str) -> Spatial:
        """How a network for single images is trained."""
        return self.networks_for_images[model][0]

    def seed_of(self, model: str) -> int:
        """The seed of its training."""
        return self.networks_for_images[model][1]

    def start_of(self, model: str) -> str | list:
        """The initial weights of a network for single images: a published file, or nothing."""
        own = self.recipe(model)
        return self.weights(own.pretrained) if own.pretrained else []

    def further(self, model: str) -> list[str]:
        """The images of further sets that a network for single images is also trained on."""
        return []

    def adopted(self, model: str) -> str | list:
        """The file of a network that is trained already, or nothing."""
        named = self.recipe(model).weights
        return str(shipped()) if named == SHIPPED else named or []

    @staticmethod
    def there(path: str) -> str | list:
        """`path` where there is such a file, else nothing: a step may do without it."""
        return path if Path(path).exists() else []

    def path(self, output: Output) -> str:
        """Where an output of a report's step lies."""
        if isinstance(output, Table):
            return self.table(output.name)
        if isinstance(output, Figure):
            return self.figure(output.name)
        if isinstance(output, Page):
            return f"{self.at(layout.TABLES)}/{output.name}"
        return output.path if isinstance(output, Folder) else output

    def detector_weights(self, detector: str) -> list[str]:
        """Pretrained files of a face detector."""
        return [self.weights(name) for name in DETECTORS[detector]]

    @staticmethod
    def core_weights() -> list[str]:
        """Names of the files that faces and action units need, whatever finds the faces."""
        core = ["au_to_mesh.npz", "face_tessellation.json", "face_landmark.tflite", "face_landmarker.task"]
        return core + sorted({name for files in DETECTORS.values() for name in files})

    @staticmethod
    def weights(name: str) -> str:
        """A pretrained file."""
        return f"{layout.WEIGHTS}/{name}"


class ClipFiles(StudyFiles):
    """The files of a study of clips."""

    def __init__(self, ready: Ready, unmade: Unmade) -> None:
        super().__init__(ready, unmade)
        settings = self.settings
        self.known = self.known | {
            "backend": settings.aus.backend,
            "extractor": settings.spatial.network,
            "layer": settings.features.layer,
        }
        self.subjects = ready.subjects
        self.shards = shards.named(self.subjects, settings.dataset.subjects_per_job or 1)
        self.folds = range(settings.splits.folds)
        self.tested = settings.splits.tested
        name_of = settings.models()
        self.heads = self.made(settings.temporal.heads, self._head_files, name_of.__getitem__)
        self.networks = self.made(settings.end_to_end.run, self._network_files)
        self.models = {name: model for name, model in name_of.items() if model not in self.lost}
        self.spatial = self.at(layout.SPATIAL, model=settings.spatial.network)
        self.made([settings.spatial.network], lambda _: each(f"{self.spatial}/{{file}}", file=FINAL_FILES))
        self.trim, self.splits = self.at(layout.TRIM), self.at(layout.SPLITS)
        self.clips = self.manifest
        self.baselines = self.made(
            settings.baselines.models(),
            lambda name: [self.at(layout.BASELINE, baseline=name)],
            settings.baselines.models().get,
        )
        # They are judged on the test subjects.
        self.controls = settings.evaluation.controls and self.tested
        self.humans = settings.humans.source(settings.dataset.name)
        if f"{self.at(layout.HUMANS)}/majority.csv" in unmade:
            self.humans = None
        runs = settings.experiments.trained()
        self.runs = {name: runs[name] for name in self.made(runs, self._run_files)}
        self.comparisons = self._comparisons()
        self.layers, self.augmentations = self._extracted()
        self.sources = self._sources()

    def _head_files(self, head: str) -> list[str]:
        folds = self.each(self.at(f"{layout.FOLD}/{{file}}", head=head), fold=self.folds, file=FOLD_FILES)
        return folds + self.each(self.at(f"{layout.FINAL}/{{file}}", head=head), file=FINAL_FILES)

    def _network_files(self, name: str) -> list[str]:
        folder, final = (
            self.at(f"{pattern}/{{file}}", network=name)
            for pattern in (layout.END_TO_END_FOLD, layout.END_TO_END_FINAL)
        )
        return self.each(folder, fold=self.folds, file=FOLD_FILES) + self.each(final, file=FINAL_FILES)

    def _run_files(self, run: str) -> list[str]:
        return self.each(self.at(f"{layout.EXPERIMENT_FOLD}/predictions.csv", run=run), fold=self.folds)

    def _comparisons(self) -> dict[str, Comparison]:
        """The comparisons of settings, each with the runs that it has."""
        there = {*self.runs, *self.models}
        compared = {}
        for name, one in self.settings.experiments.chosen().items():
            if runs := [run for run in one.runs if run in there]:
                compared[name] = one if runs == list(one.runs) else one.model_copy(update={"runs": runs})
        return compared

    def why_lost(self, name: str) -> str:
        """Why a run, or the model of a head, is missing; "" where it is not."""
        return self.lost.get(name) or self.lost.get(self.settings.models().get(name, ""), "")

    def split_lost(self) -> dict[str, str]:
        """The heads without a cross-validation in folds of both schemes, and why."""
        file = f"{self.at(layout.SPLIT_KIND_FOLD, scheme=self.settings.splits.other())}/predictions.csv"
        return self._lost_heads(self.settings.splits.compared, file, fold=self.folds)

    def nested_lost(self) -> dict[str, str]:
        """The heads without nested cross-validation, and why."""
        nested = self.settings.nested
        return self._lost_heads(nested.heads, f"{layout.NESTED_OUTER}/choice.json", outer=range(nested.outer))

    def _lost_heads(self, heads: Iterable[str], pattern: str, **lists: Iterable[int]) -> dict[str, str]:
        notes = {head: self.unmade.note(self.each(self.at(pattern, head=head), **lists)) for head in heads}
        return {head: note for head, note in notes.items() if note}

    @property
    def split_heads(self) -> list[str]:
        """The heads that are cross-validated in folds of both schemes."""
        lost = self.split_lost() if self.unmade else {}
        compared = dict.fromkeys(self.settings.splits.compared)
        return [head for head in compared if head in self.heads and head not in lost]

    @property
    def nested_heads(self) -> list[str]:
        """The heads that are judged by nested cross-validation."""
        lost = self.nested_lost() if self.unmade else {}
        return [head for head in self.settings.nested.heads if head not in lost]

    @cached_property
    def fuses(self) -> bool:
        """Whether anything is fused whose models are there."""
        fusion = self.settings.fusion
        if f"{self.at(layout.FUSION)}/predictions.csv" in self.unmade:
            return False
        if not self.lost:
            return fusion.any()
        sets = [*fusion.named().values(), *(s.models for s in (fusion.stacking, fusion.best) if s)]
        lost = {part for model in self.lost for part in (model, parts_of(model)[1])}
        return any(not lost.intersection(members) for members in sets)

    @property
    def manifest(self) -> str:
        """The clips that can be used."""
        return self.at(layout.CLIPS)

    @property
    def classes(self) -> Sequence[str]:
        """Those of the settings."""
        return self.settings.emotions

    def all_predictions(self) -> list[str]:
        """Those of models, baselines, controls, annotators and fusions."""
        return [*super().all_predictions(), *self.fused_predictions()]

    @cached_property
    def networks_for_images(self) -> dict[str, tuple[Spatial, int]]:
        """The network whose layers are the clips' features."""
        settings = self.settings
        own = {settings.spatial.network: (settings.spatial, settings.seed)}
        return own if settings.sees_images() and settings.spatial.network not in self.lost else {}

    @property
    def trains_spatial(self) -> bool:
        """Whether that network is the study's own, and there."""
        return self.settings.trains_spatial() and self.settings.spatial.network not in self.lost

    def _extracted(self) -> tuple[list[str], list[str]]:
        """Layers and augmented versions, as many as any head asks for: features are made in one pass."""
        settings = self.settings
        own = settings.features.layer
        wanted = [(own, head.augmentations) for head in settings.temporal.heads.values()]
        wanted += [
            (run.layer or own, settings.of_run(name).augmentations)
            for name, run in self.runs.items()
            if run.of in self.heads
        ]
        searched = settings.search
        wanted += [(own, searched.greatest(head, "augmentations") or 0) for head in searched.run]
        wanted += [("dense", 0)] if settings.baselines.run else []
        layers = list(dict.fromkeys(layer for layer, _ in wanted)) or [own]
        most = max((count for _, count in wanted), default=0)
        return layers, settings.augment.transformations[:most]

    def _sources(self) -> dict[str, dict[str, str]]:
        """Where each subject's clips lie; those of the embedded set are named before they are rendered."""
        if self.synthetic:
            return {
                subject: {
                    f"{subject}_{emotion}": path.format(subject=subject)
                    for emotion, path in zip(self.settings.emotions, self.rendered_clips, strict=True)
                }
                for subject in self.subjects
            }
        found: dict[str, dict[str, str]] = {subject: {} for subject in self.subjects}
        for clip in self.ready.clips:
            found[clip.subject_id][clip.clip_id] = str(clip.source)
        return found

    def openface_tables(self, shard: str) -> list[str]:
        """OpenFace's tables of the clips of a shard."""
        return [self.settings.aus.openface_table(clip) for clip in self.clips_of(shard)]

    @property
    def rendered_clips(self) -> list[str]:
        """The embedded set's clips of one subject."""
        return [f"{self.settings.dataset.root}/{{subject}}_{e}_tex.avi" for e in self.settings.emotions]

    @property
    def rendered_truth(self) -> str:
        """The true parameters of a subject's rendered clips."""
        return f"{self.settings.dataset.root}/truth/{{subject}}.csv"

    @property
    def rendered_aus(self) -> list[str]:
        """The generator's action units of the clips of one subject."""
        return [f"{self.settings.dataset.root}/truth/{{subject}}_{e}.csv" for e in self.settings.emotions]

    def clips_of(self, shard: str) -> dict[str, str]:
        """Where the clips of the subjects of a shard lie, by the clips' names."""
        return {clip: path for one in self.shards[shard] for clip, path in self.sources[one].items()}

    def of_subjects(self, *patterns: str, **fields: Any) -> list[str]:
        """A file of every shard of subjects; of several patterns one after the other."""
        return [path for one in patterns for path in self.each(self.at(one, **fields), subject=self.shards)]

    def rendered(self, *patterns: str) -> list[str]:
        """A file of every subject of the embedded set; of several patterns one after the other."""
        return [path for one in patterns for path in each(one, subject=self.subjects)]

    def all_features(self, augmentations: int = 0, **fields: Any) -> list[str]:
        """Feature files of all shards: the originals and so many augmented versions."""
        names = ["none", *self.settings.augment.transformations[:augmentations]]
        return each(self.at(layout.FEATURES, **fields), augmentation=names, subject=self.shards)

    def head_features(self, head: str) -> list[str]:
        """Feature files that a head trains on."""
        return self.all_features(self.settings.temporal.heads[head].augmentations)

    def run_features(self, run: str) -> list[str]:
        """Feature files that an experiment's run trains on."""
        layer = self.runs[run].layer or self.settings.features.layer
        return self.all_features(self.settings.of_run(run).augmentations, layer=layer)

    def search_features(self, head: str) -> dict[int, list[str]]:
        """Feature files of a search, for each number of augmentations that it tries."""
        most = self.settings.search.greatest(head, "augmentations")
        own = self.settings.temporal.heads[head].augmentations
        return {n: self.all_features(n) for n in ([own] if most is None else range(most + 1))}

    def candidate_features(self, head: str, candidate: str) -> list[str]:
        """Feature files of a candidate of nested cross-validation."""
        own = self.settings.temporal.heads[head].augmentations
        return self.all_features(self.settings.nested.tried()[candidate].get("augmentations", own))

    def candidates_features(self, head: str) -> list[str]:
        """Feature files of all candidates, each file once."""
        tried = self.settings.nested.tried()
        return list(dict.fromkeys(path for name in tried for path in self.candidate_features(head, name)))

    def fold_files(self, pattern: str, tested: bool | None = None) -> dict[str, str]:
        """Outputs of the training of a fold; `tested`: with predictions for the test subjects."""
        names = [*FOLD_FILES]
        if self.tested if tested is None else tested:
            names.append("fold_test_predictions.csv")
        return in_folder(self.at(pattern), *names)

    def of_folds(self, file: str) -> list[str]:
        """A file of every fold of every model, in the order of `models`."""
        heads = self.each(f"{layout.FOLD}/{file}", head=self.heads, fold=self.folds)
        return heads + self.each(f"{layout.END_TO_END_FOLD}/{file}", network=self.networks, fold=self.folds)

    def of_finals(self, file: str) -> list[str]:
        """A file of every final model, in the order of `models`."""
        heads = self.each(f"{layout.FINAL}/{file}", head=self.heads)
        return heads + self.each(f"{layout.END_TO_END_FINAL}/{file}", network=self.networks)

    def of_run(self, name: str, file: str) -> list[str]:
        """A file of every fold of an experiment's run, or of a model of the study."""
        pattern = layout.EXPERIMENT_FOLD
        if name in self.heads:
            pattern = layout.FOLD
        elif name in self.networks:
            pattern = layout.END_TO_END_FOLD
        return self.each(f"{self.at(pattern, run=name, head=name, network=name)}/{file}", fold=self.folds)

    def of_schemes(self, file: str) -> list[str]:
        """A file of every fold of each compared head, in the study's own scheme and then in the other."""
        other = self.settings.splits.other()
        folders = (layout.FOLD, self.at(layout.SPLIT_KIND_FOLD, scheme=other))
        return [
            path
            for head in self.split_heads
            for folder in folders
            for path in self.each(f"{self.at(folder, head=head)}/{file}", fold=self.folds)
        ]

    def model_predictions(self) -> list[str]:
        """Predictions of every model: of its folds, and of the final one where there are test subjects."""
        return self.of_folds("predictions.csv") + (self.of_finals("predictions.csv") if self.tested else [])

    def trained_predictions(self) -> list[str]:
        """Those of models and baselines."""
        return self.model_predictions() + self.baseline_predictions()

    def baseline_predictions(self) -> list[str]:
        """Predictions of the models without a head."""
        return self.each(layout.BASELINE, baseline=self.baselines)

    def control_predictions(self) -> list[str]:
        """Predictions of the controls."""
        if not self.controls:
            return []
        names = [f"neutral-{head}" for head in self.heads] + (["true-aus"] if self.synthetic else [])
        return self.can_be_made(self.each(layout.CONTROL, control=names))

    def human_predictions(self) -> list[str]:
        """The majority of human answers."""
        return [self.at(layout.HUMANS) + "/majority.csv"] if self.humans else []

    def fused_predictions(self) -> list[str]:
        """Predictions of the fusions."""
        return [self.at(layout.FUSION) + "/predictions.csv"] if self.fuses else []

    def human_answers(self) -> str | list:
        """Where people's answers are, or those of simulated annotators."""
        humans = self.settings.humans
        simulated = self.at(layout.HUMANS) + "/simulated.csv"
        places = {"annotations": humans.annotations, "votes": humans.votes, "simulated": simulated}
        return places.get(self.humans, [])

    def captions(self) -> dict[str, Any]:
        """How `auto` was resolved, whether there are test subjects, and the number of folds."""
        return super().captions() | {"tested": self.tested, "folds": len(self.folds)}

    def results(self) -> list[str]:
        """The features for others, and the settings that were searched."""
        exported = [self.at(layout.EXPORT)] if self.heads else []
        return exported + self.each(layout.SEARCH, head=dict.fromkeys(self.settings.search.run))

    def stages(self) -> dict[str, list[str]]:
        """Faces and trimming, features, models."""
        features = [path for head in self.heads for path in self.head_features(head)]
        return {
            "all_faces": [self.at(layout.MANIFEST), self.trim],
            "all_features": list(dict.fromkeys(features)),
            "all_models": self.of_finals("model.pt"),
        }

    # What a step sees of a section, less what says nothing of its result.

    def listed(self) -> dict:
        """The data set as it is listed, whatever is done with unusable clips, and in which jobs."""
        idle = {"unusable": "stop", "least_tracked": 0, "subjects_per_job": None}
        return as_params(self.settings.dataset) | idle

    def temporal(self, *heads: str) -> dict:
        """The heads' settings, those of `heads` alone."""
        section = as_params(self.settings.temporal)
        return section | {"heads": {name: section["heads"][name] for name in heads}}

    def temporal_of_run(self, run: str) -> dict:
        """The heads' settings with those of an experiment's run in place of its head's."""
        return self.temporal() | {"heads": {self.runs[run].of: as_params(self.settings.of_run(run))}}

    def trained(self, *heads: str, **further: Any) -> dict:
        """Everything that shapes a final model of `heads`; what is done with its predictions does not."""
        found = {name: as_params(getattr(self.settings, name)) for name in SHAPING}
        found["dataset"] = self.listed()
        found["aus"]["compared"] = []
        found["splits"] = as_params(self.settings.splits) | {"compared": []}
        found["temporal"] = self.temporal(*heads)
        return found | further

    def nested(self, head: str, *candidates: str) -> dict:
        """`trained` with these `candidates` of nested cross-validation; another reruns nothing of them."""
        section = as_params(self.settings.nested)
        own = {name: section["candidates"][name] for name in candidates}
        return self.trained(head, nested={**section, "candidates": own, "heads": [head]})

    def search(self, head: str) -> dict:
        """The search's settings as far as they concern `head`."""
        section = as_params(self.settings.search)
        return section | {"run": [head], "space": {head: section["space"][head]}}


class ImageFiles(StudyFiles):
    """The files of a study of single images."""

    def __init__(self, ready: Ready, unmade: Unmade) -> None:
        super().__init__(ready, unmade)
        settings = self.settings
        self.synthetic = self.synthetic_stills
        self.models = self.made(settings.images.trained(), self._model_files)
        lost = set(self.lost)
        self.ensembles = {
            name: members
            for name, members in settings.images.averaged().items()
            if not self._lack(name, lost.intersection(members))
        }
        # The best set is that of all networks: without some of them it would be another.
        best = settings.images.best and not self._lack(BEST, lost)
        self.best = self.at(layout.ENSEMBLE, ensemble=BEST) if best else ""
        self.choice = f"{self.best}/choice.json"
        self.averaged = [*self.ensembles, *([BEST] if self.best else [])]
        self.sweep_runs = sweep.runs(settings.sweep)
        self.swept_runs = self.made(self.sweep_runs, self._swept_files)
        self.compared = self._compared()

    def _model_files(self, model: str) -> list[str]:
        names = ("model.pt", "history.csv", "time.json")
        views = self.each(
            self.at(f"{layout.VIEWS}/{{file}}", model=model), file=("predictions.csv", "copies.csv")
        )
        return self.each(self.at(f"{layout.SPATIAL}/{{file}}", model=model), file=names) + views

    def _swept_files(self, run: str) -> list[str]:
        return [f"{self.at(layout.SWEEP, run=run)}/run.json"]

    def _lack(self, ensemble: str, lost: Iterable[str]) -> bool:
        """Whether an average of networks lacks some, the `lost` ones; then it is lost too."""
        if names := sorted(lost):
            self.lost[ensemble] = f"{NOT_RUN}{', '.join(names)} failed"
        return bool(names)

    def lost_rows(self, rows: Iterable[tuple[str, str]], *protocols: str) -> dict[tuple[str, str], str]:
        """The rows of the data-centric study that are missing under one of `protocols`, and why."""
        notes = {row: self.unmade.note(self.of_rows("predictions.csv", [row], *protocols)) for row in rows}
        return {row: note for row, note in notes.items() if note}

    def _compared(self) -> dict[str, list[tuple[str, str]]]:
        """The data-centric study's comparisons: network and sampling of each row."""
        own = self.settings.datacentric
        found = {
            "variants": [(name, "none") for name in own.variants],
            "sampling": [(name, one) for name, samplings in own.networks.items() for one in samplings],
        }
        return {name: rows for name, rows in found.items() if rows and own.studied}

    @cached_property
    def networks_for_images(self) -> dict[str, tuple[Spatial, int]]:
        """The networks that the study runs."""
        return {
            name: (model.recipe(), self.settings.seed if model.seed is None else model.seed)
            for name, model in self.settings.images.trained().items()
            if name in self.models
        }

    def start_of(self, model: str) -> str | list:
        """Another network of the study, published weights, or nothing."""
        first = self.settings.images.models[model].start
        return f"{self.at(layout.SPATIAL, model=first)}/model.pt" if first else super().start_of(model)

    def further(self, model: str) -> list[str]:
        """Those of the sets that the model's settings name."""
        return self.each(layout.FURTHER, further=self.settings.images.models[model].further)

    @property
    def included(self) -> tuple[str, ...]:
        """The sweep, where the study has it."""
        return ("sweep",) if self.settings.sweep.studied else ()

    def image_folders(self) -> list[str]:
        """Copies of other image sets, of those that are there."""
        folders = self.settings.images.folders.values()
        return [folder for folder in folders if folder and self.there(folder)]

    def of_models(self, file: str) -> list[str]:
        """A file of the training of every network."""
        return self.each(f"{layout.SPATIAL}/{file}", model=self.models)

    def views(self, file: str, *models: str) -> list[str]:
        """A file of the test predictions of all networks, or of `models`."""
        return self.each(f"{layout.VIEWS}/{file}", model=models or self.models)

    def judged(self, file: str) -> list[str]:
        """A file of the test predictions of every network and average."""
        return self.views(file) + self.each(f"{layout.ENSEMBLE}/{file}", ensemble=self.averaged)

    # The sweep over optimisers and schedules.

    def swept(self, file: str, *stages: str) -> list[str]:
        """A file of every run of the sweep, or of those of `stages`."""
        runs = [name for name, run in self.sweep_runs.items() if not stages or run.stage in stages]
        return self.each(f"{layout.SWEEP}/{file}", run=runs)

    def sweep_before(self, run: str) -> str | list:
        """The best run of the stage before, from which a run starts."""
        stage = sweep.BEFORE[self.sweep_runs[run].stage]
        return self.at(layout.SWEEP_BEST, stage=stage) if stage else []

    def sweep_starts(self, run: str) -> list[str]:
        """The models from the best of which a run starts."""
        tunes = self.sweep_runs[run].stage == sweep.TUNING
        return self.swept("model.pt", sweep.SCHEDULE) if tunes else []

    def sweep_settings(self, run: str) -> dict:
        """The sweep's settings for one run: one more optimiser in the list reruns nothing of the others."""
        own = self.sweep_runs[run]
        listed = {"studied": False, "optimisers": [own.optimiser or "sgd"], "schedules": [own.schedule]}
        return as_params(self.settings.sweep) | listed

    # The data-centric study.

    @property
    def pool(self) -> dict[str, str]:
        """Its images, their manifest, and their groups of copies."""
        return {
            "pixels": self.at(layout.POOL),
            "manifest_csv": self.at(layout.MANIFEST),
            "photographs_csv": f"{self.at(layout.DATACENTRIC)}/photographs.csv",
        }

    @property
    def cleaned(self) -> str:
        """Which images the cleaned split keeps."""
        return f"{self.at(layout.DATACENTRIC)}/cleaned.csv"

    @property
    def flaws(self) -> list[str]:
        """The tables of what is wrong with the images."""
        names = ("exact_duplicates", "near_duplicates", "constant_images", "outliers", "label_errors")
        return [self.table(name) for name in names]

    def out_of_fold(self) -> list[str]:
        """Predictions of networks for images that they were not trained on."""
        folds = range(self.settings.datacentric.label_errors.folds)
        return self.each(f"{layout.OUT_OF_FOLD}/predictions.csv", fold=folds)

    def of_rows(self, file: str, rows: Iterable[tuple[str, str]], *protocols: str) -> list[str]:
        """A file of each of `rows` (network, sampling) under each of `protocols`."""
        pattern = f"{layout.DATACENTRIC_ROW}/{file}"
        return [
            path
            for network, sampling in rows
            for path in self.each(self.at(pattern, network=network, sampling=sampling), protocol=protocols)
        ]

    def all_predictions(self) -> list[str]:
        """Those of the study's networks, and of the data-centric study under each leakage policy."""
        own, path = self.settings.datacentric, "predictions.csv"
        compared = self.of_rows(path, chain(*self.compared.values()), "published", "honest")
        cleaned = [(name, "none") for name in own.cleaned] if own.studied else []
        found = super().all_predictions() if self.models else []
        found = [*found, *compared, *self.of_rows(path, cleaned, "honest", "cleaned")]
        return self.can_be_made(dict.fromkeys(found))

    def trained_predictions(self) -> list[str]:
        """Those of networks, and of rows of the data-centric study."""
        rows = [path for path in self.all_predictions() if path != self.at(layout.PREDICTIONS)]
        return self.views("predictions.csv") + rows

    def results(self) -> list[str]:
        """The cleaned split, and tables to look things up in."""
        return [self.cleaned, *self.flaws] if self.settings.datacentric.studied else []

    def stages(self) -> dict[str, list[str]]:
        """The data-centric study alone."""
        if not self.settings.datacentric.studied:
            return {}
        figures = ["pixel_means", *(f"protocols-{name}" for name in self.compared)]
        return {"all_datacentric": [self.table("datacentric"), *map(self.figure, figures), *self.results()]}


class SfewFiles(StudyFiles):
    """The files of a study of faces in scenes (SFEW)."""

    def __init__(self, ready: Ready, unmade: Unmade) -> None:
        super().__init__(ready, unmade)
        about = self.settings.sfew
        self.transfer, self.handmade = about.transfer, about.handmade
        self.runs = about.transfer.trained()
        # Of the embedded set its mark, which is written last.
        self.scenes = f"{about.dataset.path}/{SYNTHETIC_MARK}" if self.synthetic else about.dataset.path
        self.images = {
            "originals": self.at(layout.SFEW_ORIGINALS),
            "crops": self.at(layout.SFEW_CROPS, detector=about.transfer.crops),
        }
        self.frozen = self.at(layout.FROZEN, model="{network}-{unfrozen}-{images}")
        self.about_crops = self.at(layout.SFEW_CROPS_TABLE, detector=about.transfer.crops)

    def start_of(self, model: str) -> str | list:
        """The published weights of a network, where the study starts from them."""
        published = self.transfer.start_of(model) == "imagenet"
        return self.weights(NETWORKS[model].pretrained[0]) if published else []

    def run_features(self, run: str) -> str:
        """The features of the frozen stages of a run's network for its images."""
        own = self.runs[run]
        return self.frozen.format(network=own.network, unfrozen=own.unfrozen, images=own.images)

    def run_start(self, run: str) -> str | list:
        """The initial weights of a run; nothing where the frozen features are stored."""
        return self.start_of(self.runs[run].network) if self.runs[run].unfrozen else []

    def of_runs(self, file: str, *protocols: str) -> list[str]:
        """A file of every run under each of `protocols` (without any: all), protocol by protocol."""
        paths = [
            f"{self.at(layout.SFEW_RUN, protocol=protocol, run=name)}/{file}"
            for protocol in protocols or self.transfer.under()
            for name, run in self.runs.items()
            if protocol in run.protocols
        ]
        return self.can_be_made(paths)

    def lost_models(self) -> dict[tuple[str, str], str]:
        """Why the model of a run is missing under a protocol: (model, protocol) and the reason."""
        notes = {}
        for protocol in self.transfer.under():
            for name, run in self.runs.items():
                path = f"{self.at(layout.SFEW_RUN, protocol=protocol, run=name)}/predictions.csv"
                if protocol in run.protocols and (note := self.unmade.note([path])):
                    notes |= dict.fromkeys(
                        ((model, protocol) for model in run.models(self.transfer.batch).values()), note
                    )
        return notes

    def of_handmade(self, *protocols: str) -> list[str]:
        """The predictions of every hand-made feature under each of `protocols` (without any: all)."""
        under = [name for name in self.handmade.under() if not protocols or name in protocols]
        file = f"{layout.SFEW_RUN}/predictions.csv"
        return self.can_be_made(self.each(file, protocol=under, run=self.handmade.trained()))

    def trained_predictions(self) -> list[str]:
        """Those of networks and of hand-made features."""
        return self.of_runs("predictions.csv") + self.of_handmade()

    def folds_of(self, protocols: Iterable[str]) -> list[str]:
        """The fold in which each image is tested, under each of `protocols`."""
        return self.each(layout.SFEW_FOLDS, protocol=protocols)

    # What a step sees of a section, less what says nothing of its result.

    def run(self, name: str, protocol: str) -> dict:
        """A run under one protocol: another in the study is no reason to train this one anew."""
        return as_params(self.runs[name]) | {"protocols": [protocol]}

    def trained(self, protocol: str) -> dict:
        """How runs are trained, without the others of them."""
        return as_params(self.transfer) | {"protocols": [protocol], "runs": {}}


class AffectFiles(StudyFiles):
    """The files of a study of expression with valence and arousal (AffectNet)."""

    def __init__(self, ready: Ready, unmade: Unmade) -> None:
        super().__init__(ready, unmade)
        models = self.settings.affect.models
        self.models = {name: models[name] for name in self.made(models, self._model_files)}
        # The embedded set's table of what its faces show is written last and stands for all of them.
        self.truth = [f"{self.settings.affect.dataset.path}/truth.csv"] if self.synthetic else []

    @property
    def classes(self) -> Sequence[str]:
        """The eight of AffectNet, with contempt."""
        return EMOTIONS_CONTEMPT

    def _model_files(self, model: str) -> list[str]:
        return [f"{self.at(layout.AFFECT_MODEL, model=model)}/predictions.csv"]

    def start_of(self, model: str) -> str | list:
        """The published or shipped weights that a network starts from; nothing for an untrained start."""
        own = self.models[model]
        file = start_file(own.backbone, own.start, layout.WEIGHTS)
        return [] if file is None else str(file)

    def trained_predictions(self) -> list[str]:
        """Those of every network."""
        return self.of_models("predictions.csv")

    def of_models(self, file: str) -> list[str]:
        """A file of every network's training."""
        return self.each(f"{layout.AFFECT_MODEL}/{file}", model=self.models)


def files_of(ready: Ready, unmade: Unmade | None = None) -> StudyFiles:
    """The files of a study by its kind; `unmade` as in StudyFiles."""
    kinds = {"clips": ClipFiles, "images": ImageFiles, "sfew": SfewFiles, "affect": AffectFiles}
    return kinds[ready.settings.kind](ready, unmade or Unmade())
