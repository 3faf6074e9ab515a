import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tests.probabilistic.problems import two_regions
from tests.strategies import params_of

import napari_segen as ns
from napari_segen.core.archive import read_archive, write_archive
from napari_segen.core.errors import ModelFileError, NotFitted
from napari_segen.core.labels import ClassInfo
from napari_segen.probabilistic.registry import CLASSIFIERS, methods_with_strokes

IMAGE, SCRIBBLES, _ = two_regions()


def fitted(method="softmax", **settings):
    return ns.ProbabilisticSegmenter(method, **settings).fit(IMAGE, SCRIBBLES)


# So narrow that a fit is quick and ends.
NARROWER = {
    "forest": {"trees": (1, 20)},
    "softmax": {"learning_rate": (1e-6, 0.01), "steps": (1, 30), "penalty": (0, 100)},
}


@st.composite
def settings_of(draw, method):
    """Settings of a segmenter, and parameters of its method, all of them at random."""
    share = draw(st.floats(0.01, 0.99))
    scales = st.lists(st.floats(0.5, 4), min_size=1, max_size=2)
    params = CLASSIFIERS.get(method).Params
    return {
        "params": draw(params_of(params, NARROWER.get(method, {}))),
        "features": draw(st.sampled_from(["default", "gradient"])),
        "sigmas": tuple(draw(scales)),
        "smoothing": draw(st.floats(0, 5)),
        "class_prior": draw(st.sampled_from([None, {3: share, 7: 1 - share}])),
        "normalization": draw(st.sampled_from(["auto", "training", "image", "none"])),
        "seed": draw(st.integers(0, 2**31 - 1)),
    }


@pytest.mark.parametrize("method", methods_with_strokes())
@settings(max_examples=3)
@given(data=st.data())
def test_loaded_it_predicts_the_same_bytes(method, data, tmp_path_factory):
    model = fitted(method, **data.draw(settings_of(method)))
    path = tmp_path_factory.mktemp("model") / "m.segen"
    model.save(path)
    loaded = ns.load(path)
    assert_array_equal(loaded.predict_proba(IMAGE), model.predict_proba(IMAGE))
    assert_array_equal(loaded.novelty(IMAGE), model.novelty(IMAGE))
    assert loaded.params == model.params


def test_the_file_keeps_all_there_is_to_know(tmp_path):
    model = fitted(sigmas=(1.0, 3.0), channels=[0], params={"steps": 7}, seed=4)
    model.class_info_ = {7: ClassInfo("nucleus", "#ff0000")}
    model.save(tmp_path / "m.segen")
    loaded = ns.load(tmp_path / "m.segen")
    assert_array_equal(loaded.classes_, [3, 7])
    assert loaded.class_info_ == model.class_info_
    assert loaded.spec_ == model.spec_
    assert loaded.provenance_ == model.provenance_
    assert loaded.params == model.params
    assert (loaded.sigmas, loaded.channels, loaded.seed) == ((1.0, 3.0), (0,), 4)
    assert_array_equal(loaded.classifier_.loss_curve_, model.classifier_.loss_curve_)


def test_a_fresh_process_predicts_the_same_bytes(tmp_path):
    model = fitted(sigmas=(1.0,))
    model.save(tmp_path / "m.segen")
    np.save(tmp_path / "image.npy", IMAGE)
    code = (
        "import sys, numpy as np, napari_segen as ns\n"
        "model, image, out = sys.argv[1:]\n"
        "np.save(out, ns.load(model).predict_proba(np.load(image)))\n"
    )
    names = [str(tmp_path / n) for n in ("m.segen", "image.npy", "out.npy")]
    subprocess.run([sys.executable, "-c", code, *names], check=True)
    assert_array_equal(np.load(names[2]), model.predict_proba(IMAGE))


def test_it_travels_as_a_pickle():
    model = fitted()
    travelled = pickle.loads(pickle.dumps(model))
    assert_array_equal(travelled.predict_proba(IMAGE), model.predict_proba(IMAGE))


def test_an_unfitted_model_is_not_saved(tmp_path):
    with pytest.raises(NotFitted):
        ns.ProbabilisticSegmenter().save(tmp_path / "m.segen")
    assert not list(tmp_path.iterdir())


BROKEN = {
    "method": "magic",
    "params": {"steps": 0},
    "features": ["intensity"],
    "sigmas": [1e9],
    "channels": [3],
    "smoothing": "strong",
    "class_prior": {"a": 1},
    "normalization": {"mode": "auto", "low": [], "span": [], "least_span": []},
    "spec": {"axes": "yxq", "pixel_size": None, "unit": "pixel"},
    "n_channels": 10**9,
    "classes": [{"value": 1, "name": "", "color": ""}],
    "seed": None,
    "provenance": 3,
}


@pytest.mark.parametrize("key", BROKEN)
def test_a_header_that_makes_no_model_is_refused(key, tmp_path):
    header, arrays = fitted().to_archive()
    path = tmp_path / "m.segen"
    write_archive(path, "probabilistic", header | {key: BROKEN[key]}, arrays)
    with pytest.raises(ModelFileError):
        ns.load(path)
    del header[key]
    write_archive(path, "probabilistic", header, arrays)
    with pytest.raises(ModelFileError):
        ns.load(path)


def test_a_file_from_before_texture_was_looked_at_opens_without_it(tmp_path):
    model = fitted()
    header, arrays = model.to_archive()
    del header["sees_texture"]
    write_archive(tmp_path / "m.segen", "probabilistic", header, arrays)
    loaded = ns.load(tmp_path / "m.segen")
    assert not loaded.sees_texture_
    assert_array_equal(loaded.predict_proba(IMAGE), model.predict_proba(IMAGE))


def test_the_header_is_plain_json(tmp_path):
    model = fitted(smoothing=np.float32(0.5), seed=np.int64(3))
    model.save(tmp_path / "m.segen")
    header, _ = read_archive(tmp_path / "m.segen")
    assert json.loads(json.dumps(header)) == header
