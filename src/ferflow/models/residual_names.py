"""The networks of transfer learning by name; nothing is imported here, since settings read it."""

from __future__ import annotations

FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
}
"""Name: its published ImageNet weights, by their name in `ferflow weights list`."""
COMPACT = "compact"
"""The network that comes with ferflow, trained on FER2013's faces; it stands beside those of ImageNet."""
WIDTHS = {"resnet18": 512, "resnet34": 512, "resnet50": 2048, COMPACT: 32}
"""Values at the last pooling; of the compact network at its first dense layer."""
