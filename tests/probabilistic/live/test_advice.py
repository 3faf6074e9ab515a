"""What goes with a live answer: where to paint next, and what to doubt."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.probabilistic.live.test_session import Seen, problem

from napari_segen.probabilistic.live import advice, pyramid, store, tiles, view
from napari_segen.probabilistic.live.advice import pictured
from napari_segen.probabilistic.live.picture import Picture
from napari_segen.probabilistic.live.view import View
from napari_segen.probabilistic.live.wish import Wish


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    for module in (advice, pyramid, store, tiles, view):
        monkeypatch.setattr(module, "SIDE", 32)


class Advised(Seen):
    def advise(self, scribbles, box=None, n=5, avoid=(), frame=0):
        whole = tuple(slice(0, m) for m in self.session.picture.shape)
        steps = self.session.answer_steps(
            self.model,
            scribbles,
            View(frame, box or whole),
            wish=Wish(n, tuple(avoid)),
        )
        assert list(steps)
        return self.session.advice


def test_without_a_wish_there_is_no_advice():
    image, scribbles = problem()
    seen = Seen(image)
    seen.answer(scribbles)
    assert seen.session.advice is None


@pytest.mark.parametrize("method", ["softmax", "auto"])
def test_places_in_the_view_are_those_of_the_whole_image(method):
    image, scribbles = problem()
    seen = Advised(image, method=method, sigmas=(1.0, 2.0))
    found = seen.advise(scribbles)
    model = seen.model.fit(image, scribbles)
    # The live answer is kept in 8 bits, and the novelty is that of every other pixel.
    whole = model.suggest(image, 5, labelled=scribbles)
    near = [min(np.abs(whole - at).max(axis=1)) <= 6 for at in found.places]
    assert sum(near) >= 3
    assert found.score == model.score_
    assert found.doubts == model.doubtful_strokes_


def test_places_lie_in_the_view_and_away_from_strokes_and_what_is_avoided():
    image, scribbles = problem()
    seen = Advised(image, method="softmax", sigmas=(1.0,))
    box = (slice(5, 60), slice(30, 80))
    avoid = []
    for _ in range(3):
        found = seen.advise(scribbles, box, 2, avoid)
        assert found.places
        for y, x in found.places:
            assert 5 <= y < 60
            assert 30 <= x < 80
            assert scribbles[y, x] == 0
            assert all(np.hypot(y - v, x - u) >= 2 for v, u in avoid)
        avoid += found.places


def test_at_a_coarser_level_places_are_pixels_of_the_image(monkeypatch):
    monkeypatch.setattr("napari_segen.probabilistic.live.view.MOST_PIXELS", 2000)
    image, scribbles = problem((71, 91))
    seen = Advised(image, method="softmax", sigmas=(1.0,))
    found = seen.advise(scribbles, n=40)
    places = np.array(found.places)
    assert (places >= 0).all()
    assert (places < image.shape).all()
    assert found.doubts == ()


@pytest.mark.parametrize("axes", ["zyx", "tyx"])
def test_in_a_stack_places_are_on_the_plane_in_sight(axes):
    image, scribbles = problem((4, 70, 90))
    seen = Advised(image, axes, method="softmax", sigmas=(1.0,))
    box, frame = (slice(0, 70), slice(0, 90)), 2
    if axes == "zyx":
        box, frame = (slice(2, 3), *box), 0
    found = seen.advise(scribbles, box, frame=frame)
    assert found.places
    assert {at[0] for at in found.places} == {2}


def test_pixels_without_data_are_not_suggested():
    image, scribbles = problem(dtype=np.float32)
    image[:, 40:] = np.nan
    scribbles[:, 40:] = 0
    seen = Advised(image, method="softmax", sigmas=(1.0,))
    found = seen.advise(scribbles, n=20)
    assert found.places
    assert all(x < 40 for _, x in found.places)


def test_a_stroke_of_the_wrong_class_is_doubted_at_one_of_its_pixels():
    image, scribbles = problem()
    scribbles[30:33, 65:85] = 2  # on the dark ground
    seen = Advised(image, method="softmax")
    found = seen.advise(scribbles)
    assert found.doubts[0].class_value == 2
    assert scribbles[found.doubts[0].position] == 2
    assert 30 <= found.doubts[0].position[0] < 33


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_what_is_around_the_place(channels):
    rng = np.random.default_rng(0)
    shape = (70, 90) if channels == 1 else (70, 90, 3)
    image = rng.integers(0, 256, shape).astype(np.uint8)
    picture = Picture(image, Seen(image, "yx" if channels == 1 else "yxc").spec)
    for at in [(35, 45), (0, 0), (69, 89)]:
        found = pictured(picture, at)
        assert found.shape == (48, 48, 3)
        low, span = (end[-channels:] for end in picture.range_of(0))
        value = image[at]
        expected = np.clip(255 * (value - low) / span, 0, 255)
        assert np.abs(found[24, 24] - expected).max() <= 1
    corner = pictured(picture, (0, 0))
    assert_array_equal(corner[:24], 0)
    assert_array_equal(corner[:, :24], 0)
