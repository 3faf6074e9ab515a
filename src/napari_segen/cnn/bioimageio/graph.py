"""A Keras model of standard layers as an ONNX graph, layer by layer.

Converters trace whatever TensorFlow does, and change NumPy while they do; for the few
kinds of layers that our networks are made of in `Network.plain`, a table does.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from napari_segen.cnn.bioimageio import packages
from napari_segen.core.imagespec import Array

OPSET = 17
# The oldest format that knows this operator set: what reads it is from 2022 or later.
IR_VERSION = 8
INPUT, OUTPUT = "input", "output"


class Graph:
    """An ONNX graph in the making; its tensors have channels in front: ``(B, C, *S)``.

    Parameters
    ----------
    ndim : int
        Spatial axes.
    """

    def __init__(self, ndim: int) -> None:
        self.ndim = ndim
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add an operation; returns the name of its result."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        node = packages.onnx().helper.make_node(
            kind, inputs, [name], name, **attributes
        )
        self.nodes.append(node)
        return name

    def constant(self, values: Array) -> str:
        """Add an array; returns its name."""
        name = f"constant_{len(self.constants)}"
        tensor = packages.onnx().numpy_helper.from_array(
            np.ascontiguousarray(values), name
        )
        self.constants.append(tensor)
        return name


def onnx_model(model: Any) -> bytes:
    """Write a Keras model of one input and one output as an ONNX file.

    Parameters
    ----------
    model : keras.Model
        Maps ``(B, *S, C)`` to ``(B, *S, K)`` by the layers of `LAYERS`; so does what
        is written.
    """
    graph = _graph_of(model)
    helper, tensor = packages.onnx().helper, packages.onnx().TensorProto
    n_channels, n_classes = model.inputs[0].shape[-1], model.outputs[0].shape[-1]
    sides = [f"side_{i}" for i in range(graph.ndim)]
    ends = [
        helper.make_tensor_value_info(name, tensor.FLOAT, ["batch", *sides, n])
        for name, n in ((INPUT, n_channels), (OUTPUT, n_classes))
    ]
    made = helper.make_model(
        helper.make_graph(graph.nodes, "network", ends[:1], ends[1:], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="napari-segen",
    )
    packages.onnx().checker.check_model(made)
    written: bytes = made.SerializeToString()
    return written


def _graph_of(model: Any) -> Graph:
    """Translate the layers, between an input and an output with channels last."""
    graph = Graph(len(model.inputs[0].shape) - 2)
    last = graph.ndim + 1
    to_front = (0, last, *range(1, last))
    known = {id(model.inputs[0]): graph.add("Transpose", [INPUT], perm=to_front)}
    for layer in model.layers:
        if (kind := type(layer).__name__) == "InputLayer":
            continue
        if kind not in LAYERS:
            raise ValueError(f"a layer of the kind {kind} has no ONNX form here.")
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        known[id(layer.output)] = LAYERS[kind](
            graph, layer, [known[id(x)] for x in given]
        )
    found = known[id(model.outputs[0])]
    to_back = (0, *range(2, last + 1), 1)
    helper = packages.onnx().helper
    graph.nodes.append(helper.make_node("Transpose", [found], [OUTPUT], perm=to_back))
    return graph


def _convolution(graph: Graph, layer: Any, x: list[str]) -> str:
    kernel, bias = (np.asarray(w) for w in layer.get_weights())
    # (*sides, C, F) to (F, C, *sides)
    weights = graph.constant(
        kernel.transpose(-1 % kernel.ndim, kernel.ndim - 2, *range(graph.ndim))
    )
    # Ours take as many pixels before as after; see `stem_kernel`.
    same = [(k - s) // 2 for k, s in zip(layer.kernel_size, layer.strides, strict=True)]
    pads = same if layer.padding == "same" else [0] * graph.ndim
    return graph.add(
        "Conv",
        [x[0], weights, graph.constant(bias)],
        kernel_shape=layer.kernel_size,
        strides=layer.strides,
        dilations=layer.dilation_rate,
        pads=[*pads, *pads],
    )


def _widening(graph: Graph, layer: Any, x: list[str]) -> str:
    kernel, bias = (np.asarray(w) for w in layer.get_weights())
    # (*sides, F, C) to (C, F, *sides)
    weights = graph.constant(
        kernel.transpose(kernel.ndim - 1, kernel.ndim - 2, *range(graph.ndim))
    )
    return graph.add(
        "ConvTranspose",
        [x[0], weights, graph.constant(bias)],
        kernel_shape=layer.kernel_size,
        strides=layer.strides,
    )


def _pooling(graph: Graph, layer: Any, x: list[str]) -> str:
    return graph.add("MaxPool", x, kernel_shape=layer.pool_size, strides=layer.strides)


def _padding(graph: Graph, layer: Any, x: list[str]) -> str:
    before, after = zip(*layer.padding, strict=True)
    pads = graph.constant(np.array([0, 0, *before, 0, 0, *after], np.int64))
    return graph.add("Pad", [x[0], pads])


def _cropping(graph: Graph, layer: Any, x: list[str]) -> str:
    before, after = (np.array(n, np.int64) for n in zip(*layer.cropping, strict=True))
    # What is counted from the end; as many as there are, at most.
    ends = np.where(after > 0, -after, np.iinfo(np.int64).max)
    axes = np.arange(2, 2 + graph.ndim, dtype=np.int64)
    return graph.add("Slice", [x[0], *map(graph.constant, (before, ends, axes))])


def _activation(graph: Graph, layer: Any, x: list[str]) -> str:
    return graph.add(
        {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}[
            layer.activation.__name__
        ],
        x,
    )


LAYERS: dict[str, Callable[[Graph, Any, list[str]], str]] = {
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "Conv2DTranspose": _widening,
    "Conv3DTranspose": _widening,
    "MaxPooling2D": _pooling,
    "MaxPooling3D": _pooling,
    "ZeroPadding2D": _padding,
    "Cropping2D": _cropping,
    "Activation": _activation,
    "ReLU": lambda graph, layer, x: graph.add("Relu", x),
    "Maximum": lambda graph, layer, x: graph.add("Max", x),
    "Average": lambda graph, layer, x: graph.add("Mean", x),
    "Concatenate": lambda graph, layer, x: graph.add("Concat", x, axis=1),
    "Softmax": lambda graph, layer, x: graph.add("Softmax", x, axis=1),
}
