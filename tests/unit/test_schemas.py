"""Tables are declared once, without pandas, and their JSON schema says what the tables hold."""

import json
import subprocess
import sys

import jsonschema
import pandas as pd
import pytest

from ferflow import schemas, tables
from ferflow.apps import cli
from ferflow.errors import InputError
from ferflow.schemas.columns import count, table

ROW = {"clip_id": "a", "subject_id": "F001", "emotion": "happy", "predicted": "sad", "p_happy": 0.25}
ROW |= {"p_sad": 0.75, "model": "compact+lstm", "protocol": "cv", "fold": 1, "seed": 20}


def printed(monkeypatch, capsys, *arguments):
    """What `ferflow schema ARGUMENTS` prints."""
    monkeypatch.setattr(sys, "argv", ["ferflow", "schema", *arguments])
    with pytest.raises(SystemExit):
        cli.main()
    return capsys.readouterr()


def test_every_table_is_declared_once():
    members = [member for room in schemas.ROOMS for member in vars(room).items()]
    declared = [name for name, one in members if isinstance(one, schemas.Table)]
    assert sorted(declared) == sorted(schemas.TABLES) and {"manifest", "predictions"} < {*declared}


def test_a_column_is_declared_once():
    with pytest.raises(ValueError, match="declared twice"):
        table("A row.", count("clips"), (count("frames"), count("clips")))


def test_declarations_need_no_pandas():
    code = "import sys, ferflow.schemas; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_printed_schema_is_that_of_the_rows(monkeypatch, capsys, tmp_path):
    schema = json.loads(printed(monkeypatch, capsys, "predictions").out)
    tables.write(pd.DataFrame([ROW]), tmp_path / "predictions.csv", "predictions")
    written = tables.read(tmp_path / "predictions.csv", "predictions")
    valid = jsonschema.Draft202012Validator(schema)
    assert valid.is_valid(written.iloc[0].to_dict())
    for wrong in ({"p_sad": 1.5}, {"protocol": "train"}, {"emotion": "a/b"}, {"seconds": 1}):
        assert not valid.is_valid(ROW | wrong)
    assert schema["patternProperties"]["^p_(.+)$"]["x-after"] == "predicted"


@pytest.mark.parametrize("name", schemas.TABLES)
def test_a_printed_schema_is_one(name):
    jsonschema.Draft202012Validator.check_schema(schemas.TABLES[name].json_schema(name))


def test_all_tables_are_listed(monkeypatch, capsys):
    lines = printed(monkeypatch, capsys).out.splitlines()
    assert len(lines) == len(schemas.TABLES)
    assert "trim: Frames begin:end of each clip are kept." in lines


def test_a_table_that_does_not_exist_is_one_line(monkeypatch, capsys):
    err = printed(monkeypatch, capsys, "prediction").err
    assert err == "ferflow: error: prediction: is no table of ferflow; `ferflow schema` lists them\n"


def test_columns_by_pattern_stand_where_they_are_declared():
    shuffled = ["model", "p_sad", "predicted", "p_happy", "clip_id"]
    assert tables.column_order(shuffled, "predictions") == [
        "clip_id",
        "predicted",
        "p_sad",
        "p_happy",
        "model",
    ]
    assert schemas.schema("predictions").column("p_sad").title == "sad"


def test_rows_become_a_table_with_its_columns_and_types():
    rows = [
        {"epoch": 9, "model": "lstm", "fold": 0, "max_validation_accuracy": 0.75},
        {"epoch": 9, "model": "lstm", "final_epochs": 11, "max_validation_accuracy": None},
    ]
    made = tables.from_rows(rows, "early_stopping")
    assert list(made) == tables.schema("early_stopping").names
    assert made["fold"].dtype == made["final_epochs"].dtype == "Int64"
    assert made["fold"].isna().tolist() == [False, True] and made["final_epochs"].iloc[1] == 11
    assert made["max_validation_accuracy"].dtype == float
    empty = tables.from_rows([], "calibration")
    assert empty.empty and list(empty) == tables.schema("calibration").names


def test_rows_of_failed_runs_are_for_readers_alone(tmp_path):
    path = tmp_path / "experiments.csv"
    numbers = dict.fromkeys(("accuracy", "least", "greatest", "train_accuracy", "gap"), 0.5)
    rows = [{"comparison": c, "run": r} | numbers for c, r in (("a", "x"), ("a", "y"), ("b", "x"))]
    frame = pd.DataFrame(rows).assign(changes="", n_folds=2, epochs=3, synthetic=False, note="")
    frame.loc[0, "note"] = "failed: only in its words"  # it has its numbers
    tables.write(tables.from_rows(frame, "experiments"), path, "experiments")
    before = tables.read(path, "experiments")
    tables.add_failed(path, "experiments", [{"comparison": "a", "run": "z", "note": "failed: why"}])
    tables.add_failed(path, "experiments", [{"comparison": "c", "run": "z", "note": "not run: y failed"}])
    pd.testing.assert_frame_equal(tables.read(path, "experiments"), before)
    shown = tables.read(path, "experiments", failed=True)
    assert shown["run"].tolist() == ["x", "y", "z", "x", "z"]
    assert shown["accuracy"].isna().tolist() == [False, False, True, False, True]
    assert not shown["synthetic"].any()
    path.write_text(path.read_text().replace("failed: why", "no reason"))
    with pytest.raises(InputError, match="column n_folds, line 4: is empty"):
        tables.read(path, "experiments")
