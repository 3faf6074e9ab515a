"""Our networks as packages: valid, complete, and the same network."""

import gc
import json
import socket
import warnings
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.cnn.problems import TINY, halves, two_strokes
from tests.contracts.test_networks import make, random_weights

import napari_segen as ns
from napari_segen.cli import main
from napari_segen.cnn import backend
from napari_segen.cnn.bioimageio import packages
from napari_segen.cnn.bioimageio.description import Card
from napari_segen.cnn.bioimageio.export import write_package
from napari_segen.cnn.bioimageio.graph import INPUT, onnx_model
from napari_segen.cnn.registry import NETWORKS
from napari_segen.core.errors import MissingBackend
from napari_segen.workflows.files import write_tiff

pytestmark = [
    pytest.mark.keras,
    # Keras' own, of its saving under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

CARD = Card(
    name="Halves of an image",
    authors=["Ada Example", "Bo Example"],
    license="CC-BY-4.0",
    description="Tells a bright half from a dark one.",
    documentation="# Halves\n\n## Validation\n\nBy eye.\n",
    cite=[("A paper", "10.1234/abc")],
)


@pytest.fixture
def written(trained, tmp_path):
    path = tmp_path / "halves.zip"
    write_package(trained, path, CARD)
    return path


@pytest.fixture
def offline(monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_the_onnx_file_answers_as_the_keras_model(name):
    network = make(name)
    weights = network.merged(random_weights(network))
    model = network.plain()
    model.set_weights(weights)
    keras = backend.keras()
    model = keras.Model(model.inputs[0], keras.layers.Softmax()(model.outputs[0]))
    session = packages.onnxruntime().InferenceSession(onnx_model(model))
    shape = [
        2 * max(h) + 3 * m for h, m in zip(network.halo, network.multiple, strict=True)
    ]
    x = np.random.default_rng(0).random((2, *shape, network.n_channels), np.float32)
    (found,) = session.run(None, {INPUT: x})
    assert_allclose(found, np.asarray(model(x)), atol=1e-4)


def validated(path):
    """The description of a package that the official validator accepts."""
    with zipfile.ZipFile(path) as zipped, warnings.catch_warnings():
        # The validator leaves a file open, the cover that it draws.
        warnings.simplefilter("ignore", ResourceWarning)
        found = packages.spec().load_description(zipped, perform_io_checks=True)
        summary = found.validation_summary
        gc.collect()
    assert summary.status in ("valid-format", "passed"), summary.format()
    assert not [e for d in summary.details for e in d.errors]
    return found


def test_a_package_passes_the_official_validator_offline(written, offline):
    found = validated(written)
    newest = packages.spec().model.ModelDescr.implemented_format_version
    assert str(found.format_version) == newest
    assert [a.name for a in found.authors] == ["Ada Example", "Bo Example"]
    assert str(found.license) == "CC-BY-4.0"
    assert found.weights.onnx.parent == "keras_v3"


def test_it_passes_its_own_test_with_onnxruntime(written):
    assert ns.load(written).check_test_tensors() < 1e-4


def test_the_keras_weights_answer_as_the_test_output_says(written, tmp_path):
    with zipfile.ZipFile(written) as zipped:
        zipped.extractall(tmp_path / "out")
    model = backend.keras().models.load_model(tmp_path / "out" / "weights.keras")
    x, y = (np.load(tmp_path / "out" / f"test_{n}.npy") for n in ("input", "output"))
    found = spec_scaled(written, x)
    assert_allclose(np.asarray(model(found)), y, atol=1e-4)


def spec_scaled(path, x):
    """Scale as the description says, by NumPy."""
    with zipfile.ZipFile(path) as zipped:
        content = packages.ruyaml().YAML(typ="safe").load(zipped.read("rdf.yaml"))
    (scale,) = content["inputs"][0]["preprocessing"]
    assert scale["id"] == "scale_range"
    percent = [scale["kwargs"][f"{end}_percentile"] for end in ("min", "max")]
    low, high = np.percentile(x, percent, axis=(1, 2), keepdims=True)
    return ((x - low) / (high - low + scale["kwargs"]["eps"])).astype(np.float32)


@pytest.mark.parametrize("mode", ["training", "image", "none", "auto"])
def test_imported_again_it_answers_as_before(tmp_path, mode):
    image, truth = halves()
    kind = TINY["unet"] | {"normalization": mode, "precision": "float32"}
    net = ns.CnnSegmenter("unet", max_steps=30, **kind)
    net.fit(image, two_strokes(truth), unlabelled=0)
    write_package(net, tmp_path / "p.zip", CARD)
    again = ns.load(tmp_path / "p.zip")
    assert_array_equal(again.classes_, net.classes_)
    # Percentiles are interpolated there, and are grey values here.
    tolerance = 1e-5 if mode in ("training", "none") else 0.05
    found, wanted = again.predict_proba(image), net.predict_proba(image)
    assert_allclose(found, wanted, atol=tolerance)
    assert (again.predict(image) == net.predict(image)).mean() > 0.999


def test_objects_names_colours_and_pixel_size_survive(tmp_path):
    image, truth = halves()
    spec = ns.ImageSpec("yx", (0.25, 0.25), "um")
    net = ns.CnnSegmenter("unet", task="instances", max_steps=30, **TINY["unet"])
    net.fit(image, (truth == 7).astype(int), spec=spec)
    write_package(net, tmp_path / "p.zip", CARD)
    again = ns.load(tmp_path / "p.zip")
    assert (again.task, again.spec_) == ("instances", spec)
    assert again.predict(image).dtype == net.predict(image).dtype


def test_an_example_becomes_the_test_input(trained, tmp_path):
    image, _ = halves((120, 130))
    write_package(trained, tmp_path / "p.zip", CARD, example=image)
    with (
        zipfile.ZipFile(tmp_path / "p.zip") as zipped,
        zipped.open("test_input.npy") as file,
    ):
        x = np.load(file)[0, ..., 0]
    top, left = ((n - s) // 2 for n, s in zip(image.shape, x.shape, strict=True))
    assert_array_equal(x, image[top : top + x.shape[0], left : left + x.shape[1]])


def test_volumes(tmp_path, offline):
    rng = np.random.default_rng(0)
    truth = np.ones((12, 32, 32), int)
    truth[:, :, 16:] = 2
    image = (100.0 * truth + rng.normal(0, 10, truth.shape)).astype(np.float32)
    net = ns.CnnSegmenter(
        "unet3d",
        params={"filters": 4, "depth": 1, "z_halvings": 1},
        patch_px=16,
        max_steps=20,
        precision="float32",
        normalization="training",
    ).fit(image, truth)
    write_package(net, tmp_path / "p.zip", CARD)
    validated(tmp_path / "p.zip")
    again = ns.load(tmp_path / "p.zip")
    assert again.check_test_tensors() < 1e-4
    assert_allclose(again.predict_proba(image), net.predict_proba(image), atol=1e-5)


def test_a_failed_export_leaves_the_old_file(trained, tmp_path):
    path = tmp_path / "p.zip"
    path.write_bytes(b"old")
    bad = Card("Halves", ["A"], "No such licence", "x", "# Halves\n")
    with pytest.raises(ValueError, match="license"):
        write_package(trained, path, bad)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_package_is_one_clear_message(trained, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "bioimageio.spec", None)
    with pytest.raises(MissingBackend, match=r"napari-segen\[bioimageio\]"):
        write_package(trained, tmp_path / "p.zip", CARD)


def test_on_the_command_line(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    trained.save("halves of it.segen")
    write_tiff("image.tif", halves()[0])
    argv = ["export", "--bioimageio", "out.zip", "halves of it.segen"]
    argv += ["--author", "Ada", "--license", "MIT", "--image", "image.tif"]
    assert main(argv) == 0
    assert main(["info", "out.zip"]) == 0
    said = capsys.readouterr().out
    assert "name: halves of it" in said
    assert "its own test: the output differs by at most" in said
    with zipfile.ZipFile("out.zip") as zipped:
        text = zipped.read("README.md").decode()
    assert "## Validation" in text
    assert trained.network in json.dumps(text)


def test_what_is_no_network_cannot_be_exported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    image, truth = halves()
    ns.ProbabilisticSegmenter("bayes").fit(image, two_strokes(truth)).save("m.segen")
    argv = ["export", "--bioimageio", "o.zip", "m.segen", "--author", "A"]
    assert main([*argv, "--license", "MIT"]) == 2
    assert "is no CNN" in capsys.readouterr().err
