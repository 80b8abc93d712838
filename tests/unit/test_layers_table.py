"""The table of a study's networks, layer by layer, from the files of its final models."""

from __future__ import annotations

from cascade import write_cascade
from ferflow import tables
from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.models import endtoend, spatial, temporal
from ferflow.models.network import count
from ferflow.report.tables import layers


def test_each_network_stands_there_once_and_adds_up(small_settings, tmp_path):
    settings = small_settings({"end_to_end": {"c3d": {"frames": 32, "size": 64}}})
    network = spatial.build("compact", len(EMOTIONS_NEUTRAL))
    files, counts = [], {"compact": count(network)}
    for name in ("lstm", "cnn1d"):
        head = temporal.build(name, 32, 6, settings.temporal.heads[name])
        files.append(write_cascade(tmp_path / f"{name}.pt", network, head, settings))
        counts[name] = count(head)
    for name in ("c3d", "convlstm"):
        clips = endtoend.build(name, 6, settings.end_to_end.of(name))
        files.append(tmp_path / f"{name}.pt")
        endtoend.save(files[-1], clips, EMOTIONS, {"synthetic": True})
        counts[name] = count(clips)
    layers(files, tmp_path / "layers.csv", frames=100)
    table = tables.read(tmp_path / "layers.csv", "layers")
    assert list(dict.fromkeys(table.model)) == ["compact", "lstm", "cnn1d", "c3d", "convlstm"]
    totals = table[table.layer == "total"].set_index("model").parameters
    assert totals.to_dict() == counts
    assert table[table.layer != "total"].groupby("model").parameters.sum().to_dict() == counts
    c3d = table[table.model == "c3d"]
    assert c3d.output_shape.iloc[0] == "16 × 30 × 62 × 62" and "32 × 2 × 6 × 6" in set(c3d.output_shape)
    lstm = table[table.model == "lstm"]
    assert lstm.output_shape.iloc[0] == "100 × 128"
