"""The residual networks of transfer learning by name; nothing is imported here, since settings read it."""

from __future__ import annotations

FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
}
"""Name: its published ImageNet weights, by their name in `ferflow weights list`."""
WIDTHS = {"resnet18": 512, "resnet34": 512, "resnet50": 2048}
"""Values at the last pooling."""
