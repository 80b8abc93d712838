"""Files dated in the future are dated now, in their order."""

from __future__ import annotations

import os
import time

from ferflow import clock


def test_files_of_the_future_are_dated_now_and_keep_their_order(tmp_path):
    (tmp_path / "in").mkdir()
    now = time.time()
    times = {"past": now - 100, "in/later": now + 5000, "in/latest": now + 9000, "soon": now + 1000}
    for name, dated in times.items():
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (dated, dated))
    assert clock.clamp_future_mtimes([tmp_path, tmp_path / "soon", tmp_path / "missing"]) == 3
    order = sorted(times, key=lambda name: (tmp_path / name).stat().st_mtime_ns)
    assert order == ["past", "soon", "in/later", "in/latest"]
    assert all((tmp_path / name).stat().st_mtime <= time.time() for name in times)
    assert abs((tmp_path / "past").stat().st_mtime - times["past"]) < 1
    assert clock.clamp_future_mtimes([tmp_path]) == 0
