"""Packages written by hand, word by word, not by our exporter."""

import hashlib
import io
import json
import zipfile

import numpy as np

KERNEL = np.array([[0, 1, 0], [1, -2, 3], [0, 1, 1]], np.float32)
EPS = 1e-6


def onnx_file(
    nodes, constants, n_channels=1, n_answers=1, opset=13, names=("raw", "z")
):
    """An ONNX file that maps (B, C, Y, X) to (B, K, Y, X)."""
    from onnx import TensorProto, helper, numpy_helper

    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", n, None, None])
        for name, n in zip(names, (n_channels, n_answers), strict=True)
    ]
    held = [numpy_helper.from_array(v, k) for k, v in constants.items()]
    graph = helper.make_graph(
        [helper.make_node(*node, **more) for *node, more in nodes],
        "g",
        ends[:1],
        ends[1:],
        held,
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def filter_file():
    """A correlation with `KERNEL` that loses a pixel on each side, then a sigmoid."""
    nodes = [
        ("Conv", ["raw", "kernel"], ["y"], {"kernel_shape": [3, 3]}),
        ("Sigmoid", ["y"], ["z"], {}),
    ]
    return onnx_file(nodes, {"kernel": KERNEL[None, None]})


def standardized(image):
    """An image with mean 0 and standard deviation 1."""
    return (image - image.mean()) / (image.std() + EPS)


def filtered(x):
    """What the network says of a standardised image (Y, X): 2 pixels less each way."""
    rows, columns = (n - 2 for n in x.shape)
    y = sum(
        KERNEL[i, j] * x[i : rows + i, j : columns + j]
        for i in range(3)
        for j in range(3)
    )
    return 1 / (1 + np.exp(-y))


def axis(name, size, **more):
    return {"type": "space", "id": name, "size": size, **more}


def follows(name, offset=0):
    return {"tensor_id": "raw", "axis_id": name, "offset": offset}


def filter_description():
    """The description of the filter, and its test tensors."""
    rng = np.random.default_rng(3)
    test = rng.normal(100, 20, (20, 23)).astype(np.float32)
    size = {"min": 8, "step": 1}
    channel = {"type": "channel", "channel_names": ["grey"]}
    given = {
        "id": "raw",
        "axes": [{"type": "batch"}, channel, axis("y", size), axis("x", size)],
        "preprocessing": [
            {
                "id": "zero_mean_unit_variance",
                "kwargs": {"axes": ["channel", "y", "x"], "eps": EPS},
            }
        ],
        "test_tensor": {"source": "in.npy"},
    }
    answer = {
        "id": "foreground",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": ["cells"]},
            axis("y", follows("y", -2)),
            axis("x", follows("x", -2)),
        ],
        "test_tensor": {"source": "out.npy"},
    }
    description = {
        "type": "model",
        "format_version": "0.5.3",
        "name": "Filter of others",
        "description": "A filter.",
        "authors": [{"name": "Other People"}],
        "license": "MIT",
        "documentation": "doc.md",
        "cite": [{"text": "A paper", "doi": "10.1234/abc"}],
        "inputs": [given],
        "outputs": [answer],
        "weights": {"onnx": {"source": "net.onnx", "opset_version": 13}},
    }
    return description, test[None, None], filtered(standardized(test))[None, None]


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def filter_files(change=lambda description: None):
    """The files of the filter's package, with a change to its description."""
    description, x, y = filter_description()
    files = {
        "doc.md": b"# Filter\n",
        "net.onnx": filter_file().SerializeToString(),
        "in.npy": npy(x.astype(np.float32)),
        "out.npy": npy(y.astype(np.float32)),
    }
    weights = description["weights"]["onnx"]
    weights["sha256"] = hashlib.sha256(files["net.onnx"]).hexdigest()
    change(description)
    # JSON is YAML, too.
    return {"rdf.yaml": json.dumps(description).encode(), **files}


def filter_package(path, change=lambda description: None):
    return write_zip(path, filter_files(change))
