"""Bad files end in one line: a seeded sample of what `make hostile` does in full."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SAMPLE = 100


def test_a_sample_of_hostile_files_ends_in_one_line_each():
    done = subprocess.run(
        [sys.executable, HERE / "hostile.py", "--files", str(SAMPLE), "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.splitlines()[-1].split()
    # "seed 7: N files in S s; of N, C ended in one clear line, V were still valid, 0 ended badly"
    files, clear = int(words[2]), int(words[words.index("ended") - 1])
    assert files >= SAMPLE and clear > 0.6 * files


def _calls(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def _given(call: ast.Call, name: str):
    return next((ast.unparse(k.value) for k in call.keywords if k.arg == name), None)


def _unsafe(call: ast.Call, function: str) -> bool:
    """Whether a call may unpickle what it reads, run what it reads, or unpack an archive."""
    last = function.rpartition(".")[2]
    if function in ("torch.load", "lightning_fabric._load") or last == "load_from_checkpoint":
        return _given(call, "weights_only") != "True"
    if last == "fit" and _given(call, "ckpt_path"):
        return _given(call, "weights_only") != "True"
    if function in ("np.load", "numpy.load"):
        return _given(call, "allow_pickle") != "False"
    if function.startswith(("pickle.", "joblib.", "shelve.", "marshal.", "dill.", "cloudpickle.")):
        return True
    if function in ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec"):
        return True
    return last in ("read_pickle", "extractall", "unpack_archive", "extract")


def test_the_check_itself_finds_what_it_looks_for():
    unsafe = "torch.load(p)", "np.load(p)", "pickle.loads(b)", "pd.read_pickle(p)", "tar.extractall()"
    unsafe += ("trainer.fit(m, ckpt_path=p)", "yaml.load(t, Loader=L)", "torch.load(p, weights_only=False)")
    safe = "torch.load(p, weights_only=True)", "np.load(p, allow_pickle=False)", "yaml.safe_load(t)"
    for text, wanted in [*((t, True) for t in unsafe), *((t, False) for t in safe)]:
        call = ast.parse(text).body[0].value
        assert _unsafe(call, ast.unparse(call.func)) == wanted, text


def test_nothing_is_unpickled_run_or_unpacked():
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {function}"
        for folder in ("src", "workflow")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for call, function in _calls(path)
        if _unsafe(call, function)
    ]
    assert found == []
