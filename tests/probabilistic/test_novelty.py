import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.problems import blobs, two_regions
from tests.reference import bayes as reference
from tests.reference import softmax as scaling

import napari_segen as ns
from napari_segen.core.archive import read_archive, write_archive
from napari_segen.core.errors import ModelFileError, NotFitted
from napari_segen.core.steps import run
from napari_segen.probabilistic import frame, novelty
from napari_segen.probabilistic.novelty import SHRINKAGE, Novelty
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.probabilistic.samples import TrainingSet

IMAGE, SCRIBBLES, TRUTH = two_regions((64, 72))


def fitted(image=IMAGE, scribbles=SCRIBBLES, method="softmax", **settings):
    model = ns.ProbabilisticSegmenter(method, **settings)
    return model.fit(image, scribbles if method != "mixture" else None)


def distances(samples, leave_out=()):
    """Squared distance of each pixel to the nearest class, straight from the formula.

    Classes are learnt from the strokes that are not in `leave_out`.
    """
    z = scaling.scaled(
        samples.features.astype(float),
        *scaling.scale(samples.features.astype(float), samples.weights()),
    )
    keep = ~np.isin(samples.strokes, leave_out)
    models = reference.fit(
        z[keep],
        samples.class_index[keep],
        samples.strokes[keep],
        samples.weights()[keep],
        SHRINKAGE,
    )
    return np.array(
        [min((x - m) @ np.linalg.solve(c, x - m) for m, c, _ in models) for x in z]
    )


def test_it_is_the_formula():
    samples = blobs()
    model = Novelty.learnt_from(samples)
    d2 = distances(samples)
    expected = d2 / (d2 + model.usual[0])
    assert_allclose(model.of(samples.features.T), expected, atol=1e-4)


def test_held_out_pixels_are_measured_without_their_stroke():
    """Of two strokes in each class, one or the other is left out."""
    samples = blobs(n_classes=2, strokes=2)
    z = np.zeros((4, len(samples.features)))
    part = novelty._parts(z + samples.features.T, samples)
    held_out = np.full(len(part), np.nan)
    for p in (0, 1):
        out = np.unique(samples.strokes[part == p])
        held_out[part == p] = distances(samples, out)[part == p]
    order = np.argsort(held_out)
    share = np.cumsum(samples.weights()[order])
    expected = held_out[order][np.searchsorted(share, 0.95)]
    assert_allclose(Novelty.learnt_from(samples).usual[0], expected, rtol=1e-3)


@pytest.mark.parametrize("strokes", [2, 4, 15])
def test_new_strokes_of_the_same_kind_are_seldom_novel(strokes):
    known, new = blobs(0, strokes=strokes), blobs(1, strokes=40)
    found = Novelty.learnt_from(known).of(new.features.T)
    assert (found > 0.5).mean() < 0.25


def test_one_stroke_per_class_gives_a_wide_berth():
    once, often = blobs(strokes=1), blobs(strokes=12)
    new = blobs(3, strokes=40).features.T
    assert Novelty.learnt_from(once).of(new).mean() < 0.5
    far = np.full((4, 1), 40, np.float32)
    for samples in (once, often):
        assert Novelty.learnt_from(samples).of(far) > 0.5


def test_between_two_classes_is_uncertain_but_not_novel():
    rng = np.random.default_rng(0)
    index = np.repeat([0, 1], 200)
    features = rng.normal(size=(400, 2)) + 2 * index[:, np.newaxis]
    samples = TrainingSet(features.astype(np.float32), index, np.arange(400) // 20, 2)
    between, beyond = np.ones((2, 1), np.float32), np.full((2, 1), 30, np.float32)
    classifier = CLASSIFIERS.get("bayes")().fit(samples)
    model = Novelty.learnt_from(samples)
    assert classifier.posterior(between).max() < 0.8
    assert model.of(between) < 0.3
    assert classifier.posterior(beyond).max() > 0.9
    assert model.of(beyond) > 0.8


def test_a_bright_artefact_is_novel_and_the_rest_is_not():
    image = IMAGE.copy()
    image[4:8, 50:60] += 60
    found = fitted().novelty(image)
    assert found.shape == image.shape
    assert found.dtype == np.float32
    assert found[4:8, 50:60].min() > 0.7
    assert np.median(found) < 0.4


@pytest.mark.parametrize("method", list(CLASSIFIERS))
def test_each_method_has_it_from_0_to_1(method):
    found = fitted(method=method).novelty(IMAGE)
    assert 0 <= found.min() <= found.max() <= 1
    assert np.median(found) < 0.5


def test_pixels_without_data_are_novel():
    image = IMAGE.copy()
    image[10:14, 10:20] = np.nan
    found = fitted().novelty(image)
    assert_array_equal(found[10:14, 10:20], 1)
    assert np.isfinite(found).all()


MOVES = {
    "rows": lambda a: a[::-1],
    "columns": lambda a: a[:, ::-1],
    "transpose": lambda a: a.T,
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_flips_and_transposes_carry_over(move):
    scribbles = np.zeros_like(SCRIBBLES)
    scribbles[2::9, 3:9], scribbles[30:34:2, 30:40] = 3, 7
    found = fitted(IMAGE, scribbles).novelty(IMAGE)
    moved = fitted(move(IMAGE), move(scribbles)).novelty(move(IMAGE))
    assert_allclose(moved, move(found), atol=1e-4)


def test_tiled_equals_whole(monkeypatch):
    model = fitted(sigmas=(1.0, 2.0))
    whole = model.novelty(IMAGE)
    monkeypatch.setattr(frame, "MAX_FEATURE_BYTES", 1)
    monkeypatch.setattr(frame, "LEAST_TILE_SIDE", 9)
    monkeypatch.setattr(novelty, "BLOCK_PIXELS", 30)
    assert_allclose(model.novelty(IMAGE), whole, atol=1e-5)


def test_films_keep_their_axes_and_segment_steps_gives_the_same():
    film, marks = np.stack([IMAGE, IMAGE[::-1]]), np.stack([SCRIBBLES] * 2)
    model = ns.ProbabilisticSegmenter().fit(film, marks, spec=ns.ImageSpec("tyx"))
    found = model.novelty(film)
    assert found.shape == film.shape
    both = run(model.segment_steps(film, novelty=True))
    assert_array_equal(both.novelty, found)
    assert_array_equal(both.labels, model.predict(film))
    assert run(model.segment_steps(film)).novelty is None


def test_loaded_it_gives_the_same_bytes(tmp_path):
    model = fitted()
    model.save(tmp_path / "m.segen")
    loaded = ns.load(tmp_path / "m.segen")
    assert loaded.novelty(IMAGE).tobytes() == model.novelty(IMAGE).tobytes()


def test_a_file_of_before_novelty_loads_and_says_what_it_lacks(tmp_path):
    model, path = fitted(), tmp_path / "m.segen"
    header, arrays = model.to_archive()
    old = {k: v for k, v in arrays.items() if not k.startswith("novelty_")}
    write_archive(path, "probabilistic", header, old)
    loaded = ns.load(path)
    assert_array_equal(loaded.predict_proba(IMAGE), model.predict_proba(IMAGE))
    with pytest.raises(ValueError, match="Fit the model again"):
        loaded.novelty(IMAGE)
    loaded.save(path)
    assert not [k for k in read_archive(path)[1] if k.startswith("novelty_")]


def test_a_damaged_file_is_refused(tmp_path):
    header, arrays = fitted().to_archive()
    names = [k for k in arrays if k.startswith("novelty_")]
    assert len(names) == 6
    for name in names:
        without = {k: v for k, v in arrays.items() if k != name}
        write_archive(tmp_path / "m.segen", "probabilistic", header, without)
        with pytest.raises(ModelFileError, match=name):
            ns.load(tmp_path / "m.segen")


def test_before_the_fit_there_is_none():
    with pytest.raises(NotFitted):
        ns.ProbabilisticSegmenter().novelty(IMAGE)
