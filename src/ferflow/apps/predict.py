"""`ferflow predict`: a trained model over videos, images, folders or a camera."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from ferflow import settings
from ferflow.apps import predict_files, predict_screen
from ferflow.apps.models import default, load_model
from ferflow.apps.recognise import recognise
from ferflow.apps.sink import CODECS, ENDINGS, IMAGES, frame_sink
from ferflow.apps.terminal import complain, progress_bar
from ferflow.aus.clip import FROM_LANDMARKS, reader
from ferflow.aus.mesh import FILE as MESH
from ferflow.errors import FerflowError, InputError, WeightsError
from ferflow.faces.detect import DETECTORS
from ferflow.faces.haar import HaarStream
from ferflow.faces.landmarks import FILE
from ferflow.faces.stream import FaceStream
from ferflow.faces.video import IMAGE_SUFFIXES, natural_key, open_clip

VIDEOS = (".avi", ".mp4", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv")
"""Endings of the videos of a folder; a file that is named itself is tried whatever its ending."""
OUT = (".csv", ".json")
CURVES = (".svg", ".png")


@dataclass(frozen=True)
class Options:
    """The options of `ferflow predict`; ValueError for an ending or a detector that does not exist."""

    inputs: list[str]
    model: Path | None = None
    out: Path | None = None
    annotate: Path | None = None
    seconds: float | None = None
    weights_folder: Path = Path("data/weights")
    detector: str | None = None
    curve: Path | None = None

    def __post_init__(self) -> None:
        if self.out is not None and self.out.suffix.lower() not in OUT:
            raise ValueError(f"--out {self.out}: the ending must be {' or '.join(OUT)}")
        if self.detector not in (None, *DETECTORS):
            raise ValueError(f"--detector {self.detector}: must be one of {', '.join(DETECTORS)}")
        if self.curve is not None and self.curve.suffix and self.curve.suffix.lower() not in CURVES:
            raise ValueError(f"--curve {self.curve}: the ending must be {' or '.join(CURVES)}")
        if self.annotate is not None and self.annotate.suffix and self.annotate.suffix.lower() not in ENDINGS:
            raise ValueError(f"--annotate {self.annotate}: the ending must be one of {', '.join(ENDINGS)}")


@dataclass(frozen=True)
class Source:
    """The source of one clip: a path, or the number of a camera."""

    what: Path | int

    @property
    def is_image(self) -> bool:
        path = self.what
        return isinstance(path, Path) and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()

    @property
    def stem(self) -> str:
        return f"camera{self.what}" if isinstance(self.what, int) else self.what.stem or self.what.name

    def __str__(self) -> str:
        return f"camera {self.what}" if isinstance(self.what, int) else str(self.what)


def run(options: Options) -> int:
    """Predict every clip, print it, write the named files; exit code 1 if any clip failed, else 0.

    A clip that cannot be used is one line on standard error, and the others go on. Raises FerflowError where
    there is nothing to begin with: no model, no weights, no inputs.
    """
    # Before what takes seconds to import: a wrong path is reported at once.
    sources, lines = expand(options.inputs)
    if not sources:
        return 1

    from rich.console import Console

    failed = bool(lines)
    console = Console(highlight=False)
    targets = annotated_paths(options.annotate, sources)
    curves = curve_paths(options.curve, sources)
    path, passed_over = (options.model, "") if options.model is not None else default()
    model = load_model(path)
    if options.curve is not None and not model.has_affect:
        remedy = "name a model that has, with --model"
        raise FerflowError(model.path, "has no valence and arousal for --curve", remedy)
    stream, aus, note = watchers(model, options)
    predict_screen.show_model(console, model, passed_over, model.note if model.has_head else "", note)
    done = []
    for source, target, curve in zip(sources, targets, curves, strict=True):
        try:
            clip = _predict(source, target, model, stream, aus, options)
            done.append(clip)
            predict_screen.show_clip(console, clip)
            if target is not None:
                console.print(f"annotated: {target}")
            if curve is not None:
                from ferflow.apps import affect_curve

                affect_curve.write(clip, curve, model.synthetic)
                console.print(f"curve: {curve}")
        except FerflowError as error:
            failed = True
            complain(error)
    if len(done) > 1:
        predict_screen.show_summary(console, done)
    if options.out is not None and done:
        predict_files.write(options.out, done, model)
        console.print(f"written: {options.out}")
    return 1 if failed else 0


def watchers(model, options: Options):
    """The face stream and the action-unit reader for `model`, and a line on how faces are found, or "".

    Where the landmark network's file is missing, a network for single images works with Haar's cascade alone,
    unless another detector is named. Raises WeightsError for a missing file, and for a model whose action
    units came from a backend that does not follow a video: they decide which frames the model sees.
    """
    folder, detector = options.weights_folder, options.detector
    if model.aus.backend not in ("auto", *FROM_LANDMARKS):
        problem = f"was trained with action units by {model.aus.backend}, which cannot follow a video"
        raise WeightsError(model.path, problem, f"train it with aus.backend: {' or '.join(FROM_LANDMARKS)}")
    if not model.has_head and detector in (None, "haar") and not (folder / FILE).is_file():
        missing = f"{FILE} is not in {folder}: `ferflow weights fetch`"
        note = f"faces: by Haar's cascade and a tracker, without landmarks ({missing})"
        return HaarStream(model.faces, settings.watching().haar), None, note

    faces = model.faces if detector is None else model.faces.model_copy(update={"detector": detector})
    stream = FaceStream(folder, faces)
    if not model.has_head and not (folder / MESH).is_file():
        return stream, None, f"frames are weighed without action units ({MESH} is not in {folder})"
    return stream, reader(folder, model.aus, stream.network), ""


def expand(inputs: list[str]) -> tuple[list[Source], list[str]]:
    """The clips that `inputs` name, and a line for each input that names none.

    A number is a camera. A folder stands for its videos and images, or, with images alone, for one clip whose
    frames they are.
    """
    sources, lines = [], []
    for text in inputs:
        path = Path(text)
        if text.isdigit() and not path.exists():
            sources.append(Source(int(text)))
        elif path.is_dir():
            sources += (clips := _in_folder(path))
            if not clips:
                lines.append(str(InputError(path, "holds no video or image", f"known: {', '.join(VIDEOS)}")))
        elif not path.exists():
            lines.append(str(InputError(path, "does not exist", "correct the path")))
        else:
            sources.append(Source(path))
    for line in lines:
        complain(line)
    return sources, lines


def _in_folder(folder: Path) -> list[Source]:
    files = sorted(folder.iterdir(), key=lambda file: natural_key(file.name))
    files = [file for file in files if file.is_file() and not file.name.startswith(".")]
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    clips = [file for file in files if file in images or file.suffix.lower() in VIDEOS]
    return [Source(folder)] if images and images == clips else [Source(file) for file in clips]


def annotated_paths(annotate: Path | None, sources: list[Source]) -> list[Path | None]:
    """Where the annotated copy of each source goes: see `_paths`; FerflowError for a video as an image."""
    paths = _paths(annotate, sources, "annotated copy", ("annotated.mp4", "annotated.png"))
    for source, path in zip(sources, paths, strict=True):
        if path is not None and path.suffix.lower() in IMAGES and not source.is_image:
            raise FerflowError(path, f"cannot hold {source}", f"for clips: {', '.join(CODECS)}")
    return paths


def curve_paths(curve: Path | None, sources: list[Source]) -> list[Path | None]:
    """Where the curve of valence and arousal of each source goes: see `_paths`."""
    return _paths(curve, sources, "curve", ("curve.svg", "curve.svg"))


def _paths(
    target: Path | None, sources: list[Source], what: str, endings: tuple[str, str]
) -> list[Path | None]:
    """A file for each source; all None where no `target` is named.

    `target` with an ending is the one file; without, a folder of files named after their sources and the
    `endings` (for a clip, and for an image). Raises FerflowError for several sources and one file, or a file
    that would overwrite its source.
    """
    if target is None:
        return [None] * len(sources)
    if not target.suffix:
        paths = zip(_names(sources), sources, strict=True)
        paths = [target / f"{name}-{endings[source.is_image]}" for name, source in paths]
    elif len(sources) > 1:
        remedy = "give a folder, a name without an ending"
        raise FerflowError(target, f"is one file for {len(sources)} clips", remedy)
    else:
        paths = [target] * len(sources)
    for source, path in zip(sources, paths, strict=True):
        if isinstance(source.what, Path) and path.resolve() == source.what.resolve():
            raise FerflowError(path, "is the clip itself", f"give the {what} another name")
    return paths


def _names(sources: list[Source]) -> list[str]:
    """A name for each source that no other one has."""
    names: list[str] = []
    for source in sources:
        name, number = source.stem, 1
        while name in names:
            number += 1
            name = f"{source.stem}-{number}"
        names.append(name)
    return names


def _predict(source: Source, target: Path | None, model, stream, aus, options: Options):
    clip = open_clip(source.what, model.faces.missing_frames)
    sinks = nullcontext() if target is None else frame_sink(target, clip.info.fps)
    with progress_bar(source.stem, clip.info.n_frames) as advance, sinks as sink:
        return recognise(clip, model, stream, aus, options.seconds, sink, advance)
