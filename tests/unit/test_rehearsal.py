"""A rehearsal: readers take its data, its settings change no size, its table says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ferflow import short_run, weights
from ferflow.apps import rehearse
from ferflow.datasets import affectnet, bu4dfe, ckplus, fer2013, jaffe, kdef, manifest, sfew
from ferflow.errors import FerflowError, InputError, SettingError, WeightsError
from ferflow.faces import video
from ferflow.faces.video import open_clip
from ferflow.models import checkpoint, spatial
from ferflow.networks import NETWORKS
from ferflow.rehearsal import clips, images, kinds, outputs, published, run, study
from ferflow.rehearsal.kinds import LOW, OK, TOO_LARGE
from ferflow.release import bundle
from ferflow.report import names
from ferflow.runs.events import Job
from ferflow.settings import Sequences
from ferflow.settings import load as load_settings
from ferflow.settings.scenes import Scenes
from ferflow.steps.work import Sizes

REPOSITORY = Path(__file__).parents[2]
STUDIES = ("thesis", "compact", "datacentric", "sfew", "affectnet", "kdef", "thesis-backbones", "demo-full")


@pytest.fixture
def rehearsing():
    with short_run.of_job(2, "fold", {"fold": "0", "head": "lstm"}, ["nothing.csv"]):
        short_run._job.measured.whole = True
        yield short_run._job.measured


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class TestData:
    def test_bu4dfe_has_all_layouts_under_the_names_of_its_subjects(
        self, weights_folder, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(clips, "WIDTH", 208)
        monkeypatch.setattr(clips, "HEIGHT", 266)
        people = ["F001", "F002", "F017", "M001", "M002"]
        clips.write(tmp_path, weights_folder, people, long=0)
        listed = bu4dfe.find(tmp_path)
        assert [(clip.subject_id, clip.emotion) for clip in listed] == [
            (subject, emotion) for subject in people for emotion in bu4dfe.EMOTIONS
        ]
        assert len({video.content_hash(clip.source) for clip in listed}) == len(listed)  # nobody's copy
        assert all(manifest.is_synthetic(clip.source) for clip in listed)
        infos = {open_clip(clip.source).info for clip in listed}
        assert {(info.n_frames, info.width, info.height) for info in infos} == {(clips.SHORT, 208, 266)}
        assert [len(list(open_clip(clip.source))) for clip in listed] == [clips.SHORT] * len(listed)
        # Folders of images have as many 3D models beside them, which take no room.
        images_beside = [clip.source for clip in listed if clip.source.is_dir()]
        assert len(images_beside) == 12 and all(
            len(list(one.glob("*.wrl"))) == clips.SHORT for one in images_beside
        )
        assert {clip.source.suffix for clip in listed} == {"", ".avi"}
        assert 0 < len(list(tmp_path.glob("F016/*"))) + len(list(tmp_path.glob("F016_*"))) < 6

    def test_a_frame_is_as_large_as_the_publisher_says_and_a_clip_as_long(self):
        assert (clips.WIDTH, clips.HEIGHT, clips.LONG) == (1040, 1329, 100)

    @pytest.mark.parametrize("count", [6, 13, 100, None])
    def test_fewer_subjects_stand_on_all_sides(self, small_settings, count):
        from ferflow.training import splits

        own = small_settings(None, "thesis")
        people = study.subjects(own, count)
        assert len(people) == min(count or 100, 100)
        split = splits.thesis(dict.fromkeys(people, "female"), 5, by_name=True)
        assert split["test"] and all(split["folds"])

    def test_fer2013_is_read_with_its_parts_and_some_copies(self, weights_folder, tmp_path):
        images.write_fer2013(tmp_path / "fer/fer2013.csv", weights_folder, share=0.02)
        found = fer2013.read(tmp_path / "fer")
        assert found.splits == fer2013.USAGES
        assert len(found) == sum(
            max(2, round(0.02 * n)) for numbers in images.FER2013.values() for n in numbers
        )
        assert 0 < found.table["sha256"].duplicated().sum() < 0.1 * len(found)
        assert sum(map(sum, images.FER2013.values())) == 35_887

    def test_sfew_is_read_with_its_lists_and_its_odd_names(self, weights_folder, tmp_path):
        images.write_sfew(
            tmp_path / "sfew", weights_folder, Scenes(per_class=4, films=2, width=160, height=120)
        )
        found = sfew.find(tmp_path / "sfew")
        assert len(found) == 6 * 4 + 3 and {scene.split for scene in found} == {"1", "2"}
        assert sum("__" in scene.source.stem for scene in found) == 2
        assert len({scene.group_id for scene in found}) == 2

    def test_affectnet_lists_more_images_than_were_rendered(self, weights_folder, tmp_path, monkeypatch):
        monkeypatch.setattr(images, "AFFECT_VALIDATION", 1)
        images.write_affectnet(tmp_path / "affectnet", weights_folder, rendered=24, listed=90)
        found = list(affectnet.read(tmp_path / "affectnet", 10))
        assert sum(one.part == "train" for one in found) >= 90
        kept = [one for one in found if not one.dropped]
        assert {one.size for one in kept} == {(224, 224)} and {one.part for one in kept} == {
            "train",
            "validation",
        }

    def test_sets_of_whole_pictures_are_read(self, weights_folder, tmp_path, monkeypatch):
        monkeypatch.setattr(images, "CKPLUS_SEQUENCES", dict.fromkeys(images.CKPLUS_SEQUENCES, 1))
        monkeypatch.setattr(images, "CKPLUS_UNLABELLED", 3)
        monkeypatch.setattr(images, "JAFFE_PEOPLE", ("KA", "KL"))
        images.write_kdef(tmp_path / "kdef", weights_folder, people=1)
        images.write_jaffe(tmp_path / "jaffe", weights_folder)
        images.write_ckplus(tmp_path / "ckplus", weights_folder)
        assert len(kdef.find(tmp_path / "kdef")) == 2 * 2 * 7 * 5
        assert len(jaffe.find(tmp_path / "jaffe")) == 2 * 7 * 3
        listed, unlabelled = ckplus.find(tmp_path / "ckplus", Sequences())
        assert len(listed) == 7 * Sequences().peak and len(unlabelled) == 3


@pytest.mark.parametrize("name", ["rcmalli_vggface_tf_notop_vgg16.h5", "resnet18-f37072fd.pth"])
def test_random_weights_go_through_the_loader_of_the_published_file(tmp_path, name):
    network = next(network for network, known in NETWORKS.items() if name in known.pretrained)
    published.write(name, tmp_path / name)
    made = spatial.build(network, 7).eval()
    before = next(made.base.parameters()).clone()
    spatial.load_pretrained(made, tmp_path / name)
    assert not torch.equal(before, next(made.base.parameters()))
    with torch.inference_mode():
        features = made.features(spatial.prepare(np.full((1, 48, 48), 90, np.uint8), made), "pool")
    assert (
        features.shape == (1, NETWORKS[network].pool) and 0 < features.abs().max() < 1000
    )  # float16 holds it


class TestSettings:
    @pytest.mark.parametrize("name", STUDIES)
    def test_no_network_size_batch_or_number_of_frames_is_another(self, small_settings, name):
        own = small_settings(None, name)
        laid = study.data(own)
        cut = small_settings(laid | study.cuts(own), name)
        changed = set(_leaves(own.model_dump(mode="json"), cut.model_dump(mode="json")))
        allowed = {"epochs", "max_epochs", "trials", "startup", "study", "rehearsal", "path", "root", "name"}
        allowed |= {*study.GREATEST, "annotations", "votes", "overrides", "manual_boxes", "subjects_per_job"}
        assert {place[-1] for place in changed} <= allowed
        searched = [place for place in changed if place[-1] in study.GREATEST]
        assert all("space" in place or "classifier" in place for place in searched)
        assert cut.rehearsal == 2 and cut.study == f"rehearsal-{own.study}"

    def test_data_lie_inside_the_folder_wherever_the_study_has_them(self, small_settings):
        own = small_settings(
            {"dataset": {"root": "/scratch/bu"}, "stills": {"path": "../fer/fer2013.csv"}}, "thesis"
        )
        laid = study.data(own)
        assert laid["dataset"]["root"] == "data/raw/bu4dfe"
        assert laid["stills"]["path"] == "data/raw/fer2013.csv"

    def test_clips_that_only_a_table_names_cannot_be_fabricated(self, small_settings):
        with pytest.raises(SettingError, match=r"dataset\.name: is manifest"):
            study.data(small_settings(None, "speech"))


def _leaves(one, other, place=()):
    """The places of the values in which two nested mappings differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            yield from _leaves(one.get(name), other.get(name), (*place, name))
    elif one != other:
        yield place


class TestShortRun:
    def test_elsewhere_nothing_is_cut_and_nothing_marked(self):
        batch = [torch.zeros(5, 3), torch.zeros(5)]
        assert all(map(torch.equal, short_run.cut(batch), batch))
        assert short_run.batches() is None and not short_run.skips(99) and short_run.length(7, 100) == 7
        assert names.marks(True) == "synthetic data" and short_run.about(a=1) == {"a": 1}

    def test_the_first_of_a_kind_keeps_its_batches_and_others_take_an_item(self):
        clip_batch = [torch.zeros(16, 4, 8, 8, 3), torch.zeros(16)]
        for fold, items in (("0", 16), ("3", 1)):
            with short_run.of_job(2, "end_to_end_fold", {"fold": fold}, ["x.csv"]):
                assert len(short_run.cut(clip_batch)[0]) == items
                assert short_run.batches() == 2 and short_run.length(7, 100) == 100
                # A batch that goes through the network in parts shows its memory in two of them.
                assert len(short_run.cut(clip_batch, at_once=3)[0]) == min(items, 6)

    def test_figures_and_tables_are_marked(self, rehearsing):
        assert names.marks(False) == "rehearsal: no result"
        assert names.marks(True) == "rehearsal: no result; synthetic data"

    def test_predictions_are_of_as_many_items_and_their_rows_differ(self, rehearsing):
        from ferflow.training.predictions import probabilities

        torch.manual_seed(0)
        network = torch.nn.Linear(4, 3)
        batches = [(torch.randn(6, 4), torch.zeros(6, dtype=torch.int64)) for _ in range(5)]
        seen = []
        network.register_forward_hook(lambda module, given, made: seen.append(len(given[0])))
        found = probabilities(network, batches)
        assert found.shape == (30, 3) and seen == [6, 6]  # two of five batches went through it
        assert np.allclose(found.sum(axis=1), 1) and len(np.unique(found.argmax(axis=1))) > 1

    def test_what_a_job_took_is_kept_for_its_outputs(self, tmp_path):
        with short_run.of_job(2, "fold", {"fold": "0"}, ["results/a.csv"]):
            short_run.timed(32, 4.0)
        found = short_run.measured(tmp_path, ["results/a.csv", "results/b.csv"])
        assert found.steps == [[32, 4.0]] and found.memory > 50 and found.whole
        assert short_run.measured(tmp_path, ["results/b.csv"]) is None

    def test_a_training_stops_after_so_many_steps(self, rehearsing):
        from ferflow.settings import Optimiser
        from ferflow.training.fit import fit
        from ferflow.training.module import Recipe
        from ferflow.training.task import Expression

        class Batches(torch.utils.data.Dataset):
            def __len__(self):
                return 9

            def __getitem__(self, _):
                return torch.randn(4, 6), torch.zeros(4, dtype=torch.int64)

        loader = torch.utils.data.DataLoader(Batches(), batch_size=None)
        sgd = Optimiser(name="sgd", learning_rate=0.1, momentum=0, weight_decay=0)
        history = fit(torch.nn.Linear(6, 3), Expression(), Recipe(sgd, 1), loader, loader, "tiny")
        assert len(history) == 1 and [items for items, _ in rehearsing.steps] == [4, 4]

    def test_a_model_of_a_rehearsal_is_refused_elsewhere(self, tmp_path):
        path = tmp_path / "model.pt"
        with short_run.of_job(2, "spatial", {}, ["model.pt"]):
            checkpoint.write(path, "spatial", "x", torch.nn.Linear(1, 1), ["a"], {}, {"synthetic": False})
            assert checkpoint.read(path, "spatial")["meta"]["rehearsal"]
        with pytest.raises(WeightsError, match="comes from a rehearsal"):
            checkpoint.read(path, "spatial")

    def test_its_results_cannot_be_bundled(self, tmp_path, small_settings):
        from ferflow import settings

        folder = tmp_path / "results/rehearsal-demo"
        own = small_settings({"rehearsal": 2, "study": "rehearsal-demo"})
        settings.write(own.model_dump(mode="json"), folder / "params.yaml")
        with pytest.raises(FerflowError, match="is a rehearsal"):
            bundle.write(folder)


class TestTable:
    @pytest.fixture
    def settings(self):
        return load_settings(REPOSITORY / "params.yaml")

    def job(self, fold: int, memory: float = 500.0, study: str = "demo") -> Job:
        path = f"results/{study}/models/heads/compact+lstm/fold-{fold}/best_epoch.json"
        return Job("fold", {"head": "lstm", "fold": str(fold)}, memory=memory, outputs=[path])

    def rehearse(self, settings, *, asked=500.0, memory=2000.0, folds=(0, 1), took=300.0, failed=()):
        real = [self.job(fold, asked) for fold in range(5)]
        mine = [self.job(fold, asked, "rehearsal-demo") for fold in range(2)]
        for job in [mine[fold] for fold in folds]:
            path = Path(job.outputs[0])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"epoch": 1}')
            with short_run.of_job(2, job.rule, job.wildcards, job.outputs):
                short_run.timed(32, 4.0)
            record = Path(short_run._record_of(job.outputs))
            record.write_text(json.dumps(json.loads(record.read_text()) | {"memory": took}))
        size = Sizes({f"S{n}": (6, 600) for n in range(10)})
        (row,) = kinds.table(real, mine, Path(), settings, size, size, memory, {}, dict(failed))
        return row

    def test_a_kind_that_ran_says_what_it_took_and_what_the_study_will_take(self, settings):
        row = self.rehearse(settings)
        assert (row.state, row.jobs, row.ran, row.memory, row.asked) == (OK, 5, 2, 300.0, 500.0)
        assert (row.step, row.items) == (4.0, 32)
        # 60 clips and their augmented versions, less a fifth, in 20 epochs and 30 that stop early.
        shown = 60 * 2 * 0.8 * (settings.temporal.epochs + settings.finalize.max_epochs)
        assert row.hours == pytest.approx(4.0 / 32 * shown / 3600)

    def test_a_kind_that_took_more_than_it_asks_for_is_named(self, settings):
        assert self.rehearse(settings, took=501.0).state == f"{LOW}: memory"

    def test_a_kind_too_large_for_the_machine_says_how_much_it_wants(self, settings):
        row = self.rehearse(settings, asked=59_000.0, folds=())
        assert row.state == TOO_LARGE and row.asked == 59_000.0 and row.fine

    def test_a_missing_output_and_a_failed_job_are_no_end_but_a_row(self, settings):
        row = self.rehearse(settings, folds=(0,))
        assert row.state == "missing: 1 of 2 files" and not row.fine
        reason = {self.job(1, study="rehearsal-demo").outputs[0]: "no such layer"}
        assert self.rehearse(settings, folds=(0,), failed=reason).state == "failed: no such layer"

    def test_an_output_that_cannot_be_read_back_is_invalid(self, settings, tmp_path):
        self.rehearse(settings)
        Path(self.job(1, study="rehearsal-demo").outputs[0]).write_text("{")
        found = outputs.lacking(tmp_path, self.job(1, study="rehearsal-demo").outputs, {})
        assert len(found) == 1 and "cannot be read" in found[0]
        Path("predictions.csv").write_text("clip_id\nx\n")
        assert "predictions.csv: lacks the column" in outputs.lacking(tmp_path, ["predictions.csv"], {})[0]

    def test_rows_of_a_terminal_keep_what_is_wrong_apart(self, settings):
        fine = [kinds.Kind("fold", name, 5, 5, 300, 500, state=OK) for name in ("lstm", "bilstm")]
        low = kinds.Kind("final", "lstm", 1, 1, 600, 500, state=LOW)
        shown = {row.name: row for row in kinds.by_rule([*fine, low])}
        assert shown["fold 2 kinds"].jobs == 10 and shown["final lstm"].state == LOW


class TestFolder:
    def options(self, folder: Path, weights: Path, **more) -> run.Options:
        overlay = REPOSITORY / "workflow/studies/thesis.yaml"
        return run.Options(REPOSITORY / "params.yaml", [overlay], folder, weights, 2, 24_000, **more)

    def test_a_folder_of_something_else_is_left_alone(self, tmp_path):
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "thesis.doc").write_text("years of work")
        for fresh in (False, True):
            with pytest.raises(InputError, match="is no folder of a rehearsal"):
                run.run(self.options(folder, tmp_path, fresh=fresh), print)
        assert (folder / "thesis.doc").read_text() == "years of work"

    def test_too_full_a_disk_is_told_before_anything_is_made(self, tmp_path, monkeypatch):
        monkeypatch.setattr(run.shutil, "disk_usage", lambda _: type("", (), {"free": 10**9}))
        with pytest.raises(FerflowError, match=r"has 1\.0 GB free, of about \d+"):
            run.run(self.options(tmp_path / "r", tmp_path), lambda line: None)

    def test_missing_weights_are_one_line(self, tmp_path):
        with pytest.raises(WeightsError, match=r"au_to_mesh\.npz: is missing"):
            run.run(self.options(tmp_path / "r", tmp_path), lambda line: None)

    def test_a_missing_study_is_one_line(self, tmp_path):
        with pytest.raises(SettingError, match="does not exist"):
            rehearse.main(
                REPOSITORY / "params.yaml", [tmp_path / "no.yaml"], None, tmp_path, 2, None, None, False
            )


def test_random_weights_are_taken_by_a_rehearsal_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "resnet18-f37072fd.pth"
    (tmp_path / name).write_bytes(b"random")
    weights.write_note(tmp_path / name)
    assert weights.state(name, tmp_path) == "wrong hash"
    with short_run.of_job(2, "sfew_frozen", {}, [str(tmp_path / "out")]):
        assert weights.state(name, tmp_path) == "present"
        (tmp_path / name).write_bytes(b"others")
        assert weights.state(name, tmp_path) == "wrong hash"
