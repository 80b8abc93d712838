"""The three networks of MTCNN (Zhang et al., Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks, 2016, figure 2), under the names of their published weights."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import nn

from ferflow import weights
from ferflow.errors import WeightsError

FILES = ("mtcnn-pnet.pt", "mtcnn-rnet.pt", "mtcnn-onet.pt")


def _flat(x: torch.Tensor) -> torch.Tensor:
    """[N,C,H,W] as [N,W·H·C]: the order in which the dense layers were trained."""
    return x.permute(0, 3, 2, 1).flatten(1)


class Proposal(nn.Module):
    """P-Net: slides over a picture [N,3,H,W]; probability of a face [N,h,w] and box offsets [N,4,h,w]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.pool1 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_1(x).softmax(1)[:, 1], self.conv4_2(x)


class Refinement(nn.Module):
    """R-Net: crops [N,3,24,24]; probability of a face [N] and box offsets [N,4]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.pool(self.prelu2(self.conv2(x)))
        x = self.prelu4(self.dense4(_flat(self.prelu3(self.conv3(x)))))
        return self.dense5_1(x).softmax(1)[:, 1], self.dense5_2(x)


class Output(nn.Module):
    """O-Net: crops [N,3,48,48]; probability of a face [N], box offsets [N,4], points [N,10] (x, then y)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.pool(self.prelu2(self.conv2(x)))
        x = self.pool3(self.prelu3(self.conv3(x)))
        x = self.prelu5(self.dense5(_flat(self.prelu4(self.conv4(x)))))
        return self.dense6_1(x).softmax(1)[:, 1], self.dense6_2(x), self.dense6_3(x)


def load(weights_folder: str | Path) -> tuple[Proposal, Refinement, Output]:
    """The three networks with their published weights, ready to judge.

    Raises WeightsError where a file is missing, damaged or of another network.
    """
    loaded = []
    for network, name in zip((Proposal(), Refinement(), Output()), FILES, strict=True):
        path = weights.path(name, weights_folder)
        try:
            network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"), strict=True)
        except (RuntimeError, pickle.UnpicklingError, EOFError, TypeError, AttributeError, OSError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WeightsError(path, f"does not hold {name} ({said})", f"fetch {name} again") from None
        loaded.append(network.eval().requires_grad_(False))
    return tuple(loaded)
