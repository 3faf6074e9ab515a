"""Writing one of our networks as a BioImage.IO package."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.cnn import backend
from napari_segen.cnn.bioimageio import packages
from napari_segen.cnn.bioimageio.description import (
    DESCRIPTION,
    KERAS_FILE,
    ONNX_FILE,
    README,
    TEST_INPUT,
    TEST_OUTPUT,
    Card,
    described,
    margins,
    scaling,
)
from napari_segen.cnn.bioimageio.graph import onnx_model
from napari_segen.cnn.bioimageio.processing import processed
from napari_segen.cnn.labelled import read_window
from napari_segen.cnn.labelling import NetworkModel
from napari_segen.cnn.network import Network
from napari_segen.core.archive import FilePath, written_whole
from napari_segen.core.checks import check_new_image
from napari_segen.core.imagespec import SPACE, Array, ImageSpec

# Sides of what the test output shows without its margins, about.
TEST_PX = 32


def write_package(
    model: NetworkModel,
    path: FilePath,
    card: Card,
    *,
    example: Any = None,
    spec: ImageSpec | None = None,
) -> None:
    """Write a fitted network as a BioImage.IO package.

    Parameters
    ----------
    model : CnnSegmenter
    path : path
        Of a zip file; replaced only when the new one is complete.
    card : Card
    example : array, optional
        An image from whose middle the test input is cut. It becomes part of the
        package. None: noise in the range of the training images.
    spec : ImageSpec, optional
        Its axes; those of the training if None.

    Raises
    ------
    ValueError
        The specification does not allow a name or a licence.
    MissingBackend
        `bioimageio.spec`, `onnx` or TensorFlow is not installed.
    """
    model.check_fitted()
    spec_of_packages, yaml = packages.spec(), packages.ruyaml()
    network = model.network_for(model.n_channels_, len(model.classes_))
    files = _files(model, network, card, _test_input(model, network, example, spec))
    content = described(model, network, card, files)
    context = spec_of_packages.ValidationContext(
        perform_io_checks=False, log_warnings=False
    )
    found = spec_of_packages.build_description(content, context=context)
    if isinstance(found, spec_of_packages.InvalidDescr):
        raise ValueError(
            f"BioImage.IO does not allow this: {' '.join(found.get_reason().split())}"
        )
    text = io.StringIO()
    yaml.YAML(typ="safe").dump(content, text)
    with (
        written_whole(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr(DESCRIPTION, text.getvalue())
        for name, data in files.items():
            archive.writestr(name, data)


def _files(
    model: NetworkModel, network: Network, card: Card, x: Array
) -> dict[str, bytes]:
    """Make the files of the package but its description, by name."""
    keras_model = _deployed(model, network)
    axes = ["batch", *SPACE[-network.ndim :], "channel"]
    scaled = processed(x, axes, scaling(model, network)).astype(np.float32)
    answer = np.asarray(keras_model(scaled), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        keras_file = Path(folder) / KERAS_FILE
        keras_model.save(keras_file)
        keras_weights = keras_file.read_bytes()
    return {
        KERAS_FILE: keras_weights,
        ONNX_FILE: onnx_model(keras_model),
        README: card.documentation.encode(),
        TEST_INPUT: _npy(x),
        TEST_OUTPUT: _npy(answer),
    }


def _npy(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _deployed(model: NetworkModel, network: Network) -> Any:
    """Return the Keras model of standard layers, from scaled images to posterior."""
    assert model.weights_ is not None
    plain = network.plain()
    *inner, kernel, bias = network.merged(model.weights_)
    last = [(w / model.temperature_).astype(np.float32) for w in (kernel, bias)]
    backend.set_weights(plain, [*inner, *last])
    keras = backend.keras()
    return keras.Model(plain.inputs[0], keras.layers.Softmax()(plain.outputs[0]))


def _test_input(
    model: NetworkModel, network: Network, example: Any, spec: ImageSpec | None
) -> npt.NDArray[np.float32]:
    """Return a small image ``(1, *S, C)``, grey values as they are."""
    shape = [
        2 * margin + -(-TEST_PX // m) * m
        for margin, m in zip(margins(network), network.multiple, strict=True)
    ]
    if example is None:
        return _noise(model, shape)
    spec = spec or model.spec_
    frame = spec.frames(check_new_image(example, spec, model.n_channels_))[0]
    if frame.ndim - 1 > network.ndim:
        frame = frame[:, frame.shape[1] // 2]
    if frame.ndim - 1 < network.ndim:
        raise ValueError("example is a plane, but the network looks at volumes.")
    corner = [(n - s) // 2 for n, s in zip(frame.shape[1:], shape, strict=True)]
    window = np.nan_to_num(read_window(frame, corner, shape).astype(np.float32))
    return np.ascontiguousarray(np.moveaxis(window, 0, -1)[np.newaxis])


def _noise(model: NetworkModel, shape: list[int]) -> npt.NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    scale = model.normalization_
    x = np.empty((1, *shape, model.n_channels_), np.float32)
    for c in range(model.n_channels_):
        noise = gaussian_filter(rng.normal(size=shape), 3)
        noise = (noise - noise.min()) / np.ptp(noise)
        x[0, ..., c] = scale.low[c] + scale.span[c] * noise
    return x
