"""Settings say what they are, files of them only what differs, and a study sees the sections of its kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
import yaml

from ferflow import settings
from ferflow.errors import SettingError
from ferflow.settings import KINDS, document
from ferflow.settings.types import Section

REPOSITORY = Path(__file__).parents[2]
FILES = [
    REPOSITORY / "params.yaml",
    *REPOSITORY.glob("workflow/studies/**/*.yaml"),
    *REPOSITORY.glob("tests/workflow/tiny*.yaml"),
]


def sections(kind: object) -> set[type[Section]]:
    """A section and all within it."""
    if isinstance(kind, type) and issubclass(kind, Section):
        return {kind}.union(*(sections(field.annotation) for field in kind.model_fields.values()))
    return set().union(*map(sections, get_args(kind)))


@pytest.mark.parametrize(
    ("path", "text"), [(document.PARAMS, document.params), (document.SCHEMA, document.schema)]
)
def test_the_written_files_are_those_of_the_classes(path, text):
    assert (REPOSITORY / path).read_text() == text(), "call `ferflow settings --write`"


def test_every_setting_says_what_it_is():
    found = set().union(*map(sections, KINDS.values()))
    for section in found:
        assert section.__doc__, section
        for name, field in section.model_fields.items():
            assert name == "kind" or len(document.comment(field)) > 3, f"{section.__name__}.{name}"
    units = [field for one in found for field in one.model_fields.values() if field.json_schema_extra]
    assert len(found) > 50 and len(units) > 150


def test_params_yaml_and_the_description_of_all_say_the_defaults():
    default = settings.check({}).model_dump()
    assert settings.load(REPOSITORY / "params.yaml").model_dump() == default
    text = document.described()
    assert settings.check(yaml.safe_load(text)).model_dump() == default
    for kind in KINDS:
        whole = yaml.safe_load(text) | {"kind": kind}
        assert settings.check(whole).model_dump() == settings.check({"kind": kind}).model_dump()
    assert "smallest face" in document.described("faces")
    assert document.described("sfew.crops.limits").startswith("blur: 5")
    with pytest.raises(SettingError, match=r"sfew\.crop: is no section"):
        document.described("sfew.crop")


def test_the_schema_takes_what_is_there_and_refuses_what_is_wrong():
    schema = json.loads(document.schema())
    for path in FILES:
        jsonschema.validate(yaml.safe_load(path.read_text()), schema)
    for wrong in ({"trim": {"treshold": 0.4}}, {"kind": "video"}, {"seed": -1}, {"sede": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
    trim = schema["$defs"]["Trim"]["properties"]["min_frames_end"]
    assert trim["description"] == "always cut at the end [frames]" and trim["default"] == 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_has_the_sections_of_its_kind_and_whole_settings_are_its_own_again(kind):
    made = settings.check({"kind": kind})
    for other in KINDS.values():
        for name in other.model_fields.keys() - type(made).model_fields.keys():
            assert not hasattr(made, name)
    assert settings.check(made.model_dump(mode="json")) == made


def test_sections_of_other_kinds_are_checked_and_have_no_effect():
    others = {"affect": {"recipe": {"epochs": 99}}, "sfew": {"transfer": {"folds": 9}}}
    assert settings.check(others) == settings.check({})
    with pytest.raises(SettingError, match=r"affect.recipe.epoch is not a setting; did you mean epochs\?"):
        settings.check({"affect": {"recipe": {"epoch": 99}}})
    with pytest.raises(SettingError, match=r"temporal\.epochs: .* not 0"):
        settings.check({"kind": "sfew", "temporal": {"epochs": 0}})
    with pytest.raises(SettingError, match=r"afect is not a setting; did you mean affect\?"):
        settings.check({"afect": {}})
    with pytest.raises(SettingError, match="kind: Input should be 'clips', 'images', 'sfew' or 'affect'"):
        settings.check({"kind": "video"})


def test_a_block_in_part_is_as_by_default_in_the_rest():
    made = settings.check({"temporal": {"heads": {"bilstm": {"units": 8}, "cnn1d": None}}})
    assert (made.temporal.heads["bilstm"].units, made.temporal.heads["bilstm"].dropout) == (8, 0.7)
    assert list(made.temporal.heads) == ["lstm", "bilstm"]
    assert made.model_dump()["temporal"]["heads"]["cnn1d"] is None
    own = {"recipe": {"optimiser": {"weight_decay": 0.1}}, "models": {"a": {"schedule": {"warmup": 0.5}}}}
    model = settings.check({"kind": "affect", "affect": own}).affect.models["a"]
    assert (model.optimiser.name, model.optimiser.weight_decay) == ("adam", 0.1)
    assert (model.schedule.factor, model.schedule.warmup) == (0.5, 0.5)


def test_a_file_is_laid_over_its_base(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "low.yaml").write_text("seed: 1\ntrim: {threshold: 0.3, max_share: 0.2}\n")
    (tmp_path / "parts/middle.yaml").write_text("base: ../low.yaml\nseed: 2\n")
    (tmp_path / "study.yaml").write_text("base: parts/middle.yaml\ntrim: {threshold: 0.4}\n")
    made = settings.load(REPOSITORY / "params.yaml", tmp_path / "study.yaml")
    assert (made.seed, made.trim.threshold, made.trim.max_share) == (2, 0.4, 0.2)
    above = settings.load(REPOSITORY / "params.yaml", tmp_path / "study.yaml", more={"base": "x", "seed": 3})
    assert (above.seed, above.trim.threshold) == (3, 0.4)
    (tmp_path / "low.yaml").write_text("base: study.yaml\n")
    with pytest.raises(SettingError, match="is its own base"):
        settings.load(tmp_path / "study.yaml")
    (tmp_path / "low.yaml").write_text("base: [a, b]\n")
    with pytest.raises(SettingError, match="give the path of one file"):
        settings.load(tmp_path / "study.yaml")
    (tmp_path / "low.yaml").write_text("base: gone.yaml\n")
    with pytest.raises(SettingError, match=r"gone\.yaml: does not exist"):
        settings.load(tmp_path / "study.yaml")


def test_dvc_yaml_names_sections_and_code_that_there_are():
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"].values()
    sections = [name for stage in stages for name in stage.get("params", ())]
    # A limit changes no result, nor what jobs ask for, and a rehearsal has none.
    assert {*sections, "max_parameters", "machine", "rehearsal"} == set(
        yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    )
    made = ("data/", "results/")
    code = [path for stage in stages for path in stage["deps"] if not path.startswith(made)]
    assert code and all((REPOSITORY / path).exists() for path in code)
