"""FER-Net (Mohan 2021), as far as the compact study describes it (section 2.2)."""

from __future__ import annotations

from torch import nn

from ferflow.models.layers import DROPOUT, initialise_convolutions
from ferflow.models.network import SpatialNetwork

WIDTHS = (32, 64, 128, 256)
"""Of the four convolutions. Our paper prints none; these double at each halving of the size."""
DENSE = (256, 128)
"""Of the two dense layers; ours too."""
CONVOLUTION_DROPOUT = 0.25


class FerNet(SpatialNetwork):
    """Grey 48×48 images; layers `pool` (3·3·256 = 2304) and `dense` (256, the first dense layer).

    Four times 3×3 convolution, batch norm, ReLU, 2×2 max-pooling, dropout 0.25; two dense layers with batch
    norm, ReLU and dropout 0.5. The paper's softmax layer behind the second dense one is read as a layer of
    its own, as in Keras.
    """

    name = "fernet"

    def __init__(self, n_classes: int) -> None:
        blocks = []
        for channels, out in zip((1, *WIDTHS), WIDTHS, strict=False):
            blocks.append(
                nn.Sequential(
                    nn.Conv2d(channels, out, 3, padding=1, bias=False),
                    nn.BatchNorm2d(out),
                    # The maximum and the ReLU commute; this way round there is less to go over.
                    nn.MaxPool2d(2),
                    nn.ReLU(inplace=True),
                    nn.Dropout(CONVOLUTION_DROPOUT),
                )
            )
        pool = 3 * 3 * WIDTHS[-1]
        super().__init__(blocks, pool, dense=DENSE[0])
        self.pool_head = nn.Flatten()
        self.dense_head = _dense(pool, DENSE[0])
        self.classifier = nn.Sequential(
            nn.Dropout(DROPOUT), *_dense(*DENSE), nn.Dropout(DROPOUT), nn.Linear(DENSE[1], n_classes)
        )
        initialise_convolutions(self)


def _dense(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, out, bias=False), nn.BatchNorm1d(out), nn.ReLU())
