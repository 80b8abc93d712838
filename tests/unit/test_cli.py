"""The command line: exit codes, one-line errors, a quick start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ferflow import __version__
from ferflow.apps import cli
from ferflow.errors import FerflowError


def run(monkeypatch, capsys, *arguments):
    """`ferflow ARGUMENTS` in this process: exit code, standard output, standard error."""
    monkeypatch.setattr(sys, "argv", ["ferflow", *map(str, arguments)])
    code = 0
    try:
        cli.main()
    except SystemExit as exit_:
        code = exit_.code or 0
    said = capsys.readouterr()
    return code, said.out, said.err


def test_version(monkeypatch, capsys):
    assert run(monkeypatch, capsys, "version") == (0, f"ferflow {__version__}\n", "")


def test_help_lists_the_commands(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "--help")
    assert code == 0
    for command in ("predict", "evaluate", "annotate", "doctor", "weights", "results", "check", "version"):
        assert f"  {command} " in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("predict",),
        ("predict", "--nonsense", "a.mp4"),
        ("predict", "a.mp4", "--out", "a.txt"),
        ("predict", "a.mp4", "--annotate", "a.gif"),
        ("predict", "a.mp4", "--seconds", "0"),
        ("weights", "nonsense"),
    ],
)
def test_wrong_usage_is_exit_code_2(monkeypatch, capsys, arguments):
    code, _, err = run(monkeypatch, capsys, *arguments)
    assert code == 2 and "Traceback" not in err and "Error" in err


def test_a_mistake_is_one_line_and_exit_code_1(monkeypatch, capsys, tmp_path):
    code, out, err = run(monkeypatch, capsys, "check", tmp_path / "gone.yaml")
    assert (code, out) == (1, "")
    assert err == f"ferflow: error: {tmp_path}/gone.yaml: does not exist; give the path of a settings file\n"


def test_check_names_the_wrong_setting(monkeypatch, capsys, tmp_path, pytestconfig):
    params = pytestconfig.rootpath / "params.yaml"
    code, out, _ = run(monkeypatch, capsys, "check", params)
    assert code == 0 and "correct (study demo" in out
    (tmp_path / "over.yaml").write_text("temporal: {epoch: 3}\n")
    code, _, err = run(monkeypatch, capsys, "check", params, tmp_path / "over.yaml")
    assert code == 1 and "temporal.epoch is not a setting; did you mean epochs?" in err


def test_results_of_nothing_is_one_line(monkeypatch, capsys, tmp_path):
    code, _, err = run(monkeypatch, capsys, "results", tmp_path)
    assert code == 1 and err.startswith("ferflow: error: ") and len(err.splitlines()) == 1


def test_weights_list_says_what_is_there(monkeypatch, capsys, weights_folder, tmp_path):
    _, out, _ = run(monkeypatch, capsys, "weights", "list", "--weights-folder", weights_folder)
    assert "au_to_mesh.npz  present" in out and "Apache-2.0" in out
    _, out, _ = run(monkeypatch, capsys, "weights", "list", "--weights-folder", tmp_path)
    assert "au_to_mesh.npz  missing" in out


def test_weights_fetch_takes_a_group_and_refuses_an_unknown_name(monkeypatch, capsys, weights_folder):
    code, out, _ = run(monkeypatch, capsys, "weights", "fetch", "faces", "--weights-folder", weights_folder)
    assert code == 0 and out.count("present, hash checked") == 4
    code, _, err = run(monkeypatch, capsys, "weights", "fetch", "nonsense")
    assert code == 1 and "nonsense: is not a known pretrained file" in err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (FerflowError("a.csv", "is empty", "fill it"), 1, "ferflow: error: a.csv: is empty; fill it\n"),
        (PermissionError(13, "Permission denied", "/x"), 1, "ferflow: error: /x: Permission denied; "),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_a_command_raises(monkeypatch, capsys, error, code, line):
    def fail(*_):
        raise error

    monkeypatch.setattr("ferflow.apps.doctor.run", fail)
    found, _, err = run(monkeypatch, capsys, "doctor")
    assert found == code and err.startswith(line) and "Traceback" not in err


def test_the_start_imports_nothing_heavy():
    program = (
        "import sys; import ferflow.apps.cli; "
        "print([m for m in ('torch', 'cv2', 'pandas', 'numpy', 'rich.table') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
