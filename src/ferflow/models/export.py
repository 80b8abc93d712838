"""A trained network for single images as an ONNX file, for programs without torch.

Input `images`: float32 [N,C,S,S] with values 0–1, any N; the normalisation is inside. Outputs:
`probabilities` float32 [N,K], and `dense` [N,F] where asked for. The file's own properties say `network`,
`classes` (a JSON list, in the order of the probabilities), `input_size`, `channels` and `synthetic`.

Written by torch's TorchScript exporter (`dynamo=False`), which needs no package beside torch; the newer one
needs onnxscript.
"""

from __future__ import annotations

import io
import json
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ferflow.errors import FerflowError
from ferflow.files import atomic_write
from ferflow.models import spatial
from ferflow.models.fuse import for_single_images
from ferflow.models.network import SpatialNetwork

OPSET = 17
"""The first that has layer normalisation as one operator; ONNX Runtime reads it since 1.12."""
TOLERANCE = 1e-4
"""By which a probability may differ between torch and ONNX Runtime."""
_BATCHES = (1, 3)
"""Sizes of the batches that the written network is checked with."""


class _Outputs(nn.Module):
    def __init__(self, network: SpatialNetwork, dense: bool) -> None:
        super().__init__()
        self.network, self.dense = network, dense

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        features = self.network.features(images, "dense")
        probabilities = self.network.classifier(features).softmax(1)
        return (probabilities, features) if self.dense else probabilities


def export(model: str | Path, out: str | Path, *, dense: bool = False) -> None:
    """Write the network in `model` (of `spatial.save`) to the ONNX file `out`, batch norms folded.

    Before `out` appears, ONNX Runtime must give torch's probabilities for random images to 1e-4. Raises
    WeightsError for a bad `model`; FerflowError where onnx or onnxruntime is missing, `out` does not end in
    .onnx, or the two disagree.
    """
    out = Path(out)
    if out.suffix != ".onnx":
        raise FerflowError(out, "is no name of an ONNX file", "let it end in .onnx")
    network, content = spatial.load(model)
    properties = {
        "network": network.name,
        "classes": json.dumps(content["classes"]),
        "input_size": str(network.input_size),
        "channels": str(network.channels),
        "synthetic": json.dumps(content["meta"]["synthetic"]),
    }
    written = serialise(network, properties, dense)
    difference = disagreement(network, written)
    if not difference <= TOLERANCE:
        problem = f"would differ from {model} by {difference:.1e} in a probability"
        raise FerflowError(out, problem, "report it with the versions of torch and onnxruntime")
    with atomic_write(out) as partial:
        partial.write_bytes(written)


def serialise(network: SpatialNetwork, properties: dict[str, str], dense: bool = False) -> bytes:
    """The ONNX file of `network` in memory, with `properties` in it."""
    onnx = _package("onnx")
    outputs = ["probabilities", *["dense"] * dense]
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # That there is a newer exporter, that shapes are taken as constant (they are), and that an LSTM's
        # batch must be 1, which is untrue of one that starts from zeros; `disagreement` tries another.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Outputs(for_single_images(network), dense).eval(),
            (_images(network, 1),),
            buffer,
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=outputs,
            dynamic_axes={name: {0: "N"} for name in ("images", *outputs)},
        )
    model = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(model, properties)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def disagreement(network: SpatialNetwork, written: bytes) -> float:
    """The greatest difference in a probability between torch and ONNX Runtime, on random images."""
    runtime, worst = session(written), 0.0
    for batch in _BATCHES:
        images = _images(network, batch)
        with torch.inference_mode():
            from_torch = network.eval()(images).softmax(1).numpy()
        (from_onnx,) = runtime.run(["probabilities"], {"images": images.numpy()})
        # A NaN must not pass as the smaller one.
        worst = float(np.maximum(worst, np.abs(from_onnx - from_torch).max()))
    return worst


def session(model: bytes | str | Path, threads: int = 1):
    """ONNX Runtime's session for a file or its bytes, on the CPU."""
    runtime = _package("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    source = model if isinstance(model, bytes) else str(model)
    return runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _images(network: SpatialNetwork, batch: int) -> Tensor:
    return torch.rand(batch, *network.image_shape, generator=torch.Generator().manual_seed(batch))


def _package(name: str):
    try:
        return import_module(name)
    except ImportError as error:
        reason = str(error).split("\n")[0]
        raise FerflowError(name, f"cannot be imported ({reason})", f"pip install {name}") from None
