import pickle
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.reference.filters import REFERENCE, derivative, texture_energy

from napari_segen.core.tiles import tile_grid
from napari_segen.features import bank as bank_module
from napari_segen.features.bank import FilterBank
from napari_segen.features.families import FAMILIES
from napari_segen.features.scratch import Scratch
from napari_segen.features.sets import SETS

TOLERANCE = 1e-5  # of the image's range, as the class promises
few = settings(max_examples=15, deadline=None)


def frame(shape, seed=0, n_channels=1):
    rng = np.random.default_rng(seed)
    return rng.random((n_channels, *shape), dtype=np.float32)


@st.composite
def small_frames(draw):
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    return frame(shape, draw(st.integers(0, 99)))


def planes_of(bank, features, family, sigma):
    end = f"sigma {sigma:g} px" if bank.sigma_unit == "pixel" else "units"
    names = bank.names(1)
    return [
        f
        for f, name in zip(features, names, strict=True)
        if family in name.split() and name.endswith(end)
    ]


@pytest.mark.parametrize("shape", [(150, 131), (7, 90), (1, 33), (40, 1), (1, 1)])
@pytest.mark.parametrize("family", REFERENCE)
def test_each_family_equals_scipys_definition_in_2d(family, shape):
    bank = FilterBank((family,), (1.0, 1.7, 8.0))
    image = frame(shape)
    features = bank.compute(image)
    for sigma in bank.sigmas:
        ours = planes_of(bank, features, family, sigma)
        theirs = REFERENCE[family](image[0].astype(float), (sigma, sigma))
        assert len(ours) == len(theirs) > 0
        assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("shape", [(21, 30, 34), (3, 70, 20), (1, 1, 40)])
@pytest.mark.parametrize("family", REFERENCE)
def test_each_family_equals_scipys_definition_in_3d(family, shape):
    bank = FilterBank((family,), (1.0, 2.5), sampling=(1, 1, 1))
    image = frame(shape)
    features = bank.compute(image)
    for sigma in bank.sigmas:
        ours = planes_of(bank, features, family, sigma)
        theirs = REFERENCE[family](image[0].astype(float), (sigma,) * 3)
        assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("shape", [(150, 131), (7, 90), (1, 1), (9, 20, 31)])
def test_texture_energy_equals_its_definition_by_scipy(shape):
    bank = FilterBank(("texture_energy",), sampling=(1,) * len(shape))
    image = frame(shape)
    theirs = texture_energy(image[0].astype(float), (8, 16), (1, 2))
    assert_allclose(bank.compute(image), theirs, rtol=0, atol=TOLERANCE)


def test_texture_energy_comes_last_and_leaves_the_others_where_they_were():
    plain = FilterBank(plain_channels=1)
    bank, image = plain.only((*plain.features, "texture_energy")), frame((20, 30), 0, 3)
    features, before = bank.compute(image), plain.compute(image)
    assert_array_equal(features[: len(before)], before)
    added = bank.names(3)[len(before) :]
    assert len(added) == len(set(added)) == 8  # of two channels
    assert all("texture_energy" in name for name in added)


def test_tiles_of_texture_energy_equal_the_whole():
    bank = FilterBank(("texture_energy",))
    image = frame((190, 230))
    whole = bank.compute(image)
    for tile in tile_grid(image.shape[1:], (50, 90), bank.halo):
        part = bank.compute(image[:, *tile.padded])[:, *tile.inner]
        assert_allclose(part, whole[:, *tile.core], rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", ["gaussian", "hessian", "structure_tensor"])
def test_physical_sigma_is_divided_by_the_pixel_size_of_each_axis(family):
    bank = FilterBank((family,), (4.0,), "physical", sampling=(2.0, 1.0, 0.5))
    image = frame((20, 24, 40))
    theirs = REFERENCE[family](image[0].astype(float), (2.0, 4.0, 8.0))
    assert bank.sigmas_px == ((2.0, 4.0, 8.0),)
    assert_allclose(bank.compute(image), theirs, rtol=0, atol=TOLERANCE)


def test_anisotropic_gradient_and_laplacian_come_from_scaled_derivatives():
    bank = FilterBank(
        ("gradient_magnitude", "laplacian"), (4.0,), "physical", sampling=(2.0, 1.0)
    )
    image = frame((40, 50))
    plane, sigma = image[0].astype(float), (2.0, 4.0)
    first = [derivative(plane, sigma, a) for a in (0, 1)]
    second = [derivative(plane, sigma, a, a) for a in (0, 1)]
    assert_allclose(
        bank.compute(image), [np.hypot(*first), sum(second)], rtol=0, atol=TOLERANCE
    )


def test_sigma_in_pixels_ignores_the_pixel_size():
    image = frame((30, 30))
    assert_array_equal(
        FilterBank(sampling=(5.0, 1.0)).compute(image), FilterBank().compute(image)
    )


@few
@given(small_frames(), st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_tiles_with_the_declared_halo_equal_the_whole(image, tile_shape):
    bank = FilterBank(sigmas=(1.0, 3.0))
    whole = bank.compute(image)
    for tile in tile_grid(image.shape[1:], tile_shape, bank.halo):
        part = bank.compute(image[(slice(None), *tile.padded)])
        assert_allclose(
            part[(slice(None), *tile.inner)],
            whole[(slice(None), *tile.core)],
            rtol=0,
            atol=1e-6,
        )


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("family", [f for f in FAMILIES if f != "intensity"])
def test_the_declared_halo_is_exactly_what_a_feature_looks_at(family, axis):
    bank = FilterBank((family,), (2.0,))
    image = frame((160, 160))
    at = [slice(80, 81), slice(80, 81)]
    before = bank.compute(image)
    for distance, same in ((bank.halo[axis] + 1, True), (bank.halo[axis], False)):
        changed = image.copy()
        where = list(at)
        where[axis] = slice(80 + distance, None)
        changed[(0, *where)] += 1e3
        after = bank.compute(changed)
        assert (after[:, 80, 80] == before[:, 80, 80]).all() == same


@few
@given(small_frames(), st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_inner_tiles_of_any_size_give_the_same_features(image, tile_shape):
    bank = FilterBank(sigmas=(1.0, 3.0))
    whole = bank.compute(image)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bank_module, "TILE_2D", tile_shape)
        tiled = bank.compute(image)
    assert_allclose(tiled, whole, rtol=0, atol=1e-6)


def test_3d_tiles_equal_the_whole(monkeypatch):
    bank = FilterBank(sigmas=(1.0, 2.0), sampling=(1, 1, 1))
    image = frame((20, 17, 23))
    whole = bank.compute(image)
    monkeypatch.setattr(bank_module, "TILE_3D", (5, 16, 6))
    assert_allclose(bank.compute(image), whole, rtol=0, atol=1e-6)


@few
@given(small_frames())
def test_flipping_the_frame_flips_the_features(image):
    bank = FilterBank(sigmas=(1.0, 4.0))
    features = bank.compute(image)
    for axis in (1, 2):
        flipped = bank.compute(np.flip(image, axis))
        assert_allclose(flipped, np.flip(features, axis), rtol=0, atol=2e-6)


@few
@given(small_frames())
def test_transposing_the_frame_transposes_the_features(image):
    bank = FilterBank(sigmas=(1.0, 4.0))
    transposed = bank.compute(image.transpose(0, 2, 1))
    assert_allclose(
        transposed, bank.compute(image).transpose(0, 2, 1), rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("axes", [(0, 3, 2, 1), (0, 2, 1, 3)])
def test_transposing_a_stack_transposes_the_features(axes):
    bank = FilterBank(sigmas=(1.0, 2.0), sampling=(1, 1, 1))
    image = frame((14, 18, 22))
    assert_allclose(
        bank.compute(image.transpose(axes)),
        bank.compute(image).transpose(axes),
        rtol=0,
        atol=2e-6,
    )


@pytest.mark.parametrize("sampling", [(1, 1), (1, 1, 1)])
def test_a_constant_frame_has_no_gradient_and_next_to_no_curvature(sampling):
    # SciPy's kernels of order 2 are cut at 4 sigma and sum to 1e-3, not to 0.
    bank = FilterBank(sampling=sampling, sigmas=(1.0, 4.0))
    features = bank.compute(np.full((1, *(20,) * len(sampling)), 3.0, np.float32))
    for name, plane in zip(bank.names(1), features, strict=True):
        family = name.split()[2]
        if family in ("intensity", "gaussian"):
            assert_allclose(plane, 3.0, rtol=1e-6)
        else:
            bound = 3e-3 if family in ("hessian", "laplacian") else 1e-6
            assert_allclose(plane, 0.0, atol=bound * 3.0, err_msg=name)


@pytest.mark.parametrize("sigma_px", [0.05, 0.2, 0.5, 0.9])
def test_below_one_pixel_a_flat_region_is_flat(sigma_px):
    bank = FilterBank(("laplacian", "hessian"), (1.0,), "physical", (1 / sigma_px, 1e3))
    assert_allclose(bank.compute(np.ones((1, 20, 20), np.float32)), 0, atol=1e-6)


def test_features_are_in_grey_values_whatever_the_sigma():
    # A sine whose period grows with sigma looks the same to each scale.
    strengths = []
    for sigma in (2.0, 4.0, 8.0):
        x = np.arange(400, dtype=np.float32)
        wave = np.sin(x / (2 * sigma))[None, None].repeat(400, axis=1)
        bank = FilterBank(("gradient_magnitude", "laplacian", "hessian"), (sigma,))
        middle = bank.compute(wave)[:, 200, 100:300]
        strengths.append(np.abs(middle).max(axis=1)[:3])
    assert_allclose(strengths[0], strengths[1], rtol=0.02)
    assert_allclose(strengths[1], strengths[2], rtol=0.02)


def test_the_grey_value_alone_is_one_feature():
    bank, image = FilterBank(("intensity",)), frame((9, 8))
    assert bank.names(1) == ["channel 0 intensity"]
    assert_array_equal(bank.compute(image), image)


@pytest.mark.parametrize("family", ["gaussian", "gradient_magnitude", "hessian"])
@pytest.mark.parametrize("shape", [(30, 21), (9, 11, 10)])
def test_a_family_is_the_same_alone_and_among_others(family, shape):
    together = FilterBank(tuple(FAMILIES), sigmas=(1.5,), sampling=(1,) * len(shape))
    alone = FilterBank((family,), (1.5,), sampling=together.sampling)
    image = frame(shape)
    ours = planes_of(together, together.compute(image), family, 1.5)
    assert_array_equal(alone.compute(image), ours)


@pytest.mark.parametrize("sampling", [(1, 1), (1, 1, 1)])
def test_eigenvalues_come_largest_first(sampling):
    bank = FilterBank(("hessian", "structure_tensor"), (2.0,), sampling=sampling)
    features = bank.compute(frame((25,) * len(sampling)))
    ndim = len(sampling)
    for tensor in (features[:ndim], features[ndim:]):
        assert (np.diff(tensor, axis=0) <= 0).all()


def test_each_channel_has_its_own_features():
    bank, image = FilterBank(), frame((30, 40), n_channels=3)
    features = bank.compute(image)
    alone = [bank.compute(channel[None]) for channel in image]
    assert_array_equal(features, np.concatenate(alone))
    assert len(bank.names(3)) == len(set(bank.names(3))) == len(features)


def test_the_input_is_not_written_to_and_may_be_read_only():
    image = frame((40, 50))
    image.flags.writeable = False
    before = image.copy()
    FilterBank().compute(image)
    assert_array_equal(image, before)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.float32])
def test_the_result_is_float32_whatever_comes_in(dtype):
    image = (frame((20, 20)) * 200).astype(dtype)[:, ::2, ::-1]
    features = FilterBank().compute(image)
    assert features.dtype == np.float32
    assert_array_equal(features[0], image[0].astype(np.float32))


def test_what_is_told_to_stop_computes_no_more(monkeypatch):
    written, stop = [], Event()

    def write(*args):
        written.append(1)
        stop.set()

    monkeypatch.setattr(bank_module, "write_features", write)
    bank, part = FilterBank(), frame((20, 20))
    out = np.zeros((len(bank.names(1)), 20, 20), np.float32)
    bank.fill(part, ((0, 20), (0, 20)), (0, 0), out, Scratch(), stop)
    assert len(written) == 1


@pytest.mark.parametrize("name", SETS)
def test_each_set_can_be_named(name):
    bank = FilterBank(name)
    assert bank == FilterBank(SETS[name].families, SETS[name].sigmas)
    assert bank.compute(frame((20, 20))).shape == (len(bank.names(1)), 20, 20)


def test_a_bank_survives_json_and_pickle():
    bank = FilterBank(("hessian", "gaussian"), (2, 3.5), "physical", (3, 1, 1))
    assert FilterBank.from_json(bank.as_json()) == bank
    assert pickle.loads(pickle.dumps(bank)) == bank
    assert hash(bank) == hash(pickle.loads(pickle.dumps(bank)))


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"features": "nice"}, ValueError, "features must be one of default"),
        ({"features": ()}, ValueError, "features must name"),
        ({"features": ("hessian", "hessian")}, ValueError, "each once"),
        ({"features": ("sobel",)}, ValueError, "structure_tensor"),
        ({"sigmas": ()}, ValueError, "sigmas must be positive"),
        ({"sigmas": (1.0, -2.0)}, ValueError, "sigmas must be positive"),
        ({"sigmas": (float("nan"),)}, ValueError, "sigmas must be positive"),
        ({"sigmas": ("2",)}, TypeError, "sigmas must be a tuple of numbers"),
        ({"sigmas": 2}, TypeError, "sigmas must be a tuple of numbers"),
        ({"features": 2}, TypeError, "features must be a string or a tuple"),
        ({"sigmas": (1e9,)}, ValueError, "Choose smaller sigmas"),
        ({"sigmas": (1.0,) * 100_000}, ValueError, "Choose fewer"),
        ({"sigma_unit": "mm"}, ValueError, "sigma_unit must be one of"),
        ({"sampling": (1.0,)}, ValueError, "sampling needs 2 entries"),
        ({"sampling": (0.0, 1.0)}, ValueError, "sampling must be positive"),
    ],
)
def test_bad_choices_are_named(given, error, words):
    with pytest.raises(error, match=words):
        FilterBank(**given)


@pytest.mark.parametrize("shape", [(20, 20), (1, 0, 20), (1, 5, 20, 20)])
def test_a_frame_of_the_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match="2D filter bank"):
        FilterBank().compute(np.zeros(shape, np.float32))


@pytest.mark.parametrize("change", [{"sigmas": 3}, {"more": 1}, {"features": "x"}])
def test_a_hostile_description_is_refused(change):
    with pytest.raises(ValueError, match="a filter bank"):
        FilterBank.from_json(FilterBank().as_json() | change)
