"""Work goes on another day: strokes of a saved model and new ones, learnt together."""

import subprocess
import sys
from copy import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage
from tests.probabilistic.problems import two_regions
from tests.probabilistic.test_texture import rough_beside_smooth

import napari_segen as ns
from napari_segen.core.archive import read_archive, write_archive
from napari_segen.core.errors import ModelFileError, NotFitted
from napari_segen.core.labels import ClassInfo
from napari_segen.core.normalization import Normalization
from napari_segen.core.scribbles import samples_of
from napari_segen.probabilistic import samples
from napari_segen.probabilistic.earlier import painted_over
from napari_segen.probabilistic.labelled import frame_digest
from napari_segen.probabilistic.registry import methods_with_strokes

FIRST, SECOND, THIRD = (two_regions(seed=i)[:2] for i in range(3))


def segmenter(method="softmax", **given):
    return ns.ProbabilisticSegmenter(method, **given)


def together(*pairs, **given):
    """Fit all of them at once."""
    return segmenter(**given).fit(*map(list, zip(*pairs, strict=True)))


def added(earlier, pair, **given):
    """Fit one of them, and add it to the strokes of a model."""
    return segmenter(**given).fit(*pair, init_from=earlier)


def assert_same(one, other):
    """The same answer, whatever is asked, byte for byte."""
    assert_array_equal(one.classes_, other.classes_)
    assert repr(one.score_) == repr(other.score_)  # NaN is NaN
    for image in (FIRST[0], SECOND[0]):
        assert_array_equal(one.predict_proba(image), other.predict_proba(image))
        assert_array_equal(one.novelty(image), other.novelty(image))


@pytest.mark.parametrize("normalization", ["auto", "image", "none"])
@pytest.mark.parametrize("method", methods_with_strokes())
def test_another_image_is_added_as_if_both_had_been_given_at_once(
    method, normalization, tmp_path
):
    settings = {"method": method, "normalization": normalization}
    together(FIRST, **settings).save(tmp_path / "first.segen")
    again = added(tmp_path / "first.segen", SECOND, **settings)
    assert_same(again, together(FIRST, SECOND, **settings))


def test_day_after_day():
    second = added(together(FIRST), SECOND)
    assert_same(added(second, THIRD), together(FIRST, SECOND, THIRD))


def test_in_a_fresh_process(tmp_path):
    together(FIRST, sigmas=(1.0,)).save(tmp_path / "first.segen")
    np.savez(tmp_path / "second.npz", image=SECOND[0], scribbles=SECOND[1])
    code = (
        "import sys, numpy as np, napari_segen as ns\n"
        "first, new, both = sys.argv[1:]\n"
        "new = np.load(new)\n"
        "model = ns.ProbabilisticSegmenter('softmax', sigmas=(1.0,))\n"
        "model.fit(new['image'], new['scribbles'], init_from=first).save(both)\n"
    )
    names = [str(tmp_path / n) for n in ("first.segen", "second.npz", "both.segen")]
    subprocess.run([sys.executable, "-c", code, *names], check=True)
    assert_same(ns.load(names[2]), together(FIRST, SECOND, sigmas=(1.0,)))


def test_more_than_is_learnt_from_is_thinned_as_if_given_at_once(monkeypatch):
    monkeypatch.setattr(samples, "MAX_SAMPLES", 400)
    masks = [(p[0], two_regions()[2]) for p in (FIRST, SECOND)]
    first = together(masks[0])
    assert sum(len(f.samples.values) for f in first.strokes_.frames) <= 400
    assert_same(added(first, masks[1]), together(*masks))


def test_new_classes_come_and_none_must_be_painted_again():
    image, scribbles = SECOND
    one = np.where(scribbles == 7, 5, 0)
    model = added(together(FIRST), (image, one))
    assert_array_equal(model.classes_, [3, 5, 7])
    assert_same(model, together(FIRST, (image, one)))


def test_another_method_may_learn_from_the_strokes():
    model = added(together(FIRST, method="bayes"), SECOND, method="forest")
    assert_same(model, together(FIRST, SECOND, method="forest"))


EASY = two_regions((90, 120), values=(1, 2))[:2]
ROUGH, ROUGH_TOO = (rough_beside_smooth(seed=i)[:2] for i in range(2))


@pytest.mark.parametrize("pair", [EASY, ROUGH_TOO])
def test_texture_that_was_looked_at_is_known_of_the_earlier_strokes(pair):
    first = together(ROUGH, method="auto")
    assert first.sees_texture_
    again = added(first, pair, method="auto")
    assert again.sees_texture_
    assert_same(again, together(ROUGH, pair, method="auto"))


def test_texture_that_nobody_looked_at_is_done_without_and_this_is_told(tmp_path):
    first = together(EASY, method="auto")
    assert not first.sees_texture_
    model = added(first, ROUGH, method="auto")
    assert not model.sees_texture_
    assert "texture might help, but is not known" in model.classifier_.reason_
    # With the image at hand it is.
    both = [EASY[0], ROUGH[0]], [EASY[1], ROUGH[1]]
    again = segmenter("auto").fit(*both, init_from=first)
    assert_same(again, together(EASY, ROUGH, method="auto"))
    assert again.sees_texture_


def test_without_a_doubt_nothing_is_said_of_texture():
    model = added(together(EASY, method="auto"), EASY, method="auto")
    assert "texture" not in model.classifier_.reason_


def stacked(image, scribbles, axes):
    """The image in a stack; of channels, or of planes of which some are painted."""
    if axes == "yxc":
        return np.stack([image, -image, image[::-1]], -1), scribbles
    none = np.zeros_like(scribbles)
    return np.stack([image] * 5), np.stack([none, scribbles, none, none, scribbles])


@pytest.mark.parametrize("axes", ["tyx", "yxc", "zyx"])
def test_stacks_colours_and_volumes(axes):
    spec = ns.ImageSpec(axes)
    pairs = [stacked(*pair, axes) for pair in (FIRST, SECOND)]
    first = segmenter().fit(*pairs[0], spec=spec)
    model = segmenter().fit(*pairs[1], spec=spec, init_from=first)
    both = segmenter().fit(*map(list, zip(*pairs, strict=True)), spec=spec)
    for image, _ in pairs:
        assert_array_equal(model.predict_proba(image), both.predict_proba(image))


# -- the same image again -------------------------------------------------------


def more_strokes():
    """Two strokes on the first image that touch none of its earlier ones."""
    scribbles = np.zeros_like(FIRST[1])
    scribbles[40, 30:50], scribbles[20, 20:30] = 3, 7
    return scribbles


def test_on_the_same_image_new_strokes_are_added_to_the_earlier_ones():
    image, scribbles = FIRST
    new = more_strokes()
    model = added(together(FIRST), (image, new))
    assert_same(model, together((image, np.where(new, new, scribbles))))
    assert len(model.strokes_.frames) == 1


def test_what_is_painted_over_counts_as_it_is_painted_now():
    image, scribbles = FIRST
    new = more_strokes()
    row, columns = np.nonzero(scribbles == 7)
    new[row[:6], columns[:6]] = 3
    model = added(together(FIRST), (image, new))
    assert_same(model, together((image, np.where(new, new, scribbles))))


def test_the_old_layer_painted_on_counts_once():
    image, scribbles = FIRST
    new = scribbles + more_strokes()
    assert_same(added(together(FIRST), (image, new)), together((image, new)))


def test_what_was_erased_in_the_old_layer_is_gone():
    image, scribbles = FIRST
    first = scribbles + more_strokes()
    corrected = first.copy()
    corrected[40, 30:50] = 0
    model = added(together((image, first)), (image, corrected))
    assert_same(model, together((image, corrected)))


def test_the_same_strokes_once_more_change_nothing():
    first = together(FIRST, SECOND)
    assert_same(added(first, FIRST), first)


def test_nothing_painted_learns_the_earlier_strokes_anew():
    first = together(FIRST)
    assert_same(added(first, (SECOND[0], 0 * SECOND[1])), first)


def test_an_image_keeps_its_place_among_the_earlier_ones():
    image, scribbles = FIRST
    new = scribbles + more_strokes()
    model = added(
        together(FIRST, SECOND, method="forest"), (image, new), method="forest"
    )
    assert_same(model, together((image, new), SECOND, method="forest"))


@pytest.mark.parametrize("turn", [1, -1])
def test_known_and_new_images_may_be_given_in_any_order(turn):
    image, scribbles = FIRST
    new = scribbles + more_strokes()
    given = [(image, new), THIRD][::turn]
    model = segmenter().fit(
        *map(list, zip(*given, strict=True)), init_from=together(SECOND, FIRST)
    )
    assert_same(model, together(SECOND, (image, new), THIRD))


def test_planes_of_a_stack_that_are_not_painted_again_stay():
    spec = ns.ImageSpec("tyx")
    stack = np.stack([FIRST[0], SECOND[0], THIRD[0]])
    none = np.zeros_like(FIRST[1])
    before = np.stack([FIRST[1], none, THIRD[1]])
    now = np.stack([more_strokes(), none, none])
    first = segmenter().fit(stack, before, spec=spec)
    model = segmenter().fit(stack, now, spec=spec, init_from=first)
    both = np.where(now, now, before)
    wanted = segmenter().fit(stack, both, spec=spec).predict_proba(stack)
    assert_array_equal(model.predict_proba(stack), wanted)


def test_planes_that_look_the_same_keep_their_own_strokes():
    spec = ns.ImageSpec("tyx")
    twice = np.stack([FIRST[0]] * 2)
    before = np.stack([FIRST[1], more_strokes()])
    first = segmenter().fit(twice, before, spec=spec)
    model = segmenter().fit(twice, before, spec=spec, init_from=first)
    assert_array_equal(model.predict_proba(twice), first.predict_proba(twice))


@given(st.integers(0, 9999))
@settings(max_examples=60, deadline=None)
def test_painting_over_is_what_a_brush_does(seed):
    rng = np.random.default_rng(seed)
    shape = (9, 11)
    before, now = (
        rng.integers(1, 4, shape) * (rng.random(shape) < rng.choice([0, 0.1, 0.3]))
        for _ in range(2)
    )
    found = painted_over(samples_of(before), samples_of(now), shape)
    same = np.count_nonzero((before == now) & (before > 0))
    wanted = now if 2 * same > np.count_nonzero(before) else np.where(now, now, before)
    labels = np.zeros(shape, int)
    labels[tuple(found.positions.T)] = found.values
    assert_array_equal(labels, wanted)
    # A stroke is connected, or was one stroke before: a brute-force closure of both.
    ids = np.zeros(shape, int)
    ids[tuple(found.positions.T)] = found.strokes + 1
    pieces, n = np.zeros(shape, int), 0
    for value in np.unique(wanted[wanted > 0]):
        own, k = ndimage.label(wanted == value, np.ones((3, 3)))
        pieces[own > 0], n = own[own > 0] + n, n + k
    for i in range(1, n + 1):
        assert len(np.unique(ids[pieces == i])) == 1
    group = np.arange(n + 1)
    if wanted is not now and len(found.values):
        for value in (1, 2, 3):
            old, k = ndimage.label(before == value, np.ones((3, 3)))
            for i in range(1, k + 1):
                mine = np.unique(group[pieces[(old == i) & (now == 0)]])
                group[np.isin(group, mine)] = mine.min(initial=n)
    assert len(np.unique(ids[ids > 0])) == len(np.unique(group[pieces[pieces > 0]]))


def test_a_frame_is_known_again_whatever_type_it_is_stored_in():
    frame = np.random.default_rng(0).integers(0, 256, (1, 20, 30)).astype(np.uint8)
    digest = frame_digest(frame)
    assert all(
        frame_digest(f) == digest
        for f in (frame.astype(">u2"), frame.astype(float), np.asfortranarray(frame))
    )
    other = frame.copy()
    other[0, -1, -1] ^= 1
    assert frame_digest(other) != digest
    assert frame_digest(frame.reshape(1, 30, 20)) != digest


# -- grey values ----------------------------------------------------------------


def test_scaled_by_the_training_images_the_earlier_scale_stays():
    first = together(FIRST, normalization="training")
    brighter = 3 * SECOND[0] + 100, SECOND[1]
    model = added(first, brighter, normalization="training")
    assert model.normalization_.as_json() == first.normalization_.as_json()
    again = added(first, FIRST, normalization="training")
    assert_same(again, first)


def test_a_blank_channel_is_refused_where_it_would_be_scaled_in_another_way():
    blank = np.stack([FIRST[0], np.full_like(FIRST[0], 5)], -1)
    full = np.stack(SECOND, -1)
    spec = ns.ImageSpec("yxc")

    def pair(*given, **options):
        model = segmenter(normalization=options.pop("normalization", "auto"))
        return model.fit(*given, spec=spec, **options)

    first = pair(blank, FIRST[1])
    with pytest.raises(
        ValueError,
        match="strokes on an image with a blank",
    ):
        pair(full, SECOND[1], init_from=first)
    # With the image at hand, and where no other image has a say, it goes well.
    pair([blank, full], [FIRST[1], SECOND[1]], init_from=first)
    pair(
        full,
        SECOND[1],
        normalization="image",
        init_from=pair(blank, FIRST[1], normalization="image"),
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=5))
def test_the_scale_of_a_frame_that_is_not_blank_is_its_own(lows):
    ranges = [(np.array([low]), np.array([2.0 + i])) for i, low in enumerate(lows)]
    scale = Normalization().learn(ranges)
    for low, span in ranges:
        assert scale.scale_of(low, (low, span)) == (low, span)


# -- what cannot be added to ----------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"features": "gradient"}, "features"),
        ({"sigmas": (1.0, 2.0)}, "sigmas"),
        ({"normalization": "none"}, "normalization 'auto', not 'none'"),
        ({"channels": [0]}, r"channels None, not \(0,\)"),
        ({"sigma_unit": "physical"}, "sigma_unit 'pixel', not 'physical'"),
    ],
)
def test_other_settings_are_refused_and_the_difference_told(given, text):
    with pytest.raises(ValueError, match=f"earlier model, has {text}"):
        added(together(FIRST), SECOND, **given)


@pytest.mark.parametrize(
    ("before", "now", "unit", "text"),
    [
        ((0.1, 0.1), (0.2, 0.2), "pixel", r"pixels of \(0.1, 0.1\), not \(0.2, 0.2\)"),
        ((0.1, 0.1), None, "physical", "pixel sizes in 'µm', not 'pixel'"),
        ((0.1, 0.1), (0.2, 0.2), "physical", ""),
        ((0.1, 0.1), (0.100001, 0.1), "pixel", ""),
        ((0.1, 0.1), None, "pixel", ""),
    ],
)
def test_pixels_of_another_size_are_refused_unless_sigmas_follow(
    before, now, unit, text
):
    first, second = (
        ns.ImageSpec("yx", size, "µm" if size else "pixel") for size in (before, now)
    )
    options = {"sigma_unit": unit, "sigmas": (0.2,) if unit == "physical" else None}
    model = segmenter(**options).fit(*FIRST, spec=first)
    if text:
        with pytest.raises(ValueError, match=f"earlier model, has {text}"):
            segmenter(**options).fit(*SECOND, spec=second, init_from=model)
    else:
        segmenter(**options).fit(*SECOND, spec=second, init_from=model)


def test_other_images_are_refused():
    first = together(FIRST)
    image, scribbles = SECOND
    for other, spec, text in (
        (np.stack([image] * 2, -1), ns.ImageSpec("yxc"), "channels in its images 1"),
        (np.stack([image] * 4), ns.ImageSpec("zyx"), "spatial axes 'yx', not 'zyx'"),
    ):
        marks = scribbles if spec.axes == "yxc" else np.stack([scribbles] * 4)
        with pytest.raises(ValueError, match=f"earlier model, has {text}"):
            segmenter().fit(other, marks, spec=spec, init_from=first)
    colour = segmenter().fit(np.stack([image] * 3, -1), scribbles)
    with pytest.raises(ValueError, match="init_from, the earlier model, has colours"):
        segmenter().fit(
            np.stack([image] * 3), scribbles, spec=ns.ImageSpec("cyx"), init_from=colour
        )


def test_what_holds_no_strokes_cannot_be_added_to(tmp_path):
    first = together(FIRST)
    first.save(tmp_path / "without.segen", keep_strokes=False)
    header, arrays = read_archive(tmp_path / "without.segen")
    assert not [name for name in arrays if name.startswith("strokes_")]
    assert first.strokes_ is not None
    declined = ns.load(tmp_path / "without.segen")
    assert_same(declined, first)
    header.pop("strokes")  # as files were before
    write_archive(tmp_path / "old.segen", header.pop("kind"), header, arrays)
    old = ns.load(tmp_path / "old.segen")
    assert_same(old, first)
    for model in (declined, old, ns.ProbabilisticSegmenter("mixture").fit(FIRST[0])):
        assert model.strokes_ is None
        with pytest.raises(ValueError, match="earlier model, holds no strokes"):
            added(model, SECOND)


def test_what_is_no_segmenter_cannot_be_added_to(tmp_path):
    for init_from, error in (
        (segmenter(), NotFitted),
        (3, TypeError),
        (tmp_path / "missing", FileNotFoundError),
    ):
        with pytest.raises(error):
            added(init_from, SECOND)


def test_a_method_without_strokes_cannot_add_any():
    with pytest.raises(ValueError, match="takes no strokes, so that it cannot add"):
        segmenter("mixture").fit(FIRST[0], init_from=together(FIRST))


def test_a_failed_fit_leaves_both_models_as_they_were():
    first = together(FIRST)
    before = copy(first)
    with pytest.raises(ValueError, match="normalization"):
        added(first, SECOND, normalization="none")
    assert first.__dict__ == before.__dict__


def test_a_model_may_be_fitted_further_itself():
    model = together(FIRST)
    model.fit(*SECOND, init_from=model)
    assert_same(model, together(FIRST, SECOND))


# -- where it came from, and the file -------------------------------------------


def test_what_is_kept_is_told():
    assert str(together(FIRST).strokes_) == "2 strokes on 1 plane"
    one = np.zeros((2, *FIRST[0].shape), int)
    one[:, 3, 3:9], one[:, 8, 3:9] = 1, 2
    volume = segmenter().fit(np.stack([FIRST[0]] * 2), one)
    assert str(volume.strokes_) == "2 strokes on 1 volume"


def test_the_model_knows_where_its_earlier_strokes_came_from():
    first = together(FIRST)
    first.class_info_ = {7: ClassInfo("nucleus", "#ff0000")}
    third = added(added(first, SECOND), THIRD)
    days = third.provenance_["earlier"]
    images = [together(p).provenance_["images"] for p in (FIRST, SECOND)]
    assert [day["images"] for day in days] == images
    assert third.class_info_[7].name == "nucleus"


def broken_files(model, tmp_path):
    """Yield names and files in which one thing of the kept strokes is wrong."""
    model.save(tmp_path / "good.segen")
    header, arrays = read_archive(tmp_path / "good.segen")
    kind = header.pop("kind")
    (entry,) = header["strokes"]
    tables = {
        "shape": [entry | {"shape": [4, 4]}],
        "no shape": [entry | {"shape": [2**40, 2**40]}],
        "low": [entry | {"low": [0, 0]}],
        "span": [entry | {"span": [-1]}],
        "digest": [entry | {"digest": 3}],
        "missing": [{}],
        "none": [],
        "no table": 5,
    }
    wrong = {
        "values": arrays["strokes_values"] + 1,
        "positions": arrays["strokes_positions"][:, :1],
        "strokes": arrays["strokes_strokes"].astype(np.int64),
        "frame": arrays["strokes_frame"] + 1,
        "features": arrays["strokes_features"][:, 1:],
        "negative": -1 - arrays["strokes_positions"],
        "texture": np.zeros((len(arrays["strokes_values"]), 1), np.float32),
    }
    for name, table in tables.items():
        yield name, kind, header | {"strokes": table}, arrays
    for name, array in wrong.items():
        key = "strokes_" + ("positions" if name == "negative" else name)
        yield name, kind, header, arrays | {key: array}
    for key in [k for k in arrays if k.startswith("strokes_")]:
        yield f"no {key}", kind, header, {k: a for k, a in arrays.items() if k != key}


def test_files_with_impossible_strokes_are_refused(tmp_path):
    for name, kind, header, arrays in broken_files(together(FIRST), tmp_path):
        path = tmp_path / f"{name}.segen"
        write_archive(path, kind, header, arrays)
        with pytest.raises(ModelFileError):
            ns.load(path)
