"""A network for expression, valence and arousal as `ferflow predict` asks it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from ferflow import settings


class Affective:
    """A network of kind `affect`, without a head over the clip; see `recognise.Model`.

    It computes in float32. `frame_classes` are in the order of its logits.
    """

    has_head = False
    has_affect = True

    def __init__(self, path: Path) -> None:
        from ferflow.models import precision
        from ferflow.models.affect import load

        self.path = path
        network, content = load(path)
        meta, size = content["meta"], int(content["options"]["size"])
        self.name, self.synthetic = str(meta.get("model", content["network"])), bool(meta["synthetic"])
        self._device = precision.device()
        self._network = network.to(self._device).eval()
        self._prepared = SimpleNamespace(input_size=size, channels=3)
        # Faces are cut out at the size that the network sees, so that nothing is enlarged twice.
        watching = settings.watching()
        self.faces, self.aus = watching.faces.model_copy(update={"size": size}), watching.aus
        self.frame_classes = self.clip_classes = tuple(content["classes"])

    def frames(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """No features, float16 [n,0], and probabilities float32 [n,K] of crops uint8 [n,S,S,3] (RGB)."""
        return np.empty((len(crops), 0), np.float16), self.affect(crops)[0]

    def affect(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities float32 [n,K], and valence and arousal float32 [n,2] in -1..1, of such crops."""
        import torch

        from ferflow.models.spatial import prepare

        with torch.inference_mode():
            logits, values = self._network(prepare(crops, self._prepared).to(self._device))
        return logits.softmax(1).cpu().numpy(), values.clamp(-1, 1).cpu().numpy()
