"""Several subjects in one job and one file: how they are found again, and that results are the same."""

from __future__ import annotations

import random
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import training_study
import yaml

import preloaded
from ferflow import hdf5, shards, tables
from ferflow.aus.run import write_aus
from ferflow.classes import EMOTIONS
from ferflow.faces import store as faces_store
from ferflow.features import export, store
from ferflow.planning.plan import plan
from ferflow.planning.rates import Measured, Rates
from ferflow.runs.events import Job
from ferflow.settings import load
from ferflow.steps import preflight
from ferflow.steps.files import files_of
from ferflow.steps.work import FRAME, Sizes, Work
from ferflow.training.data import Study

REPOSITORY = Path(__file__).parents[2]
LETTERS = "abcXYZ0189._+-"
"""Of names of subjects."""


def test_a_step_has_at_most_a_thousand_jobs_and_small_sets_a_job_a_subject():
    assert [shards.size(n) for n in (1, 100, 1000, 1001, 2001, 5001, 100_000)] == [1, 1, 1, 2, 5, 10, 100]
    rng = random.Random(0)
    for n in (rng.randrange(1, 10**6) for _ in range(200)):
        assert n / shards.size(n) <= shards.JOBS


def test_every_subject_is_found_in_the_file_that_is_named_after_them():
    rng = random.Random(1)
    for _ in range(200):
        names = {"".join(rng.choices(LETTERS, k=rng.randint(1, 4))) for _ in range(rng.randint(2, 40))}
        *subjects, absent = sorted(names) if rng.random() < 0.5 else rng.sample(sorted(names), len(names))
        made = shards.named(sorted(subjects), rng.randint(1, 6))
        assert [one for own in made.values() for one in own] == sorted(subjects)
        files = shards.BySubject(f"some/folder/{name}.h5" for name in rng.sample(sorted(made), len(made)))
        for name, own in made.items():
            assert {files.get(subject) for subject in own} == {Path(f"some/folder/{name}.h5")}
        assert (absent in files) == any(own[0] <= absent <= own[-1] for own in made.values())
        assert files.of(sorted(subjects)) == [Path(f"some/folder/{name}.h5") for name in made]


def test_the_work_of_a_job_is_that_of_its_subjects():
    frames = {f"S{n:02d}": (6, 100 + n) for n in range(23)}
    size = Sizes(frames)
    for name, own in shards.named(sorted(frames), 5).items():
        assert size.frames_of(name) == sum(frames[subject][1] for subject in own)
    assert size.frames_of("S99") == size.frames_of("") == 0


def test_a_thousand_times_the_data_is_a_thousand_jobs_a_step_and_as_much_more_work(small_settings):
    settings = small_settings({"dataset": {"name": "bu4dfe"}})
    size = Sizes({f"F{n:03d}": (6, 600) for n in range(100)})
    rates = Rates([Measured("faces", Work(FRAME, n), 1 + n / 60, 11.0, 200, 5e3 * n) for n in (60, 600)])
    listed = [Job("faces", {"subject": subject}) for subject in size.subjects]
    (once,), (often,) = (plan(listed, settings, size, rates, times=times) for times in (1, 1000))
    assert (once.jobs, often.jobs) == (100, 1000)
    assert often.bytes == pytest.approx(1000 * once.bytes) and often.longest > once.longest


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Feature files of a subject each, and the same of five subjects each in `five`."""
    made = training_study.write(tmp_path_factory.mktemp("shards"))
    for version in ("none", "flip"):
        (made.folder / "five" / version).mkdir(parents=True)
        for name, own in shards.named(training_study.SUBJECTS, 5).items():
            with h5py.File(made.folder / "five" / version / f"{name}.h5", "w") as joined:
                for subject in own:
                    with h5py.File(made.folder / version / f"{subject}.h5") as file:
                        joined.attrs.update(file.attrs)
                        for clip_id in file:
                            file.copy(clip_id, joined)
    return made


def joined(tiny) -> list[Path]:
    return [path for version in ("none", "flip") for path in (tiny.folder / "five" / version).glob("*.h5")]


@pytest.mark.parametrize("normalise", ["none", "clip", "subject"])
def test_trainings_read_the_same_of_files_of_several_subjects(tiny, normalise):
    read = []
    for features in (tiny.features(), joined(tiny)):
        study = Study.read(
            tiny.folder / "manifest.csv", tiny.folder / "trim.csv", features, EMOTIONS, 100, normalise
        )
        clips = study.features(study.of(["F003", "M001", "M006"]), ["flip"], memory=1)
        read.append([clips.sequence(number) for number in range(len(clips))])
        # What is staged of a file is of all clips in it.
        staged = {one.clip_id for readings in study.readings().values() for one in readings}
        assert staged == set(study.clips.clip_id)
    assert len(read[0]) == len(read[1]) == 2 * 18
    for one, other in zip(*read, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_export_reads_the_same_of_files_of_several_subjects(tiny):
    written = []
    for number, features in enumerate((tiny.features("none"), joined(tiny)[:3])):
        more = {name: tiny.inputs[name] for name in ("manifest", "trim", "splits")}
        paths = export.write_folds(
            features, out=tiny.folder / f"out{number}", max_frames=9, emotions=EMOTIONS, **more
        )
        with h5py.File(paths[1]) as file:
            written.append((file["names"][:].tolist(), file["features"][:], file["masks"][:]))
    assert written[0][0] == written[1][0] and written[0][1].any()
    np.testing.assert_array_equal(written[0][1], written[1][1])
    np.testing.assert_array_equal(written[0][2], written[1][2])


def write_faces(path: Path, clips: dict[str, int]) -> Path:
    """Faces whose landmarks are drawn by the number of each clip; the last frame shows none."""
    with hdf5.create(path) as file:
        file.attrs["landmarks"] = "wheel"
        for clip_id, seed in clips.items():
            rng, group = np.random.default_rng(seed), file.create_group(clip_id)
            for name, (shape, kind) in faces_store.ARRAYS.items():
                group[name] = rng.normal(100, 40, [8, *(n or 4 for n in shape[1:])]).astype(kind)
            group["tracked"][-1] = False
            group["landmarks"][-1] = np.nan
            group.attrs["warnings"] = ""
    return path


@pytest.mark.parametrize("neutral", ["first", "subject"])
def test_action_units_of_several_subjects_are_those_of_each(
    tmp_path, weights_folder, small_settings, neutral
):
    settings = small_settings({"aus": {"neutral": neutral, "backend": "landmark"}}).aus
    # By their names alone the clips of the two would mix.
    clips = {"ann": {"a": 1, "d": 2}, "ben": {"c": 3, "b": 4}, "eve": {}}
    alone = []
    for subject, own in clips.items():
        faces = write_faces(tmp_path / f"{subject}.h5", own)
        write_aus(faces, tmp_path / f"{subject}.csv", [list(own)], settings, weights_folder)
        alone.append((tmp_path / f"{subject}.csv").read_text())
    together = write_faces(tmp_path / "ann~eve.h5", clips["ann"] | clips["ben"])
    write_aus(together, tmp_path / "all.csv", [list(own) for own in clips.values()], settings, weights_folder)
    header = alone[0].splitlines(keepends=True)[0]
    assert (tmp_path / "all.csv").read_text() == header + "".join(
        one.removeprefix(header) for one in alone[:2]
    )
    assert tables.read(tmp_path / "all.csv", "aus").clip_id.unique().tolist() == ["a", "d", "b", "c"]


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """A working folder with the empty clips of 1,002 subjects."""
    folder = tmp_path_factory.mktemp("many")
    rows = [
        (f"S{n:04d}_{emotion}", f"S{n:04d}", ("male", "female")[n % 2], emotion, f"{n}_{emotion}.avi")
        for n in range(1002)
        for emotion in ("happy", "sad")
    ]
    listed = pd.DataFrame(rows, columns=["clip_id", "subject_id", "sex", "emotion", "source"])
    listed.to_csv(folder / "clips.csv", index=False)
    (folder / "clips").mkdir()
    for source in listed.source:
        (folder / "clips" / source).touch()
    (folder / "study.yaml").write_text(yaml.safe_dump(study()))
    return folder


def study(**dataset) -> dict:
    own = {"name": "manifest", "root": "clips", "manifest": "clips.csv"}
    return {
        "study": "many",
        "emotions": ["happy", "sad"],
        "dataset": own | dataset,
        "end_to_end": {"run": []},
    }


def test_a_large_study_is_a_few_hundred_jobs_a_step(many):
    called = ["all_faces", "all_features", "--profile", "none", "--snakefile", str(REPOSITORY / "Snakefile")]
    called += ["--directory", str(many), "--configfile", str(many / "study.yaml"), "--cores", "1", "--nolock"]
    called += ["--dry-run", "--quiet", "rules"]
    done = preloaded.snakemake(*called, folder=many)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = preloaded.listed_jobs(done.stdout + done.stderr)
    assert {jobs[rule] for rule in ("faces", "aus", "features")} == {501}  # two subjects each
    assert jobs["manifest"] == jobs["trim"] == 1


def test_the_number_of_subjects_a_job_shapes_nothing_but_names_of_files(many, monkeypatch):
    monkeypatch.chdir(many)
    seen = []
    for each in (None, 1, 500):
        (many / "other.yaml").write_text(yaml.safe_dump(study(subjects_per_job=each)))
        files = files_of(preflight.look(load(REPOSITORY / "params.yaml", many / "other.yaml")))
        assert sum(map(len, files.shards.values())) == 1002
        seen.append((files.listed(), files.trained("lstm"), files.at("{dataset}"), files.ready.split))
        assert [len(files.all_features(2)), len(files.rendered("{subject}"))] == [3 * len(files.shards), 1002]
    assert seen[0] == seen[1] == seen[2]
    assert list(files.shards) == ["S0000~S0499", "S0500~S0999", "S1000~S1001"]
    assert len(files.clips_of("S0500~S0999")) == 1000


def test_store_and_study_say_of_what_file_a_clip_is_missing(tiny):
    path = tiny.folder / "five" / "none" / "F001~F005.h5"
    with pytest.raises(Exception, match=r"F001~F005\.h5: has no clip F009_happy"):
        store.read(path, "F009_happy")
