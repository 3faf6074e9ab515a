import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from skimage.exposure import match_histograms
from tests.strategies import images, shapes

from napari_segen.generation import degrade


def rng(seed=0):
    return np.random.default_rng(seed)


# Each by an amount; 0 must change nothing.
BY_AMOUNT = {
    "shot noise": lambda i, a: degrade.shot_noise(i, 1 / a**2 if a else np.inf, rng()),
    "read noise": lambda i, a: degrade.read_noise(i, a, rng()),
    "salt and pepper": lambda i, a: degrade.salt_and_pepper(i, a, rng()),
    "gaussian blur": lambda i, a: degrade.gaussian_blur(i, 4 * a),
    "motion blur": lambda i, a: degrade.motion_blur(i, 9 * a, 33.0),
    "defocus blur": lambda i, a: degrade.defocus_blur(i, 5 * a),
    "shading": lambda i, a: degrade.shading(i, a, rng()),
    "bleaching": lambda i, a: degrade.bleaching(i, a),
    "contrast": lambda i, a: degrade.contrast(i, 1 - a),
    "histogram": lambda i, a: degrade.match_histogram(i, i if a == 0 else i / 2 + 1),
}
EVERY = pytest.mark.parametrize("kind", list(BY_AMOUNT))
BLURS = ("gaussian blur", "motion blur", "defocus blur")


@EVERY
@settings(max_examples=15, deadline=None)
@given(image=shapes().flatmap(images) | shapes(3, 1, 5).flatmap(images))
def test_the_amount_0_changes_nothing_and_more_keeps_shape(kind, image):
    before = image.copy()
    floats = np.float32 if image.dtype == np.float32 else np.float64
    same = BY_AMOUNT[kind](image, 0)
    assert same.dtype == floats
    assert same is not image
    assert_array_equal(same, image)
    changed = BY_AMOUNT[kind](image, 0.5)
    assert changed.shape == image.shape
    assert changed.dtype == floats
    assert np.isfinite(changed).all()
    assert_array_equal(image, before)


@pytest.mark.parametrize("kind", [k for k in BY_AMOUNT if k != "histogram"])
def test_more_of_it_departs_further_from_the_image_and_a_trace_hardly(kind):
    image = rng(1).gamma(2.0, size=(48, 40)).astype(np.float32)
    away = [
        np.abs(BY_AMOUNT[kind](image, a) - image).mean() for a in (1e-4, 0.1, 0.3, 0.7)
    ]
    assert away[0] < 2e-3
    assert away[1] < away[2] < away[3]


@EVERY
@pytest.mark.parametrize("shape", [(30, 20), (4, 12, 10)])
def test_no_data_stays_and_never_enters_other_pixels(kind, shape):
    image = rng(1).random(shape) + 1
    holes = np.zeros(shape, bool)
    holes[..., 3:6, 4:9] = True
    holes[..., 0, 0] = True
    a, b = image.copy(), image.copy()
    a[holes] = np.nan
    b[holes] = np.inf
    first, second = (BY_AMOUNT[kind](x, 0.5) for x in (a, b))
    assert_array_equal(first[holes], a[holes])
    assert_array_equal(second[holes], b[holes])
    assert np.isfinite(first[~holes]).all()
    assert_allclose(first[~holes], second[~holes])


@EVERY
def test_an_image_without_data_stays_as_it_is(kind):
    image = np.full((4, 5), np.nan, np.float32)
    if kind == "histogram":
        assert_array_equal(degrade.match_histogram(image, np.ones(3)), image)
    else:
        assert_array_equal(BY_AMOUNT[kind](image, 0.5), image)


@pytest.mark.parametrize("kind", BLURS)
@settings(max_examples=20, deadline=None)
@given(image=shapes(2, 1, 25).flatmap(lambda s: images(s, "float64")))
def test_a_blur_keeps_a_flat_image_and_leaves_no_range(kind, image):
    blurred = BY_AMOUNT[kind](image, 0.6)
    slack = 1e-9 * max(1.0, np.abs(image).max())
    assert image.min() - slack <= blurred.min()
    assert blurred.max() <= image.max() + slack
    flat = np.full_like(image, 7.25)
    assert_allclose(BY_AMOUNT[kind](flat, 0.6), flat)


@pytest.mark.parametrize(
    "blur",
    [
        lambda i: degrade.gaussian_blur(i, 2.5),
        lambda i: degrade.defocus_blur(i, 4.3),
        lambda i: degrade.motion_blur(i, 7, 0),
        lambda i: degrade.motion_blur(i, 7.5, 90),
    ],
)
def test_a_blur_keeps_the_mean_by_its_mirror_border(blur):
    image = rng(2).random((23, 31))
    image[0, 0] = 40
    assert_allclose(blur(image).mean(), image.mean(), rtol=1e-9)


def point(shape=(41, 41)):
    image = np.zeros(shape)
    image[tuple(n // 2 for n in shape)] = 1
    return image


@pytest.mark.parametrize("radius", [3.0, 7.4, 12.0])
def test_a_point_out_of_focus_is_a_disc(radius):
    made = degrade.defocus_blur(point(), radius)
    y, x = np.indices(made.shape) - 20
    away = np.hypot(y, x)
    inside, outside = away < radius - 0.75, away > radius + 0.75
    area = np.pi * radius**2
    assert_allclose(made[inside], 1 / area, rtol=0.02)
    assert np.abs(made[outside]).max() < 1e-12
    assert_allclose((made * away**2).sum(), radius**2 / 2 + 1 / 6, rtol=0.01)
    assert_array_equal(made[20:, 20:] > 1e-9, made[20::-1, 20::-1] > 1e-9)


def test_defocus_is_the_mean_over_the_disc():
    image = rng(3).random((30, 30))
    fine = (np.arange(13 * 40) + 0.5) / 40 - 6.5
    disc = np.hypot(fine[:, np.newaxis], fine) <= 6.3
    kernel = disc.reshape(13, 40, 13, 40).mean(axis=(1, 3))
    mean = ndimage.convolve(image, kernel / kernel.sum(), mode="reflect")
    assert_allclose(degrade.defocus_blur(image, 6.3), mean, atol=1e-3)


@pytest.mark.parametrize("angle", [0, 45, 90, 120, 180, 270])
def test_motion_smears_along_its_angle_by_its_length(angle):
    length = 12.0
    made = degrade.motion_blur(point(), length, angle)
    y, x = np.indices(made.shape) - 20
    along = x * np.cos(np.deg2rad(angle)) + y * np.sin(np.deg2rad(angle))
    across = y * np.cos(np.deg2rad(angle)) - x * np.sin(np.deg2rad(angle))
    assert_allclose(made.sum(), 1)
    assert np.abs(along[made > 1e-9]).max() <= length / 2 + 1.42
    assert np.abs(across[made > 1e-9]).max() <= 1.42
    # A line of this length, read out linearly between pixels.
    assert_allclose((made * along**2).sum(), length**2 / 12, atol=0.4)


def test_motion_along_an_axis_is_a_running_mean():
    image = rng(3).random((20, 26))
    inside = ndimage.uniform_filter1d(image, 64, axis=1, mode="mirror")
    made = degrade.motion_blur(image, 64, 0)
    assert np.abs(made - inside).max() < 0.05
    fine = np.repeat(np.sin(np.arange(200) / 9)[np.newaxis], 5, axis=0)
    made = degrade.motion_blur(fine, 15, 0)[:, 30:-30]
    width = 15 / 9 / 2
    assert_allclose(made, fine[:, 30:-30] * np.sin(width) / width, atol=2e-3)


def test_oblong_pixels_get_amounts_of_their_own():
    made = degrade.defocus_blur(point(), (2.0, 8.0))
    assert ndimage.find_objects((made > 1e-9).astype(int)) == [
        (slice(18, 23), slice(12, 29))
    ]
    made = degrade.motion_blur(point(), (2.0, 8.0), 90)
    assert ndimage.find_objects((made > 1e-9).astype(int)) == [
        (slice(19, 22), slice(20, 21))
    ]
    made = degrade.gaussian_blur(point((21, 21, 21)), (0.0, 1.0, 3.0))
    assert_allclose(
        made,
        ndimage.gaussian_filter(point((21, 21, 21)), (0, 1, 3), mode="reflect"),
    )


def test_planes_of_a_volume_are_smeared_each_on_its_own():
    volume = rng(4).random((3, 20, 22))
    for blur in (lambda i: degrade.motion_blur(i, 5, 20), degrade_disc):
        assert_allclose(blur(volume), np.stack([blur(plane) for plane in volume]))


def degrade_disc(image):
    return degrade.defocus_blur(image, 2.5)


def test_shot_noise_is_poisson():
    levels = np.repeat([0.0, 30.0, 90.0, 300.0], 40_000).reshape(4, 200, 200)
    made = degrade.shot_noise(levels, 50, rng())
    assert_allclose(made.mean(axis=(1, 2)), levels[:, 0, 0], rtol=0.01)
    # A count of mean m has the variance m; one photon is 300 / 50 grey values.
    assert_allclose(made.var(axis=(1, 2)), levels[:, 0, 0] * 300 / 50, rtol=0.03)
    counts = made / 6
    assert_allclose(counts, np.rint(counts), atol=1e-9)
    none = np.exp(-30.0 / 6)  # the chance of no photon where 5 are expected
    assert_allclose((counts[1] == 0).mean(), none, rtol=0.2)


def test_light_begins_at_the_least_value_only_if_that_is_negative():
    image = np.full((200, 200), 100.0)
    assert_allclose(degrade.shot_noise(image, 400, rng()).std(), 5, rtol=0.05)
    shifted = np.where(np.arange(200) < 100, -50.0, 50.0) * np.ones((200, 1))
    made = degrade.shot_noise(shifted, 400, rng())
    assert_array_equal(made[:, :100], -50)
    assert_allclose(made[:, 100:].std(), 5, rtol=0.05)
    made = degrade.shot_noise(image, 400, rng(), limits=(90.0, 100.0))
    assert_allclose(made.std(), 0.5, rtol=0.05)


def test_read_noise_has_its_sigma_in_ranges_and_is_gaussian():
    image = np.full((200, 200), 10.0)
    image[0, :2] = 0, 20
    noise = degrade.read_noise(image, 0.05, rng()) - image
    assert_allclose(noise.std(), 1.0, rtol=0.02)
    assert_allclose(noise.mean(), 0.0, atol=0.02)
    assert_allclose((np.abs(noise) > 2).mean(), 0.0455, rtol=0.1)


def test_salt_and_pepper_hits_its_share_of_pixels_half_each():
    image = rng(1).uniform(1, 2, (300, 300))
    image[0, :2] = 0, 3
    made = degrade.salt_and_pepper(image, 0.1, rng())
    assert_allclose((made == 0).mean(), 0.05, rtol=0.05)
    assert_allclose((made == 3).mean(), 0.05, rtol=0.05)
    assert_allclose((made == image).mean(), 0.9, rtol=0.01)


@settings(max_examples=20, deadline=None)
@given(
    shape=shapes(2, 2, 40) | shapes(3, 2, 8),
    amount=st.floats(0.01, 1.0),
    seed=st.integers(0, 99),
)
def test_shading_departs_by_its_amount_and_has_the_mean_1(shape, amount, seed):
    field = degrade.shading(np.ones(shape), amount, rng(seed))
    assert_allclose(np.abs(field - 1).max(), amount)
    assert_allclose(field.mean(), 1)


def test_shading_is_smooth():
    field = degrade.shading(np.ones((200, 150)), 0.5, rng())
    steps = [np.abs(np.diff(field, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) < 0.05


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_bleaching_fades_exponentially_to_its_part(axis):
    image = np.full((5, 6, 7), 8.0)
    made = np.moveaxis(degrade.bleaching(image, 0.75, axis=axis), axis, 0)
    assert_allclose(made[0], 8)
    assert_allclose(made[-1], 2)
    ratios = made[1:] / made[:-1]
    assert (ratios < 1).all()
    assert_allclose(ratios, ratios[0, 0, 0])


def test_bleaching_wholly_leaves_the_first_plane():
    made = degrade.bleaching(np.full((3, 4), 5.0), 1.0)
    assert_array_equal(made, [[5] * 4, [0] * 4, [0] * 4])


def test_contrast_stretches_about_the_mean():
    assert_allclose(degrade.contrast(np.array([[0.0, 1, 8]]), 0.5), [[1.5, 2, 5.5]])
    made = degrade.contrast(np.array([[0.0, 4, 8]]), 2.0, mean=1.0)
    assert_allclose(made, [[-1, 7, 15]])


@pytest.mark.parametrize("dtype", ["uint16", "float64"])
def test_a_matched_histogram_is_that_of_scikit_image(dtype):
    image = rng(0).gamma(2.0, 40, (40, 50)).astype(dtype)
    target = rng(1).normal(900, 100, (30, 70)).astype(dtype)
    made = degrade.match_histogram(image, target)
    # Of equal pixels, scikit-image counts all as not above, and we half.
    low, high = np.quantile(image, [0.05, 0.95])
    inner = (image > low) & (image < high)
    assert_allclose(made[inner], match_histograms(image, target)[inner], rtol=0.02)
    assert_allclose(
        np.quantile(made, np.linspace(0, 0.95, 20)),
        np.quantile(target, np.linspace(0, 0.95, 20)),
        rtol=0.02,
    )


def test_saturated_pixels_become_as_bright_as_that_many_others():
    image = np.linspace(0, 1.25, 1000).clip(0, 1)  # a fifth is saturated
    made = degrade.match_histogram(image, np.linspace(0, 100, 3000))
    assert_allclose(made[image == 1], 90, atol=0.1)
    assert_allclose(made[image < 1], 80 * image[image < 1], atol=0.1)


def test_matching_keeps_the_order_of_grey_values_and_skips_no_data():
    image = rng(0).random((20, 20))
    target = np.append(rng(1).random(300), [np.nan, np.inf])
    made = degrade.match_histogram(image, target)
    assert_array_equal(
        np.argsort(made.ravel(), kind="stable").argsort(),
        np.argsort(image.ravel(), kind="stable").argsort(),
    )
    assert np.isfinite(made).all()
    with pytest.raises(ValueError, match="target_values"):
        degrade.match_histogram(image, np.array([np.nan]))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda i: degrade.shot_noise(i, 0, rng()), "photons"),
        (lambda i: degrade.shot_noise(i, np.nan, rng()), "photons"),
        (lambda i: degrade.read_noise(i, -1, rng()), "sigma"),
        (lambda i: degrade.salt_and_pepper(i, 1.1, rng()), "share"),
        (lambda i: degrade.gaussian_blur(i, (1, 2, 3)), "sigma"),
        (lambda i: degrade.motion_blur(i, -1, 0), "length"),
        (lambda i: degrade.defocus_blur(i, -1), "radius"),
        (lambda i: degrade.shading(i, 2, rng()), "amount"),
        (lambda i: degrade.bleaching(i, -0.1), "amount"),
        (lambda i: degrade.contrast(i, -1), "factor"),
    ],
)
def test_an_impossible_amount_is_named(call, name):
    with pytest.raises(ValueError, match=name):
        call(np.ones((3, 3)))
