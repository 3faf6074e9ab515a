import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.problems import blobs, two_regions
from tests.reference import forest as reference

import napari_segen as ns
from napari_segen.core.parameters import as_json
from napari_segen.core.steps import run
from napari_segen.probabilistic.forest.growing import (
    LEFT_OUT,
    ForestParams,
    Ground,
    flattened,
    joined,
)
from napari_segen.probabilistic.forest.method import ForestClassifier
from napari_segen.probabilistic.forest.trees import Questions, Trees
from napari_segen.probabilistic.samples import (
    MOST_PIXELS_OF_A_STROKE,
    TrainingSet,
)

N_FEATURES, N_CLASSES = 3, 2


@st.composite
def drawn_trees(draw):
    """One to three trees of any form: a single leaf, a long chain, hundreds of leaves.

    Thresholds are whole numbers, so that pixels of whole numbers lie on them.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lean = draw(st.sampled_from([0.02, 0.5, 0.98]))

    def tree(n_leaves):
        if n_leaves == 1:
            return rng.dirichlet(np.ones(N_CLASSES))
        left = 1 + rng.binomial(n_leaves - 2, lean)
        feature, threshold = rng.integers(N_FEATURES), float(rng.integers(-3, 4))
        return feature, threshold, tree(left), tree(n_leaves - left)

    sizes = draw(st.lists(st.sampled_from([1, 2, 31, 32, 33, 64, 65, 200]), min_size=1))
    return [tree(n) for n in sizes[:3]]


def as_arrays(trees):
    feature, threshold, shares = zip(
        *(node for tree in trees for node in reference.nodes(tree)), strict=True
    )
    return Trees(
        np.array(feature, np.int32),
        np.array(threshold, np.float32),
        np.array([s for s in shares if s is not None], np.float32),
    )


@given(trees=drawn_trees(), seed=st.integers(0, 999))
@settings(max_examples=25, deadline=None)
def test_prediction_is_the_definition(trees, seed):
    arrays = as_arrays(trees)
    arrays.check(len(trees), N_FEATURES, depth=200)
    pixels = np.random.default_rng(seed).integers(-4, 5, (60, N_FEATURES))
    pixels = pixels.astype(np.float32)
    found = Questions.of(arrays, len(trees)).summed_shares(pixels.T) / len(trees)
    expected = [reference.posterior(trees, pixel) for pixel in pixels]
    assert_allclose(found.T, expected, atol=1e-6)


@pytest.mark.parametrize("settings", [{"max_depth": 1}, {"max_depth": 5}, {}])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_prediction_is_scikit_learns(settings, n_classes):
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    x = rng.integers(0, 40, (3000, 6)).astype(np.float32) / 7
    noisy = (x.sum(axis=1) + rng.normal(size=3000)).astype(int) % n_classes
    theirs = RandomForestClassifier(7, random_state=0, **settings).fit(
        x[:900], noisy[:900]
    )
    trees = joined([flattened(e.tree_) for e in theirs.estimators_])
    trees.check(7, 6, depth=100)
    assert_allclose(
        Questions.of(trees, 7).summed_shares(x.T) / 7,
        theirs.predict_proba(x).T,
        atol=1e-6,
    )


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_a_class_without_votes_gets_exactly_none(absent):
    shares = np.random.default_rng(0).random((99, 3)).astype(np.float32)
    shares[:, absent] = 0
    shares /= shares.sum(axis=1, keepdims=True)
    leaves = Trees(np.full(99, -1, np.int32), np.zeros(99, np.float32), shares)
    found = Questions.of(leaves, 99).summed_shares(np.zeros((1, 5), np.float32))
    assert_array_equal(found[absent], 0)
    assert_allclose(found.sum(axis=0), 99, rtol=1e-6)


def test_a_threshold_between_neighbouring_numbers_still_parts_them():
    from sklearn.tree import DecisionTreeClassifier

    low = np.float32(100)
    for _ in range(4):
        high = np.nextafter(low, np.float32(200))
        x = np.array([[low], [high]])
        theirs = DecisionTreeClassifier().fit(x, [0, 1])
        trees = flattened(theirs.tree_)
        assert_array_equal(Questions.of(trees, 1).summed_shares(x.T), np.eye(2))
        low = high


def test_the_order_of_the_samples_does_not_matter():
    samples = blobs()
    order = np.random.default_rng(1).permutation(len(samples.strokes))
    mixed = TrainingSet(
        samples.features[order], samples.class_index[order], samples.strokes[order], 3
    )
    a, b = (ForestClassifier().fit(s).arrays() for s in (samples, mixed))
    for name, array in a.items():
        assert_array_equal(b[name], array)


@pytest.mark.parametrize("exponent", [-60, 60])
def test_the_unit_of_the_features_does_not_matter(exponent):
    samples = blobs()
    scaled = np.ldexp(samples.features, exponent)
    other = TrainingSet(scaled, samples.class_index, samples.strokes, 3)
    assert_array_equal(
        ForestClassifier().fit(other).posterior(scaled.T),
        ForestClassifier().fit(samples).posterior(samples.features.T),
    )


MOVES = {"rows": lambda a: a[::-1], "both": lambda a: a[::-1, ::-1], "t": lambda a: a.T}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_flips_carry_over_where_all_pixels_mirror_one_another(move):
    image, _, mask = two_regions()
    p, moved = (
        ns.ProbabilisticSegmenter("forest", smoothing=0.0).fit(i, m).predict_proba(i)
        for i, m in ((image, mask), (move(image), move(mask)))
    )
    assert_allclose(moved, [move(plane) for plane in p], atol=1e-3)


def strokes_of_lengths(*lengths):
    """Strokes of equal features, classes 0, 1, 0, 1, ..., with pixels to count."""
    stroke = np.repeat(np.arange(len(lengths)), lengths)
    features = np.stack([stroke, np.arange(len(stroke))], axis=1).astype(np.float32)
    return TrainingSet(features, stroke % 2, stroke, 2)


def strokes_of(ground, drawn):
    """Number of the stroke of each drawn pixel."""
    return np.searchsorted(ground.first, drawn.rows, side="right") - 1


def test_a_stroke_is_drawn_as_often_as_it_weighs():
    # Alone in its class no stroke is left out; a filled region counts as a long stroke.
    ground = Ground.of(strokes_of_lengths(40, 1000))
    drawn = ground.drawn(500, np.random.default_rng(0))
    counts = np.bincount(strokes_of(ground, drawn))
    weights = np.minimum(ground.pixels, MOST_PIXELS_OF_A_STROKE)
    assert_allclose(counts, 1000 * weights / weights.sum(), atol=1)


def test_a_tree_gets_five_pixels_for_each_stroke_that_it_sees():
    ground = Ground.of(strokes_of_lengths(9, 11, 9, 50, 9, 30))
    drawn = ground.drawn(5, np.random.default_rng(0))
    assert len(drawn.rows) == 5 * np.count_nonzero(~drawn.left_out)
    assert not drawn.left_out[strokes_of(ground, drawn)].any()


def test_every_class_keeps_a_stroke_and_gives_a_pixel():
    ground = Ground.of(strokes_of_lengths(1, 256, 1, 256))
    for i in range(50):
        drawn = ground.drawn(1, np.random.default_rng(i))
        kept = ground.stroke_class[~drawn.left_out]
        assert set(kept) == {0, 1}
        assert set(ground.class_index[drawn.rows]) == {0, 1}


def test_strokes_are_left_out_at_the_rate_that_is_said():
    ground = Ground.of(blobs(strokes=10))
    out = np.mean(
        [ground.drawn(1, np.random.default_rng(i)).left_out for i in range(300)]
    )
    assert_allclose(out, LEFT_OUT, atol=0.02)


def test_what_is_held_out_was_said_by_trees_that_did_not_see_it():
    rng = np.random.default_rng(0)
    # Each stroke has a class of its own by chance: to know it, one must have seen it.
    strokes = np.repeat(np.arange(20), 8)
    features = np.repeat(rng.normal(size=(20, 3)), 8, axis=0).astype(np.float32)
    samples = TrainingSet(features, rng.permutation(20)[strokes] % 2, strokes, 2)
    model = ForestClassifier()
    held_out = run(model.fit(samples).held_out_steps(samples))
    seen = model.posterior(features.T).argmax(axis=0) == samples.class_index
    unseen = held_out.posterior.argmax(axis=0) == samples.class_index
    assert held_out.known.all()
    assert seen.mean() > 0.95
    assert unseen.mean() < 0.8


def test_fewer_pixels_per_stroke_give_softer_probabilities():
    samples = blobs(n_features=8)
    soft, sure = (
        ForestClassifier({"pixels_per_stroke": n})
        .fit(samples)
        .posterior(samples.features.T)
        for n in (1, 12)
    )
    assert soft.max(axis=0).mean() < sure.max(axis=0).mean()


def test_depth_least_leaf_and_trees_bound_the_forest():
    samples = blobs(n_classes=5)
    full, shallow, coarse, few = (
        ForestClassifier(p).fit(samples).trees_
        for p in ({}, {"depth": 2}, {"least_leaf": 4}, {"trees": 3})
    )
    shallow.check(50, 4, depth=2)
    assert len(shallow.shares) <= 50 * 4
    assert len(coarse.shares) < len(full.shares)
    few.check(3, 4, depth=10)


def test_the_feature_that_tells_the_classes_apart_is_the_most_important():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 4)).astype(np.float32)
    classes = np.repeat([0, 1], 40)
    features[:, 2] += 5 * classes
    model = ForestClassifier().fit(
        TrainingSet(features, classes, np.arange(80) // 10, 2)
    )
    assert model.importances_.argmax() == 2
    assert_allclose(model.importances_.sum(), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("trees", 0), ("pixels_per_stroke", 0), ("depth", 21), ("least_leaf", 0)],
)
def test_wrong_parameters_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        ForestParams(**{name: value})


def test_closing_stops_the_fit():
    model = ForestClassifier()
    steps = model.fit_steps(blobs())
    for _ in range(3):
        next(steps)
    steps.close()
    assert not hasattr(model, "trees_")


def small_model():
    return ForestClassifier({"trees": 3}).fit(blobs())


def changed(array, at, value):
    other = array.copy()
    other[at] = value
    return other


HOSTILE = {
    "a feature that does not exist": lambda a: {"feature": changed(a["feature"], 0, 4)},
    "a negative feature": lambda a: {"feature": changed(a["feature"], -1, -2)},
    "features of another type": lambda a: {"feature": a["feature"].astype(np.int64)},
    "features of another shape": lambda a: {"feature": a["feature"][:, np.newaxis]},
    "a tree without end": lambda a: {"feature": changed(a["feature"], -1, 0)},
    "a leaf for a root": lambda a: {"feature": changed(a["feature"], 0, -1)},
    "a last tree without end": lambda a: {
        "feature": np.array([-1, -1, -1, 0, -1], np.int32),
        "threshold": a["threshold"][:5],
        "shares": a["shares"][:4],
    },
    "too few trees": lambda a: {
        "feature": a["feature"][:1] * 0 - 1,
        "threshold": a["threshold"][:1],
        "shares": a["shares"][:1],
    },
    "no trees": lambda a: {name: a[name][:0] for name in a if name != "importances"},
    "thresholds that are too few": lambda a: {"threshold": a["threshold"][1:]},
    "an infinite threshold": lambda a: {
        "threshold": changed(a["threshold"], 0, np.inf)
    },
    "a leaf without shares": lambda a: {"shares": a["shares"][1:]},
    "shares beyond 1": lambda a: {"shares": 2 * a["shares"]},
    "shares below 0": lambda a: {"shares": changed(a["shares"], 0, [2, -1, 0])},
    "shares of another number of classes": lambda a: {"shares": a["shares"][:, :2]},
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_arrays_that_are_no_forest_are_refused(change):
    model = small_model()
    arrays = model.arrays()
    with pytest.raises(ValueError, match=r"arrays? '"):
        ForestClassifier.from_arrays(
            as_json(model.params), arrays | change(arrays), 4, 3
        )


def test_the_number_of_trees_must_be_the_parameters():
    with pytest.raises(ValueError, match="4 whole trees"):
        ForestClassifier.from_arrays({"trees": 4}, small_model().arrays(), 4, 3)


def test_trees_deeper_than_the_parameters_are_refused():
    model = small_model()
    with pytest.raises(ValueError, match="depth 1 at most"):
        ForestClassifier.from_arrays({"trees": 3, "depth": 1}, model.arrays(), 4, 3)


def test_a_saved_forest_needs_no_scikit_learn(tmp_path):
    image, scribbles, _ = two_regions()
    model = ns.ProbabilisticSegmenter("forest", sigmas=(1.0,)).fit(image, scribbles)
    model.save(tmp_path / "m.segen")
    np.save(tmp_path / "image.npy", image)
    code = (
        "import sys, numpy as np, napari_segen as ns\n"
        "model, image, out = sys.argv[1:]\n"
        "np.save(out, ns.load(model).predict_proba(np.load(image)))\n"
        "assert 'sklearn' not in sys.modules\n"
    )
    names = [str(tmp_path / n) for n in ("m.segen", "image.npy", "out.npy")]
    subprocess.run([sys.executable, "-c", code, *names], check=True)
    assert_array_equal(np.load(names[2]), model.predict_proba(image))


def test_extreme_features_give_no_overflow():
    far = np.array([[1e38], [-1e38], [1e-38], [0]], np.float32)
    posterior = ForestClassifier().fit(blobs()).posterior(far)
    assert_allclose(posterior.sum(axis=0), 1, atol=1e-6)


def test_another_seed_grows_another_forest_the_same_one_the_same():
    image = np.random.default_rng(0).random((24, 24))
    marks = np.zeros((24, 24), int)
    marks[2:6, 2:10], marks[12:16, 4:20] = 1, 2
    image += marks

    def posterior(seed):
        model = ns.ProbabilisticSegmenter("forest", seed=seed).fit(image, marks)
        return model.predict_proba(image).tobytes()

    assert posterior(1) == posterior(1)
    assert posterior(1) != posterior(2)
