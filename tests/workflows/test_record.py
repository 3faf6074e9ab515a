import subprocess
import sys

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from tests.probabilistic.problems import two_regions

import napari_segen as ns
from napari_segen.core.labels import ClassInfo
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.workflows.methods import methods_text
from napari_segen.workflows.record import script_applying, script_of

IMAGE, SCRIBBLES, _ = two_regions()
SPEC = ns.ImageSpec("yx", (0.5, 0.25), "um")


def fitted(method="softmax", **settings):
    strokes = SCRIBBLES if CLASSIFIERS.get(method).needs_strokes else None
    model = ns.ProbabilisticSegmenter(method, **settings)
    return model.fit(IMAGE, strokes, spec=SPEC)


def network():
    """A network as a fit leaves it, but for its weights."""
    net = ns.CnnSegmenter(learning_rate=0.004, seed=3)
    net.spec_, net.classes_, net.weights_ = SPEC, np.array([1, 2]), []
    net.n_steps_, net.note_ = 12, "stopped"
    net.history_ = {"step": [4, 8, 12], "val_iou": [0.25, 0.5, None]}
    net.provenance_ = {"images": ["a", "b"], "labels": ["c", "d"]}
    net.provenance_ |= {"versions": {"python": "3.12", "tensorflow": "2.21"}}
    return net


def check_same_bytes(script, model, folder):
    """Run a script in a process of its own and compare what it writes."""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)
    assert_array_equal(np.load(folder / "posterior.npy"), model.predict_proba(IMAGE))
    labels, expected = tifffile.imread(folder / "labels.tif"), model.predict(IMAGE)
    assert labels.dtype == expected.dtype
    assert_array_equal(labels, expected)


@pytest.mark.parametrize("method", ["auto", "mixture"])
def test_the_script_makes_the_same_bytes(method, tmp_path):
    model = fitted(method, sigmas=(1.0, 2.5), sigma_unit="physical", smoothing=2)
    if method == "auto":
        model.class_prior = {3: 0.3, np.int64(7): np.float64(0.7)}
    np.save(tmp_path / 'an "image".npy', IMAGE)
    tifffile.imwrite(tmp_path / "strokes.tif", SCRIBBLES)
    script = script_of(model, tmp_path / 'an "image".npy')
    check_same_bytes(script, model, tmp_path)


def test_a_saved_model_makes_the_same_bytes(tmp_path):
    model = fitted()
    model.save(tmp_path / "model.segen")
    model.class_prior = {3: 0.9, 7: 0.1}  # after it was saved
    tifffile.imwrite(tmp_path / "image.tif", IMAGE)
    check_same_bytes(script_applying(model), model, tmp_path)


def test_added_strokes_need_the_file_of_the_earlier_model(tmp_path):
    image, scribbles, _ = two_regions(seed=1)
    earlier = ns.ProbabilisticSegmenter("softmax").fit(image, scribbles, spec=SPEC)
    earlier.save(tmp_path / "earlier.segen")
    model = ns.ProbabilisticSegmenter("softmax")
    model.fit(IMAGE, SCRIBBLES, spec=SPEC, init_from=earlier)
    for name, array in (("image.tif", IMAGE), ("strokes.tif", SCRIBBLES)):
        tifffile.imwrite(tmp_path / name, array)
    script = script_of(model)
    day = earlier.provenance_["created"]
    assert f"the model of {day}" in script
    check_same_bytes(script, model, tmp_path)
    told = f"strokes on 2 images, some of them kept from models fitted on {day[:10]};"
    assert told in methods_text(model)


def test_only_what_is_not_usual_is_written():
    line = "ProbabilisticSegmenter(\"softmax\", params={'steps': 7}, seed=4)\n"
    assert line in script_of(fitted(params={"steps": 7}, seed=4))


def test_a_file_that_cannot_be_read_is_named_in_a_comment():
    script = script_of(fitted(), "a\nb.czi")
    assert '# It came from "a\\nb.czi".\n# Save it as image.tif' in script
    compile(script, "script", "exec")


def test_a_model_of_several_images_is_refused():
    model = ns.ProbabilisticSegmenter("softmax").fit([IMAGE] * 2, [SCRIBBLES] * 2)
    with pytest.raises(ValueError, match="model cannot be fitted again"):
        script_of(model)


@pytest.mark.parametrize("method", sorted(CLASSIFIERS))
def test_the_paragraph_names_method_versions_and_seed(method):
    model = fitted(method, seed=5, smoothing=3)
    model.class_info_ = {7: ClassInfo("nucleus", "#ff0000")}
    text = methods_text(model)
    assert "\n" not in text
    assert repr(method) in text
    assert "strength 3" in text
    assert "seed was 5" in text
    assert f"numpy {np.__version__}" in text
    assert ("It learnt from 2 strokes on 1 image" in text) == (method != "mixture")
    assert ("nucleus" in text) == (method != "mixture")
    assert "tensorflow" not in text


def test_the_script_of_a_network_says_how_it_labels():
    net = network()
    net.prediction = type(net.prediction)(flips=True)
    script = script_applying(net, "a.tif", rescale=True)
    compile(script, "script", "exec")
    assert "model.prediction = type(model.prediction)(flips=True, memory_mb" in script
    assert "labels = model.predict(image, spec=spec, rescale=True)" in script
    assert "model.predict_proba(image, spec=spec, rescale=True)" in script


def test_a_networks_paragraph_says_how_it_was_trained_and_how_good_it_was():
    text = methods_text(network())
    assert "2 images for 12 steps" in text
    assert "learning rate = 0.004" in text
    assert "held out from the training was 0.500" in text
    assert "seed was 3" in text
    assert "tensorflow 2.21" in text
