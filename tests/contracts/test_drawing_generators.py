"""Laws of the generators that need no images."""

import numpy as np
import pytest

from napari_segen import ImageGenerator, load
from napari_segen.core.parameters import as_json, describe, make_params
from napari_segen.generation.registry import GENERATORS

EVERY = pytest.mark.parametrize(
    "name", [name for name in GENERATORS if not GENERATORS.get(name).needs_images]
)
SHAPES = [(40, 61), (6, 20, 23)]


@EVERY
def test_it_is_ready_at_once_and_cannot_be_fitted(name):
    maker = ImageGenerator(name)
    assert maker.is_fitted
    assert maker.n_steps_ == 0
    assert maker.history_ == {}
    with pytest.raises(ValueError, match="cannot be fitted"):
        maker.fit(np.zeros((9, 9)))


@EVERY
@pytest.mark.parametrize("shape", SHAPES)
def test_same_seed_same_bytes_whatever_the_number(name, shape):
    first, twin = ImageGenerator(name), ImageGenerator(name)
    a, b = (g.generate_pairs(2, shape, seed=1) for g in (first, twin))
    assert [x.tobytes() for x in a] == [x.tobytes() for x in b]
    assert a[0][0].tobytes() != a[0][1].tobytes()
    assert a[0][:1].tobytes() == first.generate(1, shape, seed=1).tobytes()
    assert a[0].tobytes() != first.generate(2, shape, seed=2).tobytes()


@EVERY
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (1, 9, 30), (30, 1, 9)])
def test_any_shape_is_made(name, shape):
    images, labels = ImageGenerator(name).generate_pairs(1, shape, seed=3)
    assert images.shape == labels.shape == (1, *shape)
    assert labels.dtype.kind in "ui"


@EVERY
@pytest.mark.parametrize("shape", [64, None, "ab", np.array([9, 9])])
def test_what_is_no_shape_is_named(name, shape):
    for ask in (ImageGenerator(name).generate, ImageGenerator(name).recipe):
        with pytest.raises(TypeError, match="shape must be a sequence"):
            ask(1, shape, 0)


@EVERY
@pytest.mark.parametrize("shape", SHAPES)
def test_a_saved_generator_makes_the_same_bytes(name, shape, tmp_path):
    maker = ImageGenerator(name)
    maker.save(tmp_path / "m.segen")
    again = load(tmp_path / "m.segen")
    for a, b in zip(
        maker.generate_pairs(1, shape, 3),
        again.generate_pairs(1, shape, 3),
        strict=True,
    ):
        assert a.tobytes() == b.tobytes()
    assert again.recipe(1, shape, 0) == maker.recipe(1, shape, 0)


@EVERY
def test_forms_and_files_can_read_the_parameters(name):
    method = GENERATORS.get(name)
    assert all(p.help for p in describe(method.Params))
    assert make_params(method.Params, as_json(method.Params())) == method.Params()
    assert method.title
    assert method.summary
