"""What a study of expression, valence and arousal costs grows with its images and epochs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferflow import layout, settings
from ferflow.steps import sizes, work

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=["affect", "affectnet"])
def study(request) -> settings.Settings:
    return settings.load(ROOT / "params.yaml", ROOT / f"workflow/studies/{request.param}.yaml")


def test_images_are_those_of_the_manifest_or_those_that_are_known(study, tmp_path):
    size = sizes.of_study(study, tmp_path)
    assert size.images == {"affect": 1100, "affectnet": 291_650}[study.study] and not size.known
    manifest = tmp_path / layout.MANIFEST.format(dataset=study.data()[0])
    manifest.parent.mkdir(parents=True)
    manifest.write_text("clip_id,split\n" + "a,train\n" * 12)
    size = sizes.of_study(study, tmp_path)
    assert size.images == 12 and size.known


def test_a_training_grows_with_images_and_epochs(study):
    name, model = next(iter(study.affect.models.items()))
    found = sizes.of_job("affect_network", {"model": name}, study, work.Sizes({}, 50))
    assert found == work.Work(work.IMAGE, 50 * model.epochs, f"{model.backbone}, {model.size} pixels")
