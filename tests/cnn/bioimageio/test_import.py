"""Packages of others are used like our own models."""

import json
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.cnn.bioimageio.hand_made import (
    axis,
    filter_description,
    filter_files,
    filter_package,
    filtered,
    follows,
    npy,
    onnx_file,
    standardized,
    write_zip,
)

import napari_segen as ns
from napari_segen.cli import main
from napari_segen.core.errors import DataWarning, ModelFileError


@pytest.fixture
def package(tmp_path):
    return ns.load(filter_package(tmp_path / "filter.zip"))


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(100, 20, (50, 61)).astype(np.float32)


def answer_to(image, mode="symmetric"):
    """The filter's answer for every pixel of an image that goes on as told."""
    return filtered(np.pad(standardized(image), 1, mode=mode))


def test_it_reproduces_its_own_test_output(package):
    assert package.check_test_tensors() < 1e-5


def test_it_says_what_it_is(package):
    assert (package.kind, package.spec_.axes, package.n_channels_) == (
        "bioimageio",
        "yx",
        1,
    )
    assert package.classes_.tolist() == [0, 1]
    assert package.class_info_[1].name == "cells"
    assert package.provenance_["authors"] == ["Other People"]


def test_its_posterior_is_that_of_the_formula(package, image):
    before = image.copy()
    found = package.predict_proba(image)
    assert found.dtype == np.float32
    assert_allclose(found[1], answer_to(image), atol=1e-5)
    assert_allclose(found.sum(axis=0), 1, atol=1e-6)
    assert_array_equal(package.predict(image), (found[1] > found[0]).astype(np.uint8))
    assert_array_equal(image, before)


@pytest.mark.parametrize("mode", ["reflect", "edge", "constant"])
def test_the_image_goes_on_as_the_description_says(tmp_path, image, mode):
    pad = {"mode": mode} | ({"value": 0} if mode == "constant" else {})
    path = filter_package(tmp_path / "p.zip", lambda d: d["inputs"][0].update(pad=pad))
    assert_allclose(
        ns.load(path).predict_proba(image)[1], answer_to(image, mode), atol=1e-5
    )


def test_tiled_equals_whole(package, image, monkeypatch):
    whole = package.predict_proba(image)
    monkeypatch.setattr("napari_segen.cnn.bioimageio.layout.TILE_PX", {2: 17, 3: 9})
    assert_allclose(package.predict_proba(image), whole, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (5, 3)])
def test_small_images_are_labelled(package, size):
    found = package.predict_proba(np.arange(np.prod(size)).reshape(size))
    assert found.shape == (2, *size)
    assert np.isfinite(found).all()


def test_frames_and_planes_are_labelled_each_on_its_own(package, image):
    stack = np.stack(
        [image, image.T[:50, ::-1].T[:50].copy()[:, :50].repeat(2, 1)[:, :61]]
    )
    one_by_one = np.stack([package.predict_proba(p) for p in stack], axis=1)
    for axes in ("tyx", "zyx"):
        found = package.predict_proba(stack, spec=ns.ImageSpec(axes))
        assert_allclose(found, one_by_one, atol=1e-6)


def test_pixels_without_data_have_no_label(package, image):
    image[10:12, 5] = np.nan
    found = package.segment(image)
    assert (found.labels[10:12, 5] == 0).all()
    assert_allclose(found.posterior[:, 10, 5], 0.5)
    assert_allclose(found.uncertainty[10, 5], 1)
    assert np.isfinite(found.posterior).all()


def test_saved_pickled_and_loaded_it_gives_the_same_bytes(package, image, tmp_path):
    found = package.predict_proba(image)
    package.save(tmp_path / "filter.segen")
    for again in (
        ns.load(tmp_path / "filter.segen"),
        pickle.loads(pickle.dumps(package)),
    ):
        assert_array_equal(again.predict_proba(image), found)


def test_several_channels_and_classes_with_softmax(tmp_path):
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 2, 1, 1)).astype(np.float32)
    net = onnx_file(
        [("Conv", ["raw", "kernel"], ["z"], {"kernel_shape": [1, 1]})],
        {"kernel": kernel},
        n_channels=2,
        n_answers=3,
    )

    def change(d):
        d["inputs"][0]["axes"][1]["channel_names"] = ["red", "green"]
        d["inputs"][0]["preprocessing"] = [
            {
                "id": "scale_linear",
                "kwargs": {"axis": "channel", "gain": [0.5, 2.0], "offset": [1.0, 0.0]},
            }
        ]
        d["outputs"][0]["axes"] = [
            {"type": "batch"},
            {"type": "channel", "channel_names": ["a", "b", "c"]},
            axis("y", follows("y")),
            axis("x", follows("x")),
        ]
        d["outputs"][0]["postprocessing"] = [
            {"id": "softmax", "kwargs": {"axis": "channel"}}
        ]
        del d["weights"]["onnx"]["sha256"]

    files = filter_files(change) | {"net.onnx": net.SerializeToString()}
    package = ns.load(write_zip(tmp_path / "p.zip", files))
    image = rng.random((12, 15, 2)).astype(np.float32)
    z = np.einsum("kc,yxc->kyx", kernel[..., 0, 0], image * [0.5, 2] + [1, 0])
    wanted = np.exp(z) / np.exp(z).sum(axis=0)
    assert package.spec_.axes == "yxc"
    assert_allclose(package.predict_proba(image), wanted, atol=1e-5)
    assert [package.class_info_[k].name for k in range(3)] == ["a", "b", "c"]


def test_tiles_of_one_size_with_a_halo(tmp_path, image):
    """A network that takes 16 x 16 pixels and no others."""

    def change(d):
        size = {"y": 16, "x": 16}
        for a in d["inputs"][0]["axes"][2:]:
            a["size"] = size[a["id"]]
        d["outputs"][0]["axes"][2:] = [
            axis("y", follows("y", -2), halo=3),
            axis("x", follows("x", -2), halo=3),
        ]

    package = ns.load(filter_package(tmp_path / "p.zip", change))
    assert_allclose(package.predict_proba(image)[1], answer_to(image), atol=1e-5)


def test_the_older_format_is_understood(tmp_path, image):
    files = filter_files()
    description = {
        "format_version": "0.4.10",
        "type": "model",
        "name": "Filter of old",
        "description": "A filter.",
        "authors": [{"name": "Other People"}],
        "license": "MIT",
        "documentation": "doc.md",
        "cite": [{"text": "A paper", "doi": "10.1234/abc"}],
        "timestamp": "2022-01-01T00:00:00",
        "inputs": [
            {
                "name": "raw",
                "axes": "bcyx",
                "data_type": "float32",
                "shape": {"min": [1, 1, 8, 8], "step": [0, 0, 1, 1]},
                "preprocessing": [
                    {
                        "name": "zero_mean_unit_variance",
                        "kwargs": {"mode": "per_sample", "axes": "cyx", "eps": 1e-6},
                    }
                ],
            }
        ],
        "outputs": [
            {
                "name": "z",
                "axes": "bcyx",
                "data_type": "float32",
                "shape": {
                    "reference_tensor": "raw",
                    "scale": [1, 0, 1, 1],
                    "offset": [0, 0.5, -1, -1],
                },
            }
        ],
        "test_inputs": ["in.npy"],
        "test_outputs": ["out.npy"],
        "weights": {"onnx": {"source": "net.onnx", "opset_version": 13}},
    }
    files["rdf.yaml"] = json.dumps(description).encode()
    package = ns.load(write_zip(tmp_path / "old.zip", files))
    assert package.check_test_tensors() < 1e-5
    assert_allclose(package.predict_proba(image)[1], answer_to(image), atol=1e-5)


def fixed_scale(d):
    scale = {"id": "scale_linear", "kwargs": {"gain": 0.05, "offset": -5.0}}
    d["inputs"][0]["preprocessing"] = [scale]


def test_part_by_part_it_gives_what_it_gives_at_once(tmp_path, image):
    array = pytest.importorskip("dask.array")
    package = ns.load(filter_package(tmp_path / "p.zip", fixed_scale))
    lazy = ns.segment_lazy(package, array.from_array(image, chunks=(17, 23)))
    assert_array_equal(np.asarray(lazy), package.predict(image))


def test_what_needs_the_whole_image_is_not_done_part_by_part(package, image):
    array = pytest.importorskip("dask.array")
    with pytest.raises(ValueError, match="part by part"):
        ns.segment_lazy(package, array.from_array(image, chunks=(17, 23)))


def test_its_pixel_size_is_known_and_missed(tmp_path, image):
    def change(d):
        for tensor in (d["inputs"][0], d["outputs"][0]):
            for a in tensor["axes"][2:]:
                a |= {"unit": "micrometer", "scale": 0.5}

    package = ns.load(filter_package(tmp_path / "p.zip", change))
    assert package.spec_ == ns.ImageSpec("yx", (0.5, 0.5), "um")
    with pytest.warns(DataWarning, match="pixels are"):
        package.predict(image, spec=ns.ImageSpec("yx", (1.0, 1.0), "um"))


# ---- what is not supported


def two_inputs(d):
    d["inputs"].append({**d["inputs"][0], "id": "second"})


def time_axis(d):
    d["inputs"][0]["axes"].insert(2, {"type": "time", "id": "time", "size": 8})


def other_weights(d):
    d["weights"] = {"torchscript": {"source": "net.onnx", "pytorch_version": "2.0"}}


def from_another_model(d):
    d["inputs"][0]["output_of"] = "some-model"


def larger_output(d):
    for a in d["outputs"][0]["axes"][2:]:
        a["scale"] = 0.5


def labels_out(d):
    d["outputs"][0]["data"] = {"type": "uint8", "values": [0, 1]}


def huge_tiles(d):
    for a in d["inputs"][0]["axes"][2:]:
        a["size"] = {"min": 10**9, "step": 1}


def another_number_of_channels(d):
    d["outputs"][0]["axes"][1]["channel_names"] = ["a", "b", "c"]


def another_size(d):
    for a in d["outputs"][0]["axes"][2:]:
        a["size"]["offset"] = 0


def endless_classes(d):
    d["outputs"][0]["axes"][1]["channel_names"] = [str(i) for i in range(5000)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (huge_tiles, "pixels at once"),
        (another_number_of_channels, "gives .1, .* as described"),
        (another_size, "as described"),
        (endless_classes, "at most"),
        (two_inputs, "2 inputs"),
        (time_axis, "axis 'time'"),
        (other_weights, "no ONNX weights, but only torchscript"),
        (from_another_model, "output of another model"),
        (larger_output, "pixels of another size"),
        (labels_out, "uint8: not the probabilities"),
        (lambda d: d.update(run_mode={"name": "deepimagej"}), "run mode 'deepimagej'"),
        (lambda d: d.pop("inputs"), "not valid"),
        (lambda d: d.update(type="dataset"), "not"),
        (
            lambda d: d["outputs"][0].update(
                postprocessing=[
                    {
                        "id": "scale_mean_variance",
                        "kwargs": {"reference_tensor": "raw"},
                    }
                ]
            ),
            "postprocessing 'scale_mean_variance'",
        ),
        (
            lambda d: d["weights"]["onnx"].update(source="https://x.org/net.onnx"),
            "not in the package",
        ),
        (lambda d: d["weights"]["onnx"].update(source="other.onnx"), "not in it"),
        (lambda d: d["weights"]["onnx"].update(sha256="0" * 64), "SHA-256"),
    ],
)
def test_what_is_not_supported_is_said(tmp_path, image, change, words):
    path = filter_package(tmp_path / "p.zip", change)
    with pytest.raises(ModelFileError, match=words):
        ns.load(path).predict(image)


def test_an_output_that_is_no_posterior_is_refused(tmp_path, image):
    net = onnx_file(
        [("Conv", ["raw", "kernel"], ["z"], {"kernel_shape": [3, 3]})],
        {"kernel": np.ones((1, 1, 3, 3), np.float32)},
    )
    files = filter_files(lambda d: d["weights"]["onnx"].pop("sha256"))
    path = write_zip(tmp_path / "p.zip", files | {"net.onnx": net.SerializeToString()})
    with pytest.raises(ModelFileError, match="not probabilities"):
        ns.load(path).predict(image)


def test_an_image_that_its_type_cannot_hold_is_refused(tmp_path, image):
    def change(d):
        d["inputs"][0]["data"] = {"type": "uint8"}
        to_float = {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}
        d["inputs"][0]["preprocessing"].append(to_float)

    path = filter_package(tmp_path / "p.zip", change)
    with pytest.raises(ValueError, match="type uint8, which does not hold"):
        ns.load(path).predict(image)
    with pytest.raises(ValueError, match="type uint8, which does not hold"):
        ns.load(path).predict(np.full((20, 20), 300))
    ns.load(path).predict(image.astype(np.uint8))


def test_images_with_other_channels_are_refused(package):
    with pytest.raises(ValueError, match="3 channels"):
        package.predict(np.zeros((9, 9, 3)), spec=ns.ImageSpec("yxc"))


def test_a_test_of_another_size_is_told(tmp_path):
    y = filter_description()[2]
    files = filter_files() | {"out.npy": npy(y[..., 1:])}
    package = ns.load(write_zip(tmp_path / "p.zip", files))
    with pytest.raises(ModelFileError, match="shape"):
        package.check_test_tensors()


def test_on_the_command_line(tmp_path, image, capsys):
    path = filter_package(tmp_path / "filter.zip")
    from napari_segen.workflows.files import read_image, write_tiff

    write_tiff(tmp_path / "image.tif", image)
    out = tmp_path / "out"
    argv = ["segment", "--model", path, "--out", out, tmp_path / "image.tif"]
    assert main([str(a) for a in argv]) == 0
    found = read_image(out / "image_labels.tif").array
    assert_array_equal(found, ns.load(path).predict(image))
    capsys.readouterr()
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert "name: Filter of others" in said
    assert "its own test: the output differs by at most" in said
