"""`make lint` refuses imports that point upward, and circles, wherever in a file they stand."""

from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LATE = "\n\ndef late():\n    from {} import {}\n\n    return {}\n"
TYPED = "\n\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from {} import {}\n"


def lint(source: Path) -> tuple[int, str]:
    """Exit status and output of import-linter with pyproject.toml's contracts on the package in `source`."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", ROOT / "pyproject.toml"]
    done = subprocess.run(command, cwd=source, env={}, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_every_import_also_inside_a_function_finds_what_it_names():
    wrong = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("ferflow"):
                for name in (alias.name for alias in node.names):
                    try:
                        if not hasattr(importlib.import_module(node.module), name):
                            importlib.import_module(f"{node.module}.{name}")
                    except ImportError as error:
                        wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {error}")
    assert wrong == []


@pytest.fixture
def source(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "resources"))
    return tmp_path / "src"


def test_the_package_keeps_its_contracts(source):
    code, said = lint(source)
    assert code == 0 and "2 kept, 0 broken" in said


@pytest.mark.parametrize(
    ("module", "added", "broken"),
    [
        (
            "faces/track.py",
            LATE.format("ferflow.report", "style", "style"),
            "ferflow.faces.track -> ferflow.report.style",
        ),
        (
            "settings/types.py",
            TYPED.format("ferflow.models", "network"),
            "ferflow.settings.types -> ferflow.models.network",
        ),
        (
            "aus/mesh.py",
            LATE.format("ferflow.aus.blendshapes", "read", "read"),
            "No cycles are allowed in ferflow.aus",
        ),
    ],
    ids=["late upward", "typed upward", "late circle"],
)
def test_an_upward_import_and_a_circle_are_refused(source, module, added, broken):
    with (source / "ferflow" / module).open("a", encoding="utf-8") as file:
        file.write(added)
    code, said = lint(source)
    assert code == 1 and broken in said, said


def test_what_every_job_of_the_workflow_imports_loads_no_slow_library():
    """A job reads the rules before it does its work: what they import at their top is paid for by each."""
    rules = sorted((ROOT / "workflow/rules").glob("*.smk"))
    lines = [line for path in rules for line in path.read_text("utf-8").splitlines()]
    imports = [line for line in lines if line.startswith(("from ferflow", "import ferflow"))]
    slow = (
        "torch",
        "torchvision",
        "lightning",
        "sklearn",
        "scipy",
        "matplotlib",
        "cv2",
        "openvino",
        "optuna",
        "h5py",
    )
    # A report's steps are those of every part, whatever the kind of the study.
    imports += [f"import ferflow.parts.{one.stem}" for one in (ROOT / "src/ferflow/parts").glob("[a-z]*.py")]
    code = "\n".join([*imports, "import sys", f"print([name for name in {slow} if name in sys.modules])"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(imports) > 8 and done.stdout.strip() == "[]"
