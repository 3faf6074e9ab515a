"""The live answer is that of a fit and prediction of the whole image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import napari_segen as ns
from napari_segen.core.sparse import SparseLabels
from napari_segen.core.steps import run
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.live import pyramid, store, tiles, view
from napari_segen.probabilistic.live.halved import halved
from napari_segen.probabilistic.live.picture import Picture
from napari_segen.probabilistic.live.pyramid import Wanted, levels
from napari_segen.probabilistic.live.session import LiveSession
from napari_segen.probabilistic.live.store import TileStore
from napari_segen.probabilistic.live.strokes import Painted
from napari_segen.probabilistic.live.view import SHOW, View
from napari_segen.probabilistic.registry import methods_with_strokes


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    for module in (pyramid, store, tiles, view):
        monkeypatch.setattr(module, "SIDE", 32)


def problem(shape=(70, 90), seed=0, dtype=np.uint8):
    """Bright blocks on a dark ground, with two strokes of each class."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(shape, int)
    truth[..., 10:40, 20:50] = 1
    truth[..., 45:60, 60:85] = 1
    image = rng.normal(60 + 50 * truth, 20).clip(0, 255).astype(dtype)
    scribbles = np.zeros(shape, np.uint8)
    plane = scribbles[(shape[0] // 2,) * (len(shape) - 2)]
    plane[3:5, 5:30] = plane[63:66, 10:40] = 1
    plane[20:22, 25:45] = plane[50:53, 65:80] = 2
    return image, scribbles


class Seen:
    """A session, and what of it can be seen."""

    def __init__(self, image, axes="yx", **settings):
        self.spec = ns.ImageSpec(axes)
        self.store = TileStore()
        self.cache = ns.FeatureCache()
        self.session = LiveSession(image, self.spec, self.store, self.cache)
        self.model = ns.ProbabilisticSegmenter(**settings)
        self.shape = self.spec.label_shape(image.shape)

    def answer(self, scribbles, box=None, frame=0, percent=None, init_from=None):
        whole = tuple(slice(0, n) for n in self.session.picture.shape)
        steps = self.session.answer_steps(
            self.model, scribbles, View(frame, box or whole), percent, init_from
        )
        return [step.text for step in steps]

    def read(self, **wanted):
        found = levels(self.store, Wanted(**wanted), self.spec.label_axes, self.shape)
        return np.asarray(found[0])


def fitted(seen, image, scribbles, init_from=None, **more):
    model = ns.ProbabilisticSegmenter(
        seen.model.method, smoothing=seen.model.smoothing, **more
    )
    return model.fit(image, scribbles, spec=seen.spec, init_from=init_from)


def assert_same(seen, model, image, at=...):
    """uint8 of the preview against float32 of the prediction; labels exactly."""
    posterior = model.predict_proba(image)
    for value, p in zip(model.classes_, posterior, strict=True):
        assert_allclose(seen.read(value=int(value))[at], 255 * p[at], atol=0.51)
    uncertainty = model.uncertainty(image)
    assert_allclose(seen.read(plane=1)[at], 255 * uncertainty[at], atol=0.51)
    assert_array_equal(seen.read()[at], model.predict(image)[at])


@st.composite
def painted(draw):
    """An image of any size and type, its axes, and strokes of two or three classes."""
    axes = draw(st.sampled_from(["yx", "yxc", "tyx"]))
    sizes = {"t": st.integers(1, 3), "c": st.just(2)}
    shape = tuple(draw(sizes.get(a, st.integers(20, 80))) for a in axes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.uint8, np.int16, np.float32]))
    image = rng.normal(100, 30, shape)
    scribbles = np.zeros(shape[: len(axes) - axes.count("c")], np.uint8)
    for value in range(1, draw(st.integers(3, 4))):
        for _ in range(2):
            corner = [rng.integers(0, n) for n in scribbles.shape]
            at = tuple(slice(c, c + rng.integers(2, 9)) for c in corner)
            scribbles[at] = value
            image[at] += 40 * value
    scribbles.flat[[0, -1]] = 1, 2  # whatever was painted over
    return axes, image.clip(0, 255).astype(dtype), scribbles


@pytest.mark.parametrize("method", methods_with_strokes())
@settings(max_examples=4)
@given(painted(), st.sampled_from([0.0, 1.0, 3.0]), st.data())
def test_the_preview_equals_the_full_result(method, given, smoothing, data):
    axes, image, scribbles = given
    seen = Seen(image, axes, method=method, smoothing=smoothing)
    frame, at = 0, ...
    if "t" in axes:
        frame = data.draw(st.integers(0, image.shape[axes.index("t")] - 1))
        at = tuple(frame if a == "t" else slice(None) for a in axes)
    seen.answer(scribbles, frame=frame)
    assert_same(seen, fitted(seen, image, scribbles), image, at)


def test_so_does_that_of_colours_channels_and_frames():
    grey, scribbles = problem()
    colours = np.stack([grey, 255 - grey, np.full_like(grey, 90)], axis=-1)
    seen = Seen(colours, "yxc", method="softmax")
    seen.answer(scribbles)
    assert_same(seen, fitted(seen, colours, scribbles), colours)
    frames = np.stack([grey, np.roll(grey, 9, axis=1)])
    marks = np.stack([scribbles, np.zeros_like(scribbles)])
    seen = Seen(frames, "tyx", method="softmax")
    seen.answer(marks, frame=1)
    assert_same(seen, fitted(seen, frames, marks), frames, 1)
    assert not seen.read()[0].any()


def test_so_does_a_plane_of_a_volume():
    image, scribbles = problem((20, 70, 90))
    seen = Seen(image, "zyx", method="softmax")
    texts = seen.answer(scribbles, (slice(8, 9), slice(0, 70), slice(0, 90)))
    assert texts.count(SHOW) == 2  # first smoothed within the plane alone
    assert_same(seen, fitted(seen, image, scribbles), image, 8)


def test_pixels_without_data_are_seen_as_such():
    image, scribbles = problem(dtype=np.float32)
    image[30:34, 40:50] = np.nan
    seen = Seen(image, method="softmax")
    seen.answer(scribbles)
    assert_same(seen, fitted(seen, image, scribbles), image)
    assert not seen.read()[31, 45]


def test_frequencies_of_classes_are_applied():
    image, scribbles = problem()
    seen = Seen(image, method="bayes")
    seen.answer(scribbles, percent={1: 1.0})
    model = fitted(seen, image, scribbles, class_prior={1: 0.01, 2: 0.99})
    assert_same(seen, model, image)


def test_only_what_is_looked_at_is_answered_and_the_middle_first():
    image, scribbles = problem((200, 220))
    seen = Seen(image, method="softmax")
    order = []
    put = seen.store.put
    seen.store.put = lambda place, tile: (order.append(place), put(place, tile))
    box = (slice(60, 130), slice(60, 130))
    for text in seen.answer(scribbles, box):
        if text == SHOW:
            break
    near = {(0, 0, y, x) for y in range(1, 5) for x in range(1, 5)}
    assert set(order[:16]) == near
    assert (0, 0, 2, 2) in order[:5]
    assert (0, 0, 0, 6) not in order


def test_the_quick_answer_comes_first_and_the_exact_one_replaces_it():
    image, scribbles = problem()
    seen = Seen(image, method="auto")
    box = tuple(slice(0, n) for n in image.shape)
    steps = seen.session.answer_steps(seen.model, scribbles, View(0, box))
    next(s for s in steps if s.text == SHOW)
    quick = [seen.store.get(p) for p in seen.store.places()]
    assert quick
    assert not any(tile.is_final for tile in quick)
    run(steps)
    assert all(seen.store.get(p).is_final for p in seen.store.places())


def test_looking_back_computes_nothing(monkeypatch):
    image, scribbles = problem((200, 220))
    seen = Seen(image, method="softmax")
    left, right = (slice(0, 64), slice(0, 64)), (slice(100, 164), slice(100, 164))
    seen.answer(scribbles, left)
    seen.answer(scribbles, right)
    before = {p: seen.store.get(p) for p in seen.store.places()}
    monkeypatch.setattr(seen.session._learner, "learn_steps", None)
    seen.answer(scribbles, left)
    assert {p: seen.store.get(p) for p in before} == before


def test_what_was_painted_before_is_not_computed_again():
    image, scribbles = problem()
    seen = Seen(image, method="softmax")
    seen.answer(scribbles)
    asked = []
    features_at = Frame.features_at_steps

    def watched(frame, positions, tiles=None):
        asked.append(len(positions))
        return (yield from features_at(frame, positions, tiles))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Frame, "features_at_steps", watched)
        scribbles[60:62, 50:56] = 1
        seen.answer(scribbles)
    assert asked == [12]


def test_undoing_a_stroke_brings_back_the_answer():
    image, scribbles = problem()
    seen = Seen(image, method="softmax")
    seen.answer(scribbles)
    before = seen.read(value=2)
    more = scribbles.copy()
    more[8:12, 20:60] = 2
    seen.answer(more)
    assert (seen.read(value=2) != before).any()
    seen.answer(scribbles)
    assert_array_equal(seen.read(value=2), before)


def test_settings_are_followed_without_learning_again(monkeypatch):
    image, scribbles = problem()
    seen = Seen(image, method="softmax")
    seen.answer(scribbles)
    seen.model.smoothing = 0.0
    with monkeypatch.context() as patch:
        patch.setattr(seen.session._learner, "learn_steps", None)
        seen.answer(scribbles)
    assert_same(seen, fitted(seen, image, scribbles), image)


def test_a_large_view_is_answered_at_a_coarser_level(monkeypatch):
    monkeypatch.setattr(view, "MOST_PIXELS", 2000)
    image, scribbles = problem()
    seen = Seen(image, method="softmax")
    seen.answer(scribbles)
    assert {place[0] for place in seen.store.places()} == {1}
    coarse = halved(image[np.newaxis])[0]
    at, values = np.nonzero(scribbles), scribbles[scribbles > 0]
    marks = np.zeros(coarse.shape, np.uint8)
    marks[at[0] // 2, at[1] // 2] = values
    full = ns.ProbabilisticSegmenter("softmax", normalization="none")
    labels = full.fit(coarse, marks).predict(coarse)
    seen_now = seen.read()[::2, ::2]
    assert (seen_now == labels).mean() > 0.97


def test_a_job_that_was_dropped_leaves_a_session_that_works():
    image, scribbles = problem()
    seen = Seen(image, method="auto")
    box = tuple(slice(0, n) for n in image.shape)
    for n_steps in range(0, 60, 7):
        steps = seen.session.answer_steps(seen.model, scribbles, View(0, box))
        for _ in zip(range(n_steps), steps, strict=False):
            pass
        steps.close()
    seen.answer(scribbles)
    assert_same(seen, fitted(seen, image, scribbles), image)


@pytest.mark.parametrize(
    ("values", "said"),
    [((), "two classes"), ((1,), "only class 1"), ((1, 300), "up to 255")],
)
def test_what_cannot_be_learnt_is_said(values, said):
    image, _ = problem()
    marks = np.zeros(image.shape, np.uint16)
    for i, value in enumerate(values):
        marks[10 * i : 10 * i + 5, 5:9] = value
    with pytest.raises(ValueError, match=said):
        Seen(image).answer(marks)


def test_neither_image_nor_scribbles_are_written_to():
    image, scribbles = problem()
    for array in (image, scribbles):
        array.flags.writeable = False
    Seen(image, method="softmax").answer(scribbles)


# -- the parts ------------------------------------------------------------------


def test_a_picture_reads_one_frame_of_a_lazy_image():
    class Lazy:
        shape, dtype, read = (3, 4, 2, 10, 12), np.dtype(int), []

        def __getitem__(self, key):
            self.read.append(key)
            return np.arange(np.prod(self.shape)).reshape(self.shape)[key]

    lazy = Lazy()
    picture = Picture(lazy, ns.ImageSpec("tncyx"))
    whole = np.arange(np.prod(lazy.shape)).reshape(lazy.shape)
    assert_array_equal(picture.values(6), whole[1, 2])
    assert lazy.read == [(1, 2, slice(None), slice(0, 10), slice(0, 12))]
    picture.values(6)
    assert len(lazy.read) == 1


def test_halving_averages_squares_and_keeps_odd_ends():
    values = np.arange(15.0).reshape(1, 3, 5)
    found = halved(values)
    assert found.shape == (1, 2, 3)
    assert found[0, 0, 0] == np.mean([0, 1, 5, 6])
    assert found[0, 1, 2] == 14


def test_where_strokes_meet_on_a_coarse_pixel_most_pixels_win():
    marks = np.zeros((4, 4), np.uint8)
    marks[0, :2], marks[1, 0] = 2, 1
    marks[2:, 2:] = 1
    painted = Painted.on(marks, ns.ImageSpec("yx"))
    (coarse,) = painted.at_level(1, (2, 2))
    assert coarse.positions.tolist() == [[0, 0], [1, 1]]
    assert coarse.values.tolist() == [2, 1]


def test_equal_strokes_have_equal_digests_and_others_do_not():
    _, scribbles = problem()
    spec = ns.ImageSpec("yx")
    digest = Painted.on(scribbles, spec).digest
    assert Painted.on(scribbles.astype(np.int32), spec).digest == digest
    scribbles[0, 0] = 1
    assert Painted.on(scribbles, spec).digest != digest


# -- with the strokes of an earlier model ---------------------------------------


@pytest.mark.parametrize("method", ["auto", "bayes"])
def test_strokes_are_added_to_those_of_an_earlier_model(method):
    image, scribbles = problem()
    earlier = ns.ProbabilisticSegmenter(method).fit(*problem(seed=1))
    seen = Seen(image, method=method)
    one_class = np.where(scribbles == 2, 2, 0)
    for painted in (scribbles, one_class, 0 * scribbles):
        seen.answer(painted, init_from=earlier)
        model = fitted(seen, image, painted, init_from=earlier)
        assert_same(seen, model, image)


def test_on_the_same_image_they_are_painted_over_the_earlier_ones():
    image, scribbles = problem()
    earlier = ns.ProbabilisticSegmenter("softmax").fit(image, scribbles)
    more = np.zeros_like(scribbles)
    more[40:44, 5:15] = 2
    seen = Seen(image, method="softmax")
    seen.answer(more, init_from=earlier)
    assert_same(seen, fitted(seen, image, more, init_from=earlier), image)
    seen.answer(scribbles)
    assert_same(seen, fitted(seen, image, scribbles), image)
    seen.answer(scribbles + more, init_from=earlier)
    assert_same(seen, fitted(seen, image, scribbles + more), image)


def test_another_earlier_model_gives_another_answer():
    image, scribbles = problem()
    seen = Seen(image, method="softmax")
    for seed in (1, 2, 1):
        earlier = ns.ProbabilisticSegmenter("softmax").fit(*problem(seed=seed))
        seen.answer(scribbles, init_from=earlier)
        model = fitted(seen, image, scribbles, init_from=earlier)
        assert_same(seen, model, image)


def test_at_a_coarser_resolution_the_painted_strokes_are_learnt_from_alone(monkeypatch):
    monkeypatch.setattr(view, "MOST_PIXELS", 2000)
    image, scribbles = problem()
    earlier = ns.ProbabilisticSegmenter("softmax").fit(*problem(seed=1))
    plain, more = Seen(image, method="softmax"), Seen(image, method="softmax")
    plain.answer(scribbles)
    more.answer(scribbles, init_from=earlier)
    assert_array_equal(more.read(), plain.read())


def test_an_earlier_model_that_does_not_fit_is_told():
    image, scribbles = problem()
    earlier = ns.ProbabilisticSegmenter(features="gradient").fit(*problem(seed=1))
    with pytest.raises(ValueError, match="the earlier model, has features"):
        Seen(image).answer(scribbles, init_from=earlier)


class NotInMemory:
    """An image that is read part by part; its frames count as large."""

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key):
        return self.array[key]


@pytest.fixture
def all_are_large(monkeypatch):
    monkeypatch.setattr("napari_segen.probabilistic.lazyframe.WHOLE_BYTES", 0)


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize("axes", ["yx", "tyx", "zyx", "yxc"])
def test_of_an_image_read_in_blocks_the_preview_is_the_same(axes):
    shape = {"yx": (70, 90), "tyx": (2, 70, 90), "zyx": (9, 70, 90)}.get(axes, (70, 90))
    image, scribbles = problem(shape)
    if axes == "yxc":
        image = np.stack([image, 255 - image, image // 2], axis=-1)
    box = (slice(4, 5),) * (axes == "zyx") + (slice(0, 70), slice(0, 90))
    sparse = SparseLabels(shape)
    sparse[...] = scribbles
    frame = 1 if axes == "tyx" else 0
    found = []
    for pixels, marks in ((image, scribbles), (NotInMemory(image), sparse)):
        seen = Seen(pixels, axes, method="softmax")
        seen.answer(marks, box, frame)
        found.append([seen.read(), seen.read(plane=1)])
    assert seen.session.picture.is_lazy
    assert found[0][0].any()
    assert_array_equal(found[1], found[0])


@pytest.mark.usefixtures("all_are_large")
def test_so_is_one_at_a_coarser_level_within_bounds(monkeypatch):
    monkeypatch.setattr(view, "MOST_PIXELS", 2000)
    image, scribbles = problem()
    found = []
    for pixels in (image, NotInMemory(image)):
        seen = Seen(pixels, method="softmax")
        seen.answer(scribbles)
        assert np.any(seen.read())
        found.append(seen.read())
    assert_array_equal(found[1], found[0])
    monkeypatch.setattr(view, "MOST_PIXELS", 100)
    with pytest.raises(ValueError, match="zoom in"):
        seen.answer(scribbles)
