"""A fit to sparse scribbles is that to the same scribbles in an array."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.live.test_session import NotInMemory, methods_with_strokes
from tests.probabilistic.live.test_session import problem as blocks

import napari_segen as ns
from napari_segen.core.sparse import SparseLabels
from napari_segen.probabilistic import lazyframe


def sparse(scribbles):
    made = SparseLabels(scribbles.shape)
    made[...] = scribbles
    return made


@pytest.mark.parametrize("normalization", ["training", "auto", "none"])
@pytest.mark.parametrize("method", methods_with_strokes())
def test_fits_are_equal(method, normalization):
    image, scribbles = blocks()
    posteriors = []
    for given, marks in (
        (image, scribbles),
        (NotInMemory(image), sparse(scribbles)),
    ):
        model = ns.ProbabilisticSegmenter(method, normalization=normalization)
        model.fit(given, marks, spec=ns.ImageSpec("yx"))
        posteriors.append(model.predict_proba(image))
    assert_allclose(posteriors[1], posteriors[0], atol=1e-5)
    assert_array_equal(posteriors[1].argmax(0), posteriors[0].argmax(0))


@pytest.mark.parametrize("axes", ["tyx", "zyx", "yxc", "cyx"])
def test_so_are_those_of_stacks_and_channels(axes):
    shape = (3, 70, 90) if axes in ("tyx", "zyx") else (70, 90)
    image, scribbles = blocks(shape)
    if "c" in axes:
        image = np.stack([image, 255 - image, image // 2], axis=axes.index("c"))
    labels = []
    for given, marks in ((image, scribbles), (NotInMemory(image), sparse(scribbles))):
        model = ns.ProbabilisticSegmenter("softmax")
        model.fit(given, marks, spec=ns.ImageSpec(axes))
        labels.append(model.predict(image))
    assert_array_equal(labels[1], labels[0])


def test_new_sparse_strokes_are_added_to_earlier_ones():
    image, scribbles = blocks()
    first, second = scribbles.copy(), scribbles.copy()
    first[:, 45:], second[:, :45] = 0, 0
    labels = []
    for given, mark in ((image, np.array), (NotInMemory(image), sparse)):
        before = ns.ProbabilisticSegmenter("softmax")
        before.fit(given, mark(first), spec=ns.ImageSpec("yx"))
        model = ns.ProbabilisticSegmenter("softmax")
        model.fit(given, mark(second), spec=ns.ImageSpec("yx"), init_from=before)
        labels.append(model.predict(image))
    assert_array_equal(labels[1], labels[0])


def test_of_a_huge_image_only_what_is_around_strokes_and_a_sample_is_read():
    plane, scribbles = blocks((512, 512), dtype=np.uint16)

    class Huge:
        shape, dtype, ndim = (65_536, 65_536), plane.dtype, 2
        n_read = 0

        def __getitem__(self, key):
            rows, columns = (np.arange(s.start, s.stop) % 512 for s in key)
            Huge.n_read += rows.size * columns.size
            return plane[np.ix_(rows, columns)]

    strokes = SparseLabels(Huge.shape)
    strokes[51_200:51_712, 20_480:20_992] = scribbles
    model = ns.ProbabilisticSegmenter("softmax")
    model.fit(Huge(), strokes, spec=ns.ImageSpec("yx"))
    near = model.predict(plane)
    assert (near == 2)[12:38, 22:48].mean() > 0.9
    # The sample for the range and the digest, and what is around the strokes.
    assert Huge.n_read <= (2 * lazyframe.SAMPLED_BLOCKS + 16) * lazyframe.BLOCK_PX
    assert model.kind_ is None
    assert model.provenance_["images"] == []


def test_bad_inputs_are_named():
    image, scribbles = blocks()
    model = ns.ProbabilisticSegmenter("softmax")
    with pytest.raises(ValueError, match="scribbles have the shape"):
        model.fit(image[:-1], sparse(scribbles))
    with pytest.raises(ValueError, match="of one image"):
        model.fit([image], sparse(scribbles))
    with pytest.raises(ValueError, match="classes"):
        model.fit(image, SparseLabels(image.shape))
