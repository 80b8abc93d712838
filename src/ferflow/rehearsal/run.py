"""A rehearsal: its folder with fabricated data, the study's graph in it, and a row for each kind of job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from ferflow import layout, weights
from ferflow import settings as study_settings
from ferflow.errors import FerflowError, InputError, WeightsError
from ferflow.files import write_text
from ferflow.networks import NETWORKS
from ferflow.planning import jobs
from ferflow.rehearsal import clips, images, kinds, published, study
from ferflow.rehearsal.kinds import Kind
from ferflow.report import table_list
from ferflow.runs import events, machine
from ferflow.runs.events import Job
from ferflow.settings import Settings
from ferflow.steps import sizes
from ferflow.steps.cost import KEPT

MARK = "REHEARSAL.txt"
NOTICE = """This folder is a rehearsal of a study (`ferflow rehearse`): its data are fabricated, its
pretrained weights random, and networks trained for a few steps. Nothing in it is a result.
"""
DATA, CUTS, LISTING, LOG = "data.yaml", "cuts.yaml", "listing", "snakemake.log"
"""Settings of where data lie, and of what is cut short; where the real study is listed; the log."""
RENDERING = ("au_to_mesh.npz", "face_tessellation.json")
"""What faces are rendered with."""
FURTHER = 3.0
"""Gigabytes of data, models and logs besides what is reckoned."""
SNAKEMAKE = (sys.executable, "-m", "snakemake")
"""The program that runs the graph."""
EVERY = 30.0
"""Seconds between two lines on how far a run is."""


@dataclass(frozen=True)
class Options:
    """What a rehearsal is asked for; `memory` in MiB."""

    params: Path
    overlays: Sequence[Path]
    folder: Path
    weights_folder: Path
    cores: int
    memory: int
    people: int | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Rehearsed:
    """A row for each kind, the real study's number of jobs, minutes, and the report or why none."""

    rows: list[Kind]
    jobs: int
    minutes: float
    report: str


def run(options: Options, say: Callable[[str], None]) -> Rehearsed:
    """Rehearse the study; a second call goes on where the last one ended.

    Raises FerflowError for settings, weights and disks with which it cannot begin, and where Snakemake does
    not start. Jobs that fail do not stop the others: their rows say why.
    """
    begin = time.monotonic()
    snakefile = (options.params.parent / "Snakefile").resolve()
    if not snakefile.is_file():
        raise InputError(snakefile, "does not exist", "call it in the folder of the workflow")
    given = study_settings.load(options.params, *options.overlays)
    laid = study.data(given)
    folder, overlays = options.folder, [path.resolve() for path in options.overlays]
    _begin(options, laid)
    here, cuts = folder.resolve() / DATA, folder.resolve() / CUTS
    real = study_settings.load(options.params, *overlays, here)
    _write_overlay(cuts, study.cuts(real))
    own = study_settings.load(options.params, *overlays, here, cuts)
    people = study.subjects(real, options.people) if real.kind == "clips" else []
    _refuse_full_disk(options.folder, real, people, say)
    _link_weights(options.weights_folder, folder / layout.WEIGHTS)
    say(f"rehearsal of {real.study} in {folder}")
    _fabricate(folder, real, people, say)
    planned = _listed(folder, real, [*overlays, here], snakefile)
    say(f"the study has {len(planned):,} jobs of {len(set(map(kinds.key, planned)))} kinds")
    for name in sorted({job.wildcards["name"] for job in planned if job.rule == "published_weights"}):
        _publish(name, folder / layout.WEIGHTS / name, say)
    laid_over = [*overlays, here, cuts]
    _share_figures(folder)
    mine = jobs.planned(folder, laid_over, True, snakefile)
    large = {kinds.key(job) for job in planned if job.memory > options.memory}
    left_out = [path for job in mine if kinds.key(job) in large for path in job.outputs]
    _snakemake(options, snakefile, laid_over, left_out, say)
    shown = _schemas(folder, own)
    failed = dict(_failures(folder))
    size, small = (
        sizes.of_study(settings, folder / where) for settings, where in ((real, LISTING), (own, ""))
    )
    rows = kinds.table(planned, mine, folder, real, size, small, options.memory, shown, failed)
    report = _report(snakefile, folder, laid_over, own) if all(row.state == kinds.OK for row in rows) else ""
    return Rehearsed(rows, len(planned), (time.monotonic() - begin) / 60, report)


def _begin(options: Options, laid: Mapping) -> None:
    """Make the folder, or take it up; InputError where it is something else's, or another study's."""
    folder = options.folder
    overlay = folder / DATA
    if options.fresh and folder.exists():
        _refuse_foreign(folder)
        shutil.rmtree(folder)
    if folder.exists() and any(folder.iterdir()):
        _refuse_foreign(folder)
    write_text(folder / MARK, NOTICE)
    _write_overlay(overlay, laid)


def _refuse_foreign(folder: Path) -> None:
    if not (folder / MARK).is_file():
        raise InputError(folder, "is no folder of a rehearsal", "name another one with --folder")


def _write_overlay(path: Path, laid: Mapping) -> None:
    text = yaml.safe_dump(dict(laid), sort_keys=False, allow_unicode=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def _refuse_full_disk(
    folder: Path, settings: Settings, people: Sequence[str], say: Callable[[str], None]
) -> None:
    """FerflowError where less is free than a rehearsal takes, less what an earlier call has taken."""
    needed = _gigabytes(settings, people)
    taken = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9
    free = shutil.disk_usage(folder).free / 1e9
    say(f"it takes about {needed:.1f} GB of {free:.1f} GB free")
    if free + taken < needed:
        problem = f"has {free:.1f} GB free, of about {needed:.1f} GB that a rehearsal takes"
        raise FerflowError(folder, problem, "free some, or name a folder elsewhere with --folder")


def _gigabytes(settings: Settings, people: Sequence[str]) -> float:
    """About how much a rehearsal writes: features of clips, cached features of images, weights."""
    names = [settings.spatial.pretrained] if settings.kind in ("clips", "images") else []
    values = 0.0
    if settings.kind == "clips":
        width = NETWORKS[settings.spatial.network].pool
        most = max((head.augmentations for head in settings.temporal.heads.values()), default=0)
        emotions = len(settings.emotions)
        frames = emotions * clips.SHORT * len(people) + 3 * len(clips.LONG_CLIPS) * clips.LONG
        values += 2.0 * frames * width * (1 + most)
    if settings.kind == "images":
        names += [model.pretrained for model in settings.images.trained().values()]
    tuned = [NETWORKS[network] for network in NETWORKS if set(NETWORKS[network].pretrained) & set(names)]
    values += sum(2.0 * network.pool * sum(map(sum, images.FER2013.values())) for network in tuned)
    values += sum(weights.entry(name).size for name in set(filter(None, names)))
    return values / 1e9 + FURTHER


def _link_weights(source: Path, target: Path) -> None:
    """Put the pretrained files of faces that are in `source` into `target`; WeightsError where some lack."""
    target.mkdir(parents=True, exist_ok=True)
    groups = (weights.FACES, weights.BLENDSHAPES, weights.MTCNN)
    for weight in (weight for group in groups for weight in weights.group(group)):
        file, linked = source / weight.name, target / weight.name
        if file.is_file() and not linked.exists():
            try:
                os.link(file, linked)
            except OSError:
                shutil.copyfile(file, linked)
    for name in RENDERING:
        if not (target / name).is_file():
            remedy = "run `ferflow weights fetch`, or name the folder that has it with --weights-folder"
            raise WeightsError(source / name, "is missing; faces are rendered with it", remedy)


def _fabricate(folder: Path, settings: Settings, people: Sequence[str], say: Callable[[str], None]) -> None:
    """Fabricate what is not there yet; a mark is left where a set is whole."""
    for place, write in study.fabricators(settings, list(people)).items():
        done = folder / "fabricated" / f"{place.replace('/', '-')}.json"
        told = json.dumps(list(people)) if place == _root_of_clips(settings) else "[]"
        if done.is_file() and done.read_text(encoding="utf-8") == told:
            continue
        begin = time.monotonic()
        at = folder / place
        shutil.rmtree(at) if at.is_dir() else at.unlink(missing_ok=True)
        write(at, folder / layout.WEIGHTS)
        write_text(done, told)
        say(f"{place}: fabricated in {time.monotonic() - begin:.0f} s")
    if settings.kind == "clips" and settings.aus.openface_folder:
        _openface(folder / settings.aus.openface_folder, people)


def _root_of_clips(settings: Settings) -> str | None:
    return settings.dataset.root if settings.kind == "clips" else None


def _openface(folder: Path, people: Sequence[str]) -> None:
    """OpenFace's tables of the clips: intensities that rise and fall."""
    from ferflow.classes import AU_COLUMNS, EMOTIONS

    folder.mkdir(parents=True, exist_ok=True)
    long = people[:3]
    for person in people:
        for emotion in EMOTIONS:
            frames = clips.LONG if person in long and emotion in clips.LONG_CLIPS else clips.SHORT
            lines = ["frame, face_id, timestamp, confidence, success, " + ", ".join(AU_COLUMNS)]
            for n in range(frames):
                rise = 5 * min(n, frames - 1 - n) / frames
                values = ", ".join(f"{rise:.2f}" for _ in AU_COLUMNS)
                lines.append(f"{n + 1}, 0, {n / 25:.3f}, 0.98, 1, {values}")
            write_text(folder / f"{person}_{emotion}.csv", "\n".join(lines) + "\n")


def _listed(folder: Path, settings: Settings, overlays: Sequence[Path], snakefile: Path) -> list[Job]:
    """The jobs of the real study, with all of its subjects: listed on empty files of their names."""
    listing = folder / LISTING
    listing.mkdir(exist_ok=True)
    rendered = settings.kind == "clips" and settings.dataset.name == "bu4dfe"
    for place in {layout.WEIGHTS, *study.fabricators(settings, [])} - {_root_of_clips(settings)}:
        link = listing / place
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to((folder / place).resolve())
    if rendered:
        clips.stub(listing / settings.dataset.root, study.subjects(settings, None))
    if settings.kind == "clips" and settings.aus.openface_folder:
        _openface(listing / settings.aus.openface_folder, study.subjects(settings, None))
    return jobs.planned(listing, overlays, True, snakefile)


def _share_figures(folder: Path) -> None:
    """Networks that were reckoned for the list of jobs need not be reckoned again."""
    source, target = folder / LISTING / KEPT, folder / KEPT
    if source.is_file() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _publish(name: str, path: Path, say: Callable[[str], None]) -> None:
    if not path.exists():
        published.write(name, path)
        weights.write_note(path)
        say(f"{path}: random weights in its layout")


def _snakemake(
    options: Options,
    snakefile: Path,
    overlays: Sequence[Path],
    left_out: Sequence[str],
    say: Callable[[str], None],
) -> None:
    """Run the graph without the jobs of `left_out` and what needs them; a line now and then on how far it is.

    Raises FerflowError with Snakemake's own line where no job was started.
    """
    folder = options.folder
    cards = [f"card={len(machine.cards())}"] if machine.cards() else []
    command = [*_called(snakefile, folder, overlays), "--cores", options.cores, "--keep-going"]
    command += ["--resources", f"mem_mb={options.memory}", *cards, "--rerun-incomplete", "--quiet", "rules"]
    if left_out:
        command += ["--omit-from", *left_out]
    before = set((folder / events.FOLDER).glob("*.jsonl"))
    begin = time.monotonic()
    with (folder / LOG).open("w", encoding="utf-8") as log:
        process = subprocess.Popen([*map(str, command)], stdout=log, stderr=subprocess.STDOUT)
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(EVERY)
                    break
                say(_how_far(folder, before, time.monotonic() - begin))
        except BaseException:
            process.terminate()
            process.wait()
            raise
    started = set((folder / events.FOLDER).glob("*.jsonl")) - before
    if process.returncode and not started:
        lines = [line for line in (folder / LOG).read_text(encoding="utf-8").splitlines() if line.strip()]
        told = next((line for line in lines if "error:" in line.lower()), "no reason given")
        raise FerflowError(
            folder, f"the graph does not start ({told})", f"mend that; {folder / LOG} has more"
        )


def _called(snakefile: Path, folder: Path, overlays: Sequence[Path]) -> list[str | Path]:
    """Snakemake's command line for a study in `folder`, without any profile."""
    command = [*SNAKEMAKE, "--snakefile", snakefile, "--directory", folder, "--configfile", *overlays]
    # The Snakefile takes a lock of its own, and the default solver is slow for many small jobs.
    return [*command, "--profile", "none", "--workflow-profile", "none", "--nolock", "--scheduler", "greedy"]


def _how_far(folder: Path, before: set[Path], seconds: float) -> str:
    found: Iterator[Path] = iter(set((folder / events.FOLDER).glob("*.jsonl")) - before)
    path = next(found, None)
    if path is None:
        return f"{seconds / 60:.1f} min: the graph is built"
    known = events.read(path).jobs
    ended = sum(job.end is not None for job in known)
    failed = sum(job.failure is not None for job in known)
    running = [kinds.Kind(*kinds.key(job)).name for job in known if job.end is None and job.failure is None]
    told = f", {failed} failed" if failed else ""
    return f"{seconds / 60:.1f} min: {ended} jobs ended{told}; at work: {', '.join(running[:3])}"


def _schemas(folder: Path, settings: Settings) -> dict[str, str]:
    """The schemas of the report's tables by their names; none before there is a report."""
    path = folder / layout.REPORT_TABLES.format(study=settings.study)
    try:
        return {name: about[0] for name, about in table_list.read(path).tables.items()}
    except FerflowError:
        return {}


def _failures(folder: Path) -> Iterator[tuple[str, str]]:
    """Outputs of jobs whose newest run failed, and why, by their logs."""
    newest: dict[str, str] = {}
    for path in sorted((folder / events.FOLDER).glob("*.jsonl")):
        for job in events.read(path).jobs:
            why = "" if job.failure is None else _reason(folder, job)
            newest.update(dict.fromkeys(job.outputs, why))
    return ((path, why) for path, why in newest.items() if why)


def _reason(folder: Path, job: Job) -> str:
    path = folder / (job.failure.log or "")
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = next((line.removeprefix("error: ") for line in lines[::-1] if line.startswith("error: ")), "")
    last = lines[-1] if lines else job.failure.message.strip() or "it did not end well"
    return (told or last)[:200]


def _report(snakefile: Path, folder: Path, overlays: Sequence[Path], settings: Settings) -> str:
    """Write Snakemake's report, as users do; its path, or why there is none."""
    path = layout.REPORT.format(study=settings.study)
    command = [*_called(snakefile, folder, overlays), "--report", path]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if done.returncode or not (folder / path).is_file():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return f"the report could not be written ({lines[-1] if lines else 'no reason given'})"
    return str(folder / path)
