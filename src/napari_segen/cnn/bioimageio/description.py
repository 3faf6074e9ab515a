"""What a package says of one of our networks, in the specification's words."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from napari_segen.cnn import backend
from napari_segen.cnn.bioimageio import packages
from napari_segen.cnn.bioimageio.graph import OPSET
from napari_segen.cnn.bioimageio.processing import Operation
from napari_segen.cnn.bioimageio.segmenter import OURS
from napari_segen.cnn.labelling import NetworkModel
from napari_segen.cnn.network import Network
from napari_segen.core.imagespec import SHORT_UNITS, SPACE
from napari_segen.core.labels import ClassInfo, class_info_json
from napari_segen.core.normalization import HIGH_PERCENTILE, LOW_PERCENTILE

DESCRIPTION = "rdf.yaml"
KERAS_FILE, ONNX_FILE, README = "weights.keras", "weights.onnx", "README.md"
TEST_INPUT, TEST_OUTPUT = "test_input.npy", "test_output.npy"
# The least that is added to a span, so that a constant image can be divided by it.
EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Card:
    """What people should know of a package, which the model does not know itself.

    Parameters
    ----------
    name : str
        From 5 to 128 letters, digits, spaces, ``_``, ``+``, ``-`` and brackets.
    authors : sequence of str
        Names, at least one.
    license : str
        As SPDX abbreviates it, such as ``"CC-BY-4.0"``.
    description : str
        A sentence.
    documentation : str
        Markdown, for whoever thinks of using it.
    cite : sequence of pairs of str
        What to cite: a text and its DOI.
    """

    name: str
    authors: Sequence[str]
    license: str
    description: str
    documentation: str
    cite: Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        if isinstance(self.authors, str) or not self.authors:
            raise ValueError(f"authors must be a list of names, got {self.authors!r}.")


def described(
    model: NetworkModel, network: Network, card: Card, files: Mapping[str, bytes]
) -> dict[str, Any]:
    """Build the description of a network, as the specification's JSON values.

    `files` are those of the package, by name.
    """
    entries = {name: _entry(name, content) for name, content in files.items()}
    ours = {
        "task": model.task,
        "classes": class_info_json(model.classes_, model.class_info_),
    }
    version = packages.spec().model.ModelDescr.implemented_format_version
    return {
        "type": "model",
        "format_version": version,
        "name": card.name,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "description": card.description,
        "authors": [{"name": name} for name in card.authors],
        "license": card.license,
        "cite": [{"text": text, "doi": doi} for text, doi in card.cite],
        "documentation": entries[README],
        "tags": ["segmentation", "napari-segen", model.network],
        "inputs": [_input(model, network, entries[TEST_INPUT])],
        "outputs": [_output(model, network, entries[TEST_OUTPUT])],
        "weights": _weights(entries),
        "config": {OURS: ours},
    }


def _entry(name: str, content: bytes) -> dict[str, str]:
    return {"source": name, "sha256": hashlib.sha256(content).hexdigest()}


def _input(
    model: NetworkModel, network: Network, test: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "id": "image",
        "axes": _input_axes(model, network),
        "data": {"type": "float32"},
        "pad": {"mode": "reflect"},
        "preprocessing": [
            {"id": name, "kwargs": keywords}
            for name, keywords in scaling(model, network)
        ],
        "test_tensor": test,
    }


def _output(
    model: NetworkModel, network: Network, test: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "id": "probabilities",
        "axes": _output_axes(model, network),
        "data": {"type": "float32", "range": [0.0, 1.0]},
        "test_tensor": test,
    }


def _weights(entries: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        "keras_v3": {
            **entries[KERAS_FILE],
            "keras_version": str(backend.keras().__version__),
            "backend": ["tensorflow", str(backend.tensorflow().__version__)],
        },
        "onnx": {
            **entries[ONNX_FILE],
            "opset_version": OPSET,
            "parent": "keras_v3",
        },
    }


def margins(network: Network) -> list[int]:
    """Pixels to cut from each side of the answer along the axes of space.

    Whole boxes of pixels, so that tiles start and end where the network's do.
    """
    return [
        -(-max(halo) // m) * m
        for halo, m in zip(network.halo, network.multiple, strict=True)
    ]


def _input_axes(model: NetworkModel, network: Network) -> list[dict[str, Any]]:
    channels = [f"channel {i}" for i in range(model.n_channels_)]
    space = [
        {**axis, "size": {"min": 2 * margin + m, "step": m}}
        for axis, margin, m in zip(
            _space(model, network), margins(network), network.multiple, strict=True
        )
    ]
    return [{"type": "batch"}, *space, {"type": "channel", "channel_names": channels}]


def _output_axes(model: NetworkModel, network: Network) -> list[dict[str, Any]]:
    info = model.class_info_
    names = [info.get(int(v), ClassInfo()).name or f"class {v}" for v in model.classes_]
    space = []
    for axis, margin in zip(_space(model, network), margins(network), strict=True):
        size = {"tensor_id": "image", "axis_id": axis["id"], "offset": 0}
        space.append({**axis, "size": size, **({"halo": margin} if margin else {})})
    return [{"type": "batch"}, *space, {"type": "channel", "channel_names": names}]


def _space(model: NetworkModel, network: Network) -> list[dict[str, Any]]:
    spec = model.spec_
    units = {ours: theirs for theirs, ours in SHORT_UNITS.items()}
    size_of = dict(zip(spec.space_axes, spec.sampling, strict=True))
    axes = []
    for name in SPACE[-network.ndim :]:
        axis: dict[str, Any] = {"type": "space", "id": name}
        if spec.unit in units:
            axis |= {"unit": units[spec.unit], "scale": size_of[name]}
        axes.append(axis)
    return axes


def scaling(model: NetworkModel, network: Network) -> list[Operation]:
    """Describe the normalisation, as nearly as the specification's words can.

    They cannot say ``auto``: what it does to images that are nearly blank is lost.
    """
    scale = model.normalization_
    if scale.mode == "none":
        return []
    if scale.mode == "training":
        span = np.where(scale.span > 0, scale.span, 1.0)
        keywords = {
            "axis": "channel",
            "gain": (1 / span).tolist(),
            "offset": (-scale.low / span).tolist(),
        }
        return [("scale_linear", keywords)]
    keywords = {
        "axes": list(SPACE[-network.ndim :]),
        "min_percentile": LOW_PERCENTILE,
        "max_percentile": HIGH_PERCENTILE,
        "eps": EPS,
    }
    return [("scale_range", keywords)]
