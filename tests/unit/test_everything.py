"""The table of `make test-all`."""

from __future__ import annotations

import everything
from everything import Part


def test_the_table_is_right_after_each_part_and_keeps_what_is_not_run_again(tmp_path, monkeypatch):
    path = tmp_path / "table.md"
    parts = {"one": Part("echo '5 passed | 1'", 1), "two": Part("echo late; exit 3", 1)}
    monkeypatch.setattr(everything, "TABLE", path)
    monkeypatch.setattr(everything, "PARTS", parts)
    monkeypatch.setattr(everything, "revision", lambda: "abc")

    def rows() -> list[str]:
        return path.read_text().splitlines()[-2:]

    table = everything.Table(["one", "two"])
    assert rows() == ["| one | not run |  |  |  |", "| two | not run |  |  |  |"]
    table.set("one", "not finished")
    assert rows()[0] == "| one | not finished |  |  | abc |"
    assert everything.run("one", table) and not everything.run("two", table)
    done = ["| one | passed | 5 passed / 1 | 0.0 | abc |", "| two | failed | late | 0.0 | abc |"]
    assert rows() == done
    everything.Table(["two"])
    assert rows() == [done[0], "| two | not run |  |  |  |"]
