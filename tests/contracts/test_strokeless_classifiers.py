"""Laws of methods that find the classes themselves; a new one is tested as it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.problems import two_regions

import napari_segen as ns
from napari_segen.core.parameters import describe
from napari_segen.core.steps import Step
from napari_segen.probabilistic import frame, prediction
from napari_segen.probabilistic.registry import CLASSIFIERS, methods_with_strokes

pytestmark = pytest.mark.parametrize(
    "name", sorted(set(CLASSIFIERS) - set(methods_with_strokes()))
)


def three_levels(shape=(66, 90), seed=0):
    """Three stripes, each brighter than the one before, and which is where."""
    level = np.arange(shape[-1]) * 3 // shape[-1]
    truth = np.broadcast_to(level, shape) + 1
    noise = np.random.default_rng(seed).normal(size=shape)
    return 50 + 20 * truth + noise, truth


def fitted(name, image, classes=3, spec=None, **more):
    settings = {"params": {"classes": classes}, **more}
    return ns.ProbabilisticSegmenter(name, **settings).fit(image, spec=spec)


def test_it_says_what_it_is(name):
    method = CLASSIFIERS.get(name)
    assert method.title
    assert method.summary.endswith(".")
    assert all(p.help for p in describe(method.Params))


def test_levels_of_brightness_are_classes_from_dark_to_bright(name):
    image, truth = three_levels()
    model = fitted(name, image, features="intensity")
    assert_array_equal(model.classes_, [1, 2, 3])
    assert (model.predict(image) == truth).mean() > 0.95


def test_without_a_number_of_classes_it_chooses_one(name):
    image, _ = three_levels()
    model = fitted(name, image, 0)
    assert 2 <= len(model.classes_) <= 8
    found = model.predict(image)
    means = [image[found == c].mean() for c in model.classes_]
    assert means == sorted(means)


def test_the_numbers_of_the_classes_do_not_depend_on_the_start(name):
    image, _ = three_levels()
    one, other = (
        fitted(name, image, seed=s, features="intensity").predict(image) for s in (0, 1)
    )
    assert (one == other).mean() > 0.99


def test_the_posterior_is_a_posterior(name):
    image, _ = three_levels()
    p = fitted(name, image).predict_proba(1e6 * image**3)
    assert p.shape == (3, *image.shape)
    assert p.dtype == np.float32
    assert p.min() >= 0
    assert_allclose(p.sum(axis=0), 1, atol=1e-6)


MOVES = {
    "rows": lambda a: a[::-1],
    "columns": lambda a: a[:, ::-1],
    "transpose": lambda a: a.T,
}


@pytest.mark.parametrize("shape", [(48, 56), (37, 45), (64, 64)])
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_flips_and_transposes_carry_over(name, shape, move):
    image, _, _ = two_regions(shape)
    p = fitted(name, image).predict_proba(image)
    moved = fitted(name, move(image)).predict_proba(move(image))
    assert_allclose(moved, np.stack([move(plane) for plane in p]), atol=1e-3)


@given(scale=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3))
@settings(max_examples=10, deadline=None)
def test_brightness_and_contrast_do_not_matter(name, scale, offset):
    image = two_regions()[0].astype(float)
    other = scale * image + offset
    labels = fitted(name, image).predict(image)
    assert (fitted(name, other).predict(other) == labels).mean() > 0.9999


def test_the_same_seed_gives_the_same_bytes(name):
    image, _ = three_levels()
    one, other = (fitted(name, image, seed=3).predict_proba(image) for _ in range(2))
    assert one.tobytes() == other.tobytes()


def test_tiled_equals_whole(name, monkeypatch):
    image, _, _ = two_regions((70, 61))
    model = fitted(name, image, sigmas=(1.0, 2.0))
    whole = model.predict_proba(image)
    monkeypatch.setattr(frame, "MAX_FEATURE_BYTES", 1)
    monkeypatch.setattr(frame, "LEAST_TILE_SIDE", 9)
    monkeypatch.setattr(prediction, "BLOCK_2D", (9, 13))
    assert_allclose(model.predict_proba(image), whole, atol=1e-5)


def test_loaded_it_predicts_the_same_bytes(name, tmp_path):
    image, _ = three_levels()
    model = fitted(name, image)
    model.save(tmp_path / "m.segen")
    loaded = ns.load(tmp_path / "m.segen")
    assert_array_equal(loaded.classes_, model.classes_)
    assert loaded.predict_proba(image).tobytes() == model.predict_proba(image).tobytes()


def test_arrays_that_do_not_fit_are_refused(name):
    model = fitted(name, three_levels()[0]).classifier_
    method, arrays, f = type(model), model.arrays(), model.n_features_
    for key in arrays:
        with pytest.raises(ValueError, match=key):
            method.from_arrays(
                None, {k: v for k, v in arrays.items() if k != key}, f, 3
            )
        broken = arrays | {key: np.full_like(arrays[key], np.nan)}
        with pytest.raises(ValueError, match=key):
            method.from_arrays(None, broken, f, 3)
    with pytest.raises(ValueError, match="shape"):
        method.from_arrays(None, arrays, f, 4)


def test_pixels_without_data_have_no_part(name):
    image, _ = three_levels()
    holes = np.zeros(image.shape, bool)
    holes[20:30, 20:50] = True
    image[holes] = np.nan
    model = fitted(name, image)
    assert_array_equal(model.predict(image)[holes], 0)
    image[holes] = np.inf
    again = fitted(name, image)
    assert_array_equal(again.predict_proba(image), model.predict_proba(image))


SPECS = {
    "volume": ("zyx", (20, 24, 30)),
    "film": ("tyx", (3, 40, 60)),
    "channels": ("cyx", (2, 40, 60)),
    "film of channels": ("tcyx", (2, 2, 40, 60)),
}


@pytest.mark.parametrize(("axes", "shape"), SPECS.values(), ids=SPECS)
def test_volumes_films_and_channels(name, axes, shape):
    image, truth = three_levels(shape)
    spec = ns.ImageSpec(axes)
    model = fitted(name, image, spec=spec, features="intensity")
    found = model.predict(image)
    assert found.shape == spec.label_shape(shape)
    expected = truth if "c" not in axes else truth.take(0, axes.index("c"))
    assert (found == expected).mean() > 0.9


def test_several_images_are_learnt_from_together(name):
    (dark, _), (bright, _) = three_levels((40, 60)), three_levels((50, 70), 1)
    image = [dark[:, :40], bright[:, 20:]]
    model = fitted(name, image, features="intensity", normalization="none")
    found = model.predict(bright)
    assert set(np.unique(found)) == {1, 2, 3}


def test_colour_without_a_spec_is_in_doubt(name):
    image = np.stack([three_levels()[0]] * 3, axis=-1)
    with pytest.raises(ValueError, match="spec=ImageSpec"):
        fitted(name, image)


def test_strokes_are_refused_and_where_needed_asked_for(name):
    image, scribbles, _ = two_regions()
    with pytest.raises(ValueError, match="takes no scribbles"):
        ns.ProbabilisticSegmenter(name).fit(image, scribbles)
    with pytest.raises(ValueError, match='method="mixture"'):
        ns.ProbabilisticSegmenter("softmax").fit(image)


def test_images_without_anything_to_tell_apart_are_refused(name):
    with pytest.raises(ValueError, match="image is constant"):
        fitted(name, np.full((40, 40), 7.0))
    with pytest.raises(ValueError, match="no pixel with data"):
        fitted(name, np.full((40, 40), np.nan))
    with pytest.raises(ValueError, match="16 pixels with data, too few"):
        fitted(name, np.random.default_rng(0).random((4, 4)))


def test_a_prior_for_other_classes_is_refused(name):
    image, _ = three_levels()
    with pytest.raises(ValueError, match="class_prior"):
        fitted(name, image, class_prior={1: 0.5, 2: 0.5})


def test_it_shows_progress_that_never_goes_back(name):
    image, _ = three_levels()
    seen = list(ns.ProbabilisticSegmenter(name).fit_steps(image))
    done = [s.done / s.total for s in seen]
    assert all(isinstance(s, Step) for s in seen)
    assert done == sorted(done)
    assert any("likelihood" in s.figures for s in seen)


def test_the_image_is_not_written_to(name):
    image, _ = three_levels()
    image.flags.writeable = False
    fitted(name, image).predict(image)
