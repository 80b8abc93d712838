"""Nested cross-validation as a graph of independent jobs that read the one store of features."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pandas as pd
import pytest
from running import RESULTS, command, run

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

NESTED = (
    "--config",
    "nested={outer: 2, inner: 2, heads: [lstm], candidates: {as_set: {}, narrow: {units: 4}}}",
)


def test_every_fold_is_a_job_of_its_own_and_no_feature_is_made_again(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    before = {path: path.stat().st_mtime_ns for path in (folder / "data/features").rglob("*.h5")}
    wanted = str(RESULTS / "tables/nested.csv")
    plain = command(folder, "--dry-run", *NESTED, "--", wanted)
    at = plain.index("--logger")
    del plain[at : at + 2]
    planned = subprocess.run(plain, capture_output=True, text=True, timeout=300)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    jobs = dict(re.findall(r"^(\w+)\s+(\d+)$", planned.stdout + planned.stderr, flags=re.M))
    # 2 outer x 2 inner folds x 2 candidates
    assert jobs == {
        "nested_plan": "1",
        "nested_inner": "8",
        "nested_outer": "2",
        "nested_tables": "1",
        "total": "12",
    }
    done = run(folder, *NESTED, "--", wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in (folder / "data/features").rglob("*.h5")}

    plan = json.loads((folder / RESULTS / "nested/plan.json").read_text())
    said = [
        pd.read_csv(folder / RESULTS / f"nested/outer-{outer}/compact+lstm/chosen/predictions.csv")
        for outer in range(2)
    ]
    for one, rows in zip(plan["outer"], said, strict=True):
        assert set(rows.subject_id) == set(one["test"])
        assert not set(one["test"]) & {s for fold in one["folds"] for s in fold}
    whole = pd.concat(said)
    assert len(whole) == whole.clip_id.nunique() == 36
    table = pd.read_csv(folder / wanted)
    assert table.fold.tolist()[:2] == [0, 1] and pd.isna(table.fold.iloc[-1])
    assert table.accuracy.iloc[-1] == pytest.approx(table.accuracy.iloc[:2].mean())
