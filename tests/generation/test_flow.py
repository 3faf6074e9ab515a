import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from napari_segen import ImageGenerator, ImageSpec
from napari_segen.cnn.pace import Clock
from napari_segen.cnn.unet import UNet, UNetParams
from napari_segen.cnn.unet3d import UNet3D, UNet3DParams
from napari_segen.core.errors import DataWarning
from napari_segen.core.steps import FINISH, PAUSE, RESUME, run
from napari_segen.generation import flow_sampling
from napari_segen.generation.conditions import Conditions
from napari_segen.generation.flow_batches import Example, FlowSampler
from napari_segen.generation.flow_sampling import (
    MARGIN,
    FlowNetwork,
    canvas_of,
    continued,
    euler_steps,
)

pytestmark = pytest.mark.keras

SMALL = {
    "filters": 4,
    "depth": 1,
    "patch_px": 16,
    "batch_size": 2,
    "sampling_steps": 3,
}


def generator(max_steps=3, **params):
    return ImageGenerator("flow", params=SMALL | params, max_steps=max_steps)


def blobs(shape=(64, 64), seed=0):
    noise = np.random.default_rng(seed).standard_normal(shape)
    smooth = ndimage.gaussian_filter(noise, 3)
    labels = (smooth > 0.1).astype(np.uint8)
    return labels * 100.0 + noise * 5 + 50, labels * 3


@pytest.fixture(scope="module")
def trained():
    image, labels = blobs((96, 96))
    better = {"filters": 8, "patch_px": 32, "batch_size": 8, "sampling_steps": 6}
    return generator(150, learning_rate=5e-3, **better).fit(image, labels)


@pytest.fixture(scope="module")
def unlabelled():
    return generator().fit(blobs()[0])


def test_training_lowers_the_squared_error_of_the_velocity(trained):
    loss = trained.history_["loss"]
    assert np.mean(loss[-10:]) < 0.7 * np.mean(loss[:10])


def test_new_images_have_the_training_images_grey_values(trained):
    image, _ = blobs((96, 96))
    made, marks = trained.generate_pairs(2, (100, 120), seed=0)
    assert made.shape == marks.shape == (2, 100, 120)
    assert_allclose(made.mean(), image.mean(), atol=20)
    assert made[marks == 3].mean() > made[marks == 0].mean() + 60


def test_an_image_for_labels_is_bright_where_they_say(trained):
    labels = np.zeros((70, 50), np.int16)
    labels[20:50, 10:40] = 3
    image = trained.from_labels(labels, seed=1)
    assert image.shape == labels.shape
    assert image.dtype == np.float64
    assert image[25:45, 15:35].mean() > image[labels == 0].mean() + 60
    assert_array_equal(image, trained.from_labels(labels.astype(np.uint8), seed=1))
    assert not np.array_equal(image, trained.from_labels(labels, seed=2))


def test_labels_to_paint_may_be_a_stack_and_are_never_written_to(trained):
    stack = np.zeros((2, 30, 20), np.uint8)
    stack[:, 5:20, 5:15] = 3
    stack.setflags(write=False)
    images = trained.from_labels(stack, seed=0)
    assert images.shape == stack.shape
    assert_array_equal(images[0], trained.from_labels(stack[0], seed=0))
    assert not np.array_equal(images[0], images[1])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.full((8, 8), 2), ValueError, "labels has the value 2"),
        (np.zeros(8, int), ValueError, "labels must have 2 axes"),
        (np.zeros((2, 2, 2, 2), int), ValueError, "labels must have 2 axes"),
        (np.zeros((0, 8), int), ValueError, "labels is empty"),
        (np.zeros((8, 8)), TypeError, "labels must be integers"),
        (-np.ones((8, 8), int), ValueError, "must not be negative"),
    ],
)
def test_odd_labels_to_paint_are_named(trained, labels, error, message):
    with pytest.raises(error, match=message):
        trained.from_labels(labels, 0)


def test_painting_needs_a_fit_with_labels_and_a_method_that_can(unlabelled):
    image, labels = blobs()
    assert not unlabelled.can_paint
    with pytest.raises(ValueError, match="fitted without"):
        unlabelled.from_labels(labels, 0)
    with pytest.raises(ValueError, match=r"'transform' cannot .* Use flow"):
        ImageGenerator("transform").fit(image, labels).from_labels(labels, 0)


def test_a_variation_departs_from_the_image_as_strength_grows(trained):
    image, labels = blobs((96, 96), seed=3)
    gaps = []
    for strength in (1e-3, 0.1, 0.5, 1.0):
        varied, marks = trained.vary(image, strength, 0, labels)
        assert_array_equal(marks, labels)
        gaps.append(np.abs(varied - image).mean())
    assert gaps[0] < 0.1
    assert gaps[0] < gaps[1] < gaps[2] < gaps[3]


def test_a_variation_without_labels_follows_the_image(trained):
    image, _ = blobs((96, 96))
    varied = trained.vary(image, 0.3, 0)
    assert np.corrcoef(image.ravel(), varied.ravel())[0, 1] > 0.8


def test_objects_come_as_ids_from_1_and_their_numbers_do_not_matter():
    image, labels = blobs()
    ids, n_objects = ndimage.label(labels)
    fitted = generator().fit(image, ids * 40, task="instances")
    assert n_objects > 1
    assert fitted.classes_ is None
    _, made = fitted.generate_pairs(1, (60, 70), 0)
    assert made.dtype == np.int32
    assert_array_equal(np.unique(made), np.arange(made.max() + 1))
    painted = [fitted.from_labels(x, 0) for x in (ids, ids * 7)]
    assert_array_equal(*painted)


def test_more_objects_than_classes_are_taken():
    ids = np.arange(1600).reshape(40, 40) // 9
    steps = generator().fit_steps(ids / 9, ids, task="instances")
    assert next(steps).text
    steps.close()
    with pytest.raises(ValueError, match="Object ids are not classes"):
        generator().fit(ids / 9, ids)
    with pytest.raises(ValueError, match="cannot learn from labels of instances"):
        ImageGenerator("decoder").fit(ids / 9, ids, task="instances")
    with pytest.raises(ValueError, match="task must be one of"):
        generator().fit(ids / 9, ids, task="objects")


def two_maps(kinds):
    return np.stack([kinds == 0, kinds == 1], axis=-1).astype(np.float32)


@pytest.mark.parametrize(
    ("network", "shape", "tile"),
    [
        (UNet(UNetParams(filters=4, depth=1), 11, 1, 16), (64, 80), (16, 32)),
        (
            UNet3D(UNet3DParams(filters=4, depth=1, z_halvings=1), 11, 1, 16),
            (20, 48, 64),
            (8, 16, 32),
        ),
    ],
)
def test_tiled_equals_whole(network, shape, tile, monkeypatch):
    monkeypatch.setattr(flow_sampling, "settle", lambda precision: "float32")
    rng = np.random.default_rng(1)
    weights = [
        0.3 * rng.standard_normal(s, np.float32) for s in network.weight_shapes()
    ]
    start = rng.standard_normal((*shape, 1), np.float32)
    kinds = rng.integers(2, size=shape).astype(np.uint8)
    found = []
    for size in (shape, tile):
        monkeypatch.setitem(flow_sampling._TILES, len(shape), size)
        velocity = FlowNetwork(network, weights).velocity_of(kinds, two_maps)
        found.append(run(euler_steps(velocity, start, 0.0, 2)))
    assert np.abs(found[0] - start).max() > 0.1
    assert_allclose(found[1], found[0], atol=1e-4)


@pytest.mark.parametrize("shape", [(7, 90), (1, 1), (64, 64)])
def test_an_image_lies_inside_its_canvas(shape):
    network = UNet(UNetParams(filters=4, depth=2), 9, 1, 96)
    canvas, inner = canvas_of(network, shape)
    for n, box in zip(canvas, inner, strict=True):
        assert n % 8 == 0
        assert n >= 96
        assert box.start >= MARGIN
        assert n - box.stop >= MARGIN
    image = np.random.default_rng(0).random((*shape, 2))
    wide = continued(image, canvas, inner)
    assert wide.shape == (*canvas, 2)
    assert_array_equal(wide[inner], image)


@pytest.mark.parametrize("depth", [1, 2])
def test_small_patches_of_volumes_have_gradients(depth):
    image = blobs((24, 24))[0]
    params = SMALL | {"depth": depth, "patch_px": 16}
    fitted = ImageGenerator("flow", params=params, max_steps=6)
    fitted.fit(np.stack([image] * 8), spec=ImageSpec("zyx"))
    assert max(fitted.history_["loss"]) < 10


def test_volumes_are_made_and_varied_and_painted():
    rng = np.random.default_rng(0)
    labels = np.zeros((12, 24, 28), np.uint8)
    labels[3:9, 5:15, 6:20] = 2
    image = labels * 50 + rng.integers(0, 30, labels.shape).astype(np.uint8)
    fitted = generator(2).fit(image, labels, spec=ImageSpec("zyx", (2.0, 1.0, 1.0)))
    images, marks = fitted.generate_pairs(1, (5, 17, 20), 0)
    assert images.shape == marks.shape == (1, 5, 17, 20)
    assert set(np.unique(marks)) <= {0, 2}
    assert fitted.vary(image, 0.4, 0).shape == image.shape
    assert fitted.from_labels(labels[:3], 0).shape == (3, 24, 28)


def test_a_training_pauses_goes_on_and_finishes_with_what_it_has():
    fitted = generator(10_000)
    steps = fitted.fit_steps(blobs()[0])
    while not next(steps).figures:
        pass
    assert steps.send(PAUSE).text == "Paused"
    assert next(steps).text == "Paused"
    assert steps.send(RESUME).figures["step"] == 2
    with pytest.raises(StopIteration) as end:
        steps.send(FINISH)
    assert end.value.value is fitted
    assert fitted.n_steps_ == len(fitted.history_["loss"]) == 2
    assert fitted.generate(1, (16, 16), 0).shape == (1, 16, 16)


def test_a_time_budget_can_be_repeated_as_steps(monkeypatch):
    # As on a machine on which all steps take the same time: the plan is made early.
    ticks = itertools.count()
    monkeypatch.setattr(Clock, "elapsed", property(lambda _: next(ticks) / 100))
    image = blobs()[0]
    timed = ImageGenerator("flow", params=SMALL, time_limit_s=0.5).fit(image)
    assert timed.n_steps_ > 20
    counted = generator(timed.n_steps_).fit(image)
    made = [g.generate(1, (20, 20), 0).tobytes() for g in (timed, counted)]
    assert made[0] == made[1]


def test_an_epoch_sees_as_many_pixels_as_there_are():
    fitted = ImageGenerator("flow", params=SMALL, epochs=2).fit(blobs((32, 64))[0])
    assert fitted.n_steps_ == 2 * 32 * 64 / (2 * 16 * 16)


def test_colour_and_small_and_narrow_images_are_taken():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, s, np.uint8) for s in [(40, 50, 3), (9, 1, 3)]]
    fitted = generator().fit(images, spec=ImageSpec("yxc"))
    made = fitted.generate(2, (33, 7), seed=0)
    assert made.shape == (2, 33, 7, 3)
    assert made.dtype == np.uint8
    assert fitted.vary(images[1], 0.5, 0).shape == (9, 1, 3)


def test_pixels_without_data_leave_the_fit_unchanged_and_stay():
    image = blobs()[0]
    hole = np.zeros(image.shape, bool)
    hole[5:20, 7:30] = True
    made = []
    for value in (np.nan, np.inf):
        image[hole] = value
        fitted = generator().fit(image)
        made.append(fitted.generate(1, (24, 24), 0))
    assert_array_equal(*made)
    assert np.isfinite(made[0]).all()
    assert_array_equal(np.isnan(fitted.vary(image, 0.5, 0)), hole)


def test_a_constant_image_gives_its_constant():
    with pytest.warns(DataWarning, match="constant"):
        fitted = generator().fit(np.full((40, 40), 7, np.int16))
    assert (fitted.generate(1, (9, 9), 0) == 7).all()


def patches(image, labels, **options):
    conditions = Conditions.of("classes", np.unique(labels).astype(np.uint64))
    values = image[..., np.newaxis].astype(np.float32)
    example = Example(values, np.ones_like(values), conditions.kinds(labels))
    sampler = FlowSampler([example], conditions, (8, 8), 6, **options)
    rng = np.random.default_rng(0)
    return [sampler.draw(rng) for _ in range(20)]


@pytest.mark.parametrize(
    ("flips", "turns", "n_ways"), [(False, False, 1), (True, False, 4), (True, True, 8)]
)
def test_patches_lie_in_as_many_ways_as_they_may(flips, turns, n_ways):
    """Of a slope, the sign and order of its steps along both axes tell the way."""
    image = np.add.outer(np.arange(20.0), 3 * np.arange(24.0))
    ways = set()
    for batch in patches(image, image > 30, flips=flips, turns=turns):
        times = batch.x[..., 3:7]  # no two times of a batch have the same
        assert len(np.unique(times[:, 0, 0], axis=0)) == len(times)
        t = 2 / np.pi * np.arccos(times[..., :1])
        found = batch.x[..., :1] + (1 - t) * batch.velocity
        for patch in found[..., 0]:
            ways.add(tuple(round(float(np.diff(patch, axis=a).mean())) for a in (0, 1)))
    assert len(ways) == n_ways


def test_labels_go_with_their_patch_and_are_sometimes_withheld():
    image = np.random.default_rng(0).integers(0, 2, (20, 24))
    n_withheld = n_all = 0
    for batch in patches(image, image * 5, flips=True, turns=True):
        t = 2 / np.pi * np.arccos(batch.x[..., 3:4])
        found = np.rint(batch.x[..., :1] + (1 - t) * batch.velocity)[..., 0]
        for patch, maps in zip(found, batch.x[..., 1:3], strict=True):
            n_all += 1
            n_withheld += not maps.any()
            if maps.any():
                assert_array_equal(maps[..., 1], patch)
                assert_array_equal(maps[..., 0], 1 - patch)
    assert 0.03 < n_withheld / n_all < 0.3


def test_a_pickled_generator_leaves_keras_behind_and_makes_the_same(trained):
    made = trained.generate(1, (16, 16), 0)
    packed = pickle.dumps(trained)
    assert b"keras" not in packed
    assert_array_equal(pickle.loads(packed).generate(1, (16, 16), 0), made)


def test_a_file_makes_the_same_images_in_a_fresh_process(trained, tmp_path):
    trained.save(tmp_path / "m.segen")
    code = (
        "import sys, napari_segen as ns\n"
        f"g = ns.load({str(tmp_path / 'm.segen')!r})\n"
        "assert 'tensorflow' not in sys.modules\n"
        "sys.stdout.write(g.generate_pairs(1, (40, 30), 4)[0].tobytes().hex())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout == trained.generate(1, (40, 30), 4).tobytes().hex()


def test_patches_must_fit_the_halvings():
    with pytest.raises(ValueError, match="patch_px must be a multiple of 32"):
        ImageGenerator("flow", params={"patch_px": 40, "depth": 4})


def hostile(arrays, header):
    """Damaged copies of a model file's parts, by what is wrong with them."""
    weight = "learnt_weight_0"
    learnt = header["learnt"]
    yield {weight: arrays[weight] * np.nan}, {}
    yield {weight: arrays[weight][..., :1]}, {}
    yield {weight: arrays[weight].astype(object)}, {}
    yield {"learnt_std": -arrays["learnt_std"]}, {}
    yield {"learnt_values": arrays["learnt_values"][:1]}, {}
    yield {"learnt_map_0": np.stack([arrays["learnt_map_0"]] * 2)}, {}
    yield {"learnt_map_values": arrays["learnt_map_values"] + 1}, {}
    yield {}, {"learnt": {**learnt, "n_kinds": 10**9}}
    yield {}, {"learnt": {**learnt, "maps": None}}
    yield {}, {"learnt": {**learnt, "maps": {"task": "classes", "n_maps": 10**9}}}


def test_a_damaged_file_is_refused(trained):
    header, arrays = trained.to_archive()
    for other_arrays, other_header in hostile(arrays, header):
        with pytest.raises((ValueError, KeyError, TypeError)):
            ImageGenerator.from_archive(header | other_header, arrays | other_arrays)
    lacking = {k: v for k, v in arrays.items() if k != "learnt_weight_3"}
    with pytest.raises(ValueError, match="weight 3"):
        ImageGenerator.from_archive(header, lacking)
