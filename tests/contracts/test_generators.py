"""Laws of every generator in the registry; a new one is tested before its own tests."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.strategies import images

from napari_segen import ImageGenerator, ImageSpec, load
from napari_segen.core.parameters import as_json, describe, make_params
from napari_segen.core.provenance import array_hash
from napari_segen.generation.registry import GENERATORS

pytestmark = pytest.mark.keras

QUICK = {
    "decoder": {"width": 4, "latent": 3, "levels": 2, "patch_px": 16},
    "flow": {
        "filters": 4,
        "depth": 1,
        "patch_px": 16,
        "batch_size": 2,
        "sampling_steps": 3,
    },
}
# Those that are fitted; test_drawing_generators.py has the others.
EVERY = pytest.mark.parametrize(
    "name", [name for name in GENERATORS if GENERATORS.get(name).needs_images]
)


def toy(dtype=np.uint8):
    rng = np.random.default_rng(0)
    labels = np.zeros((40, 44), int)
    labels[8:30, 10:25] = 4
    labels[25:38, 20:40] = 9
    image = labels * 15 + rng.integers(20, 60, labels.shape)
    return image.astype(dtype), labels


def fitted(name, image, labels=None, *, spec=None):
    maker = ImageGenerator(name, params=QUICK.get(name), max_steps=3)
    return maker.fit(image, labels, spec=spec)


@cache
def fitted_once(name):
    """Fitted on the toy, whose arrays cannot be written to."""
    arrays = toy()
    for array in arrays:
        array.setflags(write=False)
    return fitted(name, *arrays)


@EVERY
def test_same_seed_same_bytes_other_seed_other_image(name):
    first, twin = fitted_once(name), fitted(name, *toy())
    a, b = (g.generate_pairs(2, (30, 50), seed=1) for g in (first, twin))
    assert [x.tobytes() for x in a] == [x.tobytes() for x in b]
    assert a[0][0].tobytes() != a[0][1].tobytes()
    assert a[0].tobytes() != first.generate(2, (30, 50), seed=2).tobytes()


@EVERY
@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32])
def test_shape_type_and_range_are_kept(name, dtype):
    image = toy()[0] > 60 if dtype is bool else toy(dtype)[0]
    maker = fitted(name, image)
    for shape in [(1, 1), (7, 65)]:
        made = maker.generate(2, shape, seed=0)
        assert made.shape == (2, *shape)
        assert made.dtype == image.dtype
        assert image.min() <= made.min()
        assert made.max() <= image.max()


@EVERY
def test_new_labels_are_training_labels_of_the_images_shape(name):
    images, made = fitted_once(name).generate_pairs(3, (33, 21), seed=0)
    assert made.shape == images.shape
    assert made.dtype == np.uint8
    assert set(np.unique(made)) <= {0, 4, 9}


@EVERY
@pytest.mark.parametrize("axes", ["cyx", "tyx"])
def test_axes_other_than_space_are_taken(name, axes):
    plane = toy()[0]
    image = np.stack([plane, plane[::-1]])
    maker = fitted(name, image, spec=ImageSpec(axes))
    channels = () if axes == "tyx" else (2,)
    assert maker.generate(1, (16, 17), seed=0).shape == (1, 16, 17, *channels)
    assert maker.vary(image, 0.5, seed=0).shape == image.shape


@EVERY
def test_an_image_for_labels_repeats_and_has_their_shape(name):
    if not GENERATORS.get(name).can_paint:
        pytest.skip("it cannot make images for labels")
    maker, labels = fitted_once(name), toy()[1][:31, :17].copy()
    labels.setflags(write=False)
    a, b, other = (maker.from_labels(labels, seed) for seed in (3, 3, 4))
    assert a.shape == labels.shape
    assert a.dtype == np.uint8
    assert a.tobytes() == b.tobytes() != other.tobytes()


@st.composite
def labelled(draw):
    """An image of any shape and type, maybe with no-data, and labels for it."""
    image = draw(images())
    if image.dtype.kind == "f":
        image.flat[draw(st.integers(0, image.size - 1))] = draw(
            st.sampled_from([0.0, np.nan, np.inf])
        )
    dtype = draw(st.sampled_from([np.uint8, np.int32, np.int64]))
    return image, draw(
        hnp.arrays(dtype, image.shape, elements=st.sampled_from([0, 4, 9]))
    )


@EVERY
@given(labelled(), st.integers(0, 2**31 - 1))
def test_strength_0_is_the_identity(name, given, seed):
    image, labels = given
    maker = fitted_once(name)
    same, marks = maker.vary(image, 0, seed, labels)
    assert array_hash(same) == array_hash(image)
    assert array_hash(marks) == array_hash(labels)
    assert not np.shares_memory(same, image)
    assert array_hash(maker.vary(image, 0, seed)) == array_hash(image)


@EVERY
def test_a_variation_repeats_and_keeps_shape_type_and_values(name):
    image, labels = toy()
    maker = fitted_once(name)
    a, b = (maker.vary(image, 0.6, seed=5, labels=labels) for _ in range(2))
    assert [x.tobytes() for x in a] == [x.tobytes() for x in b]
    assert a[0].tobytes() != image.tobytes()
    assert (a[0].shape, a[0].dtype) == (image.shape, image.dtype)
    assert (a[1].shape, a[1].dtype) == (labels.shape, labels.dtype)
    assert set(np.unique(a[1])) <= {0, 4, 9}


@EVERY
def test_a_saved_generator_makes_the_same_bytes(name, tmp_path):
    image, maker = toy()[0], fitted_once(name)
    maker.save(tmp_path / "m.segen")
    again = load(tmp_path / "m.segen")
    for a, b in zip(
        maker.generate_pairs(2, (20, 50), 3),
        again.generate_pairs(2, (20, 50), 3),
        strict=True,
    ):
        assert a.tobytes() == b.tobytes()
    assert again.vary(image, 0.5, 1).tobytes() == maker.vary(image, 0.5, 1).tobytes()
    assert again.recipe(1, (9, 9), 0) == maker.recipe(1, (9, 9), 0)


@EVERY
def test_inputs_are_never_written_to(name):
    image, labels = toy()
    image.setflags(write=False)
    labels.setflags(write=False)
    maker = fitted_once(name)  # on such arrays too: a write would raise
    maker.generate_pairs(1, image.shape, 0)
    maker.vary(image, 0.5, 0, labels)
    assert array_hash(image) == array_hash(toy()[0])
    assert array_hash(labels) == array_hash(toy()[1])


@EVERY
def test_a_fit_does_not_follow_later_changes_of_its_input(name):
    image, labels = toy()
    maker = fitted(name, image, labels)
    before = maker.generate(1, (20, 20), 0).tobytes()
    image[:] = 0
    labels[:] = 0
    assert maker.generate(1, (20, 20), 0).tobytes() == before


@EVERY
def test_forms_and_files_can_read_the_parameters(name):
    method = GENERATORS.get(name)
    assert all(p.help for p in describe(method.Params))
    assert make_params(method.Params, as_json(method.Params())) == method.Params()
    assert method.title
    assert method.summary


@EVERY
def test_training_leaves_curves_and_the_rest_none(name):
    maker = fitted_once(name)
    trains = GENERATORS.get(name).needs_training
    assert maker.n_steps_ == (3 if trains else 0)
    assert all(len(curve) == 3 for curve in maker.history_.values())
    assert bool(maker.history_) == trains
