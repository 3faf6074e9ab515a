from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import wasserstein_distance
from tests.probabilistic.problems import two_regions

import napari_segen as ns
from napari_segen.core.archive import write_archive
from napari_segen.core.errors import ModelFileError, NotFitted
from napari_segen.probabilistic import given
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.guidance import kind

IMAGE, SCRIBBLES, _ = two_regions((96, 90))


def spots(seed, shape=(96, 90), sign=1.0):
    """Bright spots all over, on a dark ground with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    at = np.sin(y / 3.0 + rng.uniform(0, 6)) * np.sin(x / 3.0 + rng.uniform(0, 6))
    return (20 + sign * 10 * (at > 0.4) + rng.normal(size=shape)).astype(np.float32)


def fitted(image=None, method="softmax", **settings):
    image = spots(0) if image is None else image
    marks = np.zeros(image.shape, np.uint8)
    bright = image > 25
    marks[5::20], marks[10::20] = 1 + bright[5::20], 1 + bright[10::20]
    model = ns.ProbabilisticSegmenter(method, **settings)
    return model.fit(image, None if method == "mixture" else marks)


@pytest.mark.parametrize("seed", range(1, 6))
def test_another_image_of_the_kind_is_like_it(seed):
    (check,) = fitted().unlike_training(spots(seed))
    assert not check.is_unlike
    assert check.reason == ""
    assert check.distance < kind.TOO_FAR
    assert 0.7 < check.contrast < 1.4


FOREIGN = {
    "inverted": spots(1, sign=-1.0),
    "one box": IMAGE,
    "stripes": np.tile(np.float32([10, 30]), (96, 45)),
}


@pytest.mark.parametrize("image", FOREIGN.values(), ids=FOREIGN)
def test_another_kind_of_image_is_unlike_it(image):
    (check,) = fitted().unlike_training(image)
    assert check.is_unlike
    assert "distributed otherwise" in check.reason
    assert check.distance > kind.TOO_FAR


@pytest.mark.parametrize("noise", [0, 0.2])
def test_a_blank_image_is_nearly_empty(noise):
    blank = np.full((96, 90), 20.0) + noise * np.random.default_rng(0).normal(
        size=(96, 90)
    )
    (check,) = fitted().unlike_training(blank)
    assert check.contrast < kind.TOO_FLAT
    assert "empty" in check.reason


def test_an_image_without_data_says_so():
    (check,) = fitted().unlike_training(np.full((50, 60), np.nan))
    assert check.reason == "it has no data"


def test_the_distance_is_scipys_wasserstein_distance(monkeypatch):
    """Of many quantiles, meaned over the features, in units of the usual."""
    monkeypatch.setattr(kind, "LEVELS", (np.arange(1000) + 0.5) / 1000)
    model = fitted()
    other = spots(1, sign=0.5)
    (check,) = model.unlike_training(other)
    bank, n = model.bank((1.0, 1.0)), len(model.kind_.spread)
    planes = [bank.compute(scaled(model, i)) for i in (spots(0), other)]
    z = [model.kind_.scaling.apply(p.reshape(n, -1)) for p in planes]
    each = [wasserstein_distance(a, b) for a, b in zip(*z, strict=True)]
    assert_allclose(check.distance, np.mean(each) / model.kind_.usual[0], rtol=0.05)


def scaled(model, image):
    low, span = model.normalization_.scale_of(image[np.newaxis])
    return ((image - low) / span).astype(np.float32)[np.newaxis]


def test_each_frame_of_a_film_is_judged_by_itself():
    film = np.stack([spots(1), FOREIGN["inverted"], spots(2)])
    model = fitted()
    found = model.unlike_training(film, spec=ns.ImageSpec("tyx"))
    assert [check.is_unlike for check in found] == [False, True, False]
    alone = [model.unlike_training(frame)[0] for frame in film]
    assert list(found) == alone


def test_of_a_long_film_some_frames_are_looked_at(monkeypatch):
    looked_at = []

    def counted(values, *how):
        looked_at.append(values)
        return Frame.of(values, *how)

    monkeypatch.setattr(given, "Frame", SimpleNamespace(of=counted))
    film = np.stack([spots(i, (24, 26)) for i in range(40)])
    marks = np.zeros(film.shape, int)
    marks[0, 4, 2:20], marks[0, 15, 2:20] = 1, 2
    model = ns.ProbabilisticSegmenter("softmax").fit(
        film, marks, spec=ns.ImageSpec("tyx")
    )
    assert 8 <= len(looked_at) <= kind.MOST_FRAMES
    assert model.kind_ is not None


def test_several_training_images_widen_what_is_usual():
    one = fitted()
    marks = np.zeros((96, 90), np.uint8)
    marks[5, :40], marks[40, :40] = 1, 2
    both = ns.ProbabilisticSegmenter("softmax").fit(
        [spots(0), FOREIGN["inverted"]], [marks, marks]
    )
    assert both.kind_.usual[0] > one.kind_.usual[0]
    (check,) = both.unlike_training(FOREIGN["inverted"])
    assert not check.is_unlike


@pytest.mark.parametrize("move", [np.flipud, np.fliplr, np.transpose])
def test_flips_and_transposes_change_nothing(move):
    model = fitted()
    (before,) = model.unlike_training(spots(1))
    (after,) = model.unlike_training(np.ascontiguousarray(move(spots(1))))
    assert_allclose(after.distance, before.distance, rtol=1e-3)
    assert_allclose(after.contrast, before.contrast, rtol=1e-3)


@pytest.mark.parametrize("method", ["auto", "forest", "bayes", "mixture"])
def test_each_method_tells(method):
    model = fitted(method=method)
    assert not model.unlike_training(spots(0))[0].is_unlike
    assert model.unlike_training(FOREIGN["inverted"])[0].is_unlike


def test_a_volume_and_colours():
    volume = np.stack([spots(i, (40, 44)) for i in range(12)])
    assert not fitted(volume).unlike_training(volume)[0].is_unlike
    colours = np.stack([spots(i) for i in range(3)], axis=-1)
    marks = np.zeros((96, 90), int)
    marks[4:9, 5:50], marks[50:55, 5:50] = 1, 2
    model = ns.ProbabilisticSegmenter("softmax").fit(colours, marks)
    assert not model.unlike_training(colours)[0].is_unlike
    assert model.unlike_training(50 - colours)[0].is_unlike


def test_loaded_it_says_the_same(tmp_path):
    model = fitted()
    model.save(tmp_path / "m.segen")
    loaded = ns.load(tmp_path / "m.segen")
    for image in (spots(1), FOREIGN["inverted"]):
        assert loaded.unlike_training(image) == model.unlike_training(image)


def test_a_file_of_before_loads_and_says_what_it_lacks(tmp_path):
    model, path = fitted(), tmp_path / "m.segen"
    header, arrays = model.to_archive()
    old = {k: v for k, v in arrays.items() if not k.startswith("kind_")}
    write_archive(path, "probabilistic", header, old)
    loaded = ns.load(path)
    with pytest.raises(ValueError, match="Fit a model to all of them"):
        loaded.unlike_training(spots(0))
    loaded.save(path)


def test_a_damaged_file_is_refused(tmp_path):
    header, arrays = fitted().to_archive()
    names = [k for k in arrays if k.startswith("kind_")]
    assert len(names) == 3
    for name in names:
        without = {k: v for k, v in arrays.items() if k != name}
        write_archive(tmp_path / "m.segen", "probabilistic", header, without)
        with pytest.raises(ModelFileError, match=name):
            ns.load(tmp_path / "m.segen")
    broken = arrays | {"kind_usual": np.zeros(1, np.float32)}
    write_archive(tmp_path / "m.segen", "probabilistic", header, broken)
    with pytest.raises(ModelFileError, match="kind_usual"):
        ns.load(tmp_path / "m.segen")


def test_before_the_fit_there_is_nothing_to_compare():
    with pytest.raises(NotFitted):
        ns.ProbabilisticSegmenter().unlike_training(IMAGE)
