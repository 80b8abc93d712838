"""Damage that nothing in a file tells: it is named with the command that repairs it, which then repairs it.

`make faults` does the same with many kinds of damage, and kills the study forty times.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from running import RESULTS

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
from faults_study import NAMED, copy, settle

FOLD = RESULTS / "models/heads/compact+lstm/fold-1/predictions.csv"
pytestmark = pytest.mark.workflow


def test_a_table_without_its_last_rows_and_a_store_with_flipped_bytes_are_repaired(finished, tmp_path):
    folder = copy(finished, tmp_path / "copy", f"{RESULTS}/models/heads")
    trim = folder / RESULTS / "trim.csv"
    lines = trim.read_bytes().splitlines(keepends=True)
    with trim.open("r+b") as file:
        file.truncate(sum(map(len, lines[:-3])))
    store = sorted(folder.glob("data/features/*/compact/dense/none/*.h5"))[0]
    with store.open("r+b") as file:
        file.seek(store.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 0xFF]))
    ended = settle("damage", folder, (finished / FOLD).read_bytes(), made=FOLD)
    assert ended.outcome == NAMED, ended.said
    assert f"{RESULTS}/trim.csv: was cut off or changed in place" in ended.said
    assert f"{store.relative_to(folder)}: is damaged" in ended.said
