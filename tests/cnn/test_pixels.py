import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from napari_segen.cnn import pixels
from napari_segen.cnn.labelled import UNLABELLED, LabelledImage
from napari_segen.cnn.pixels import LabelledPixels, chunk_counts


def images(seed, n_classes=3, shapes=((5, 9), (1, 30), (4, 3, 6))):
    rng = np.random.default_rng(seed)
    indices = [rng.integers(UNLABELLED, n_classes, s).astype(np.int16) for s in shapes]
    return [LabelledImage(np.zeros((1, *i.shape), np.float32), i) for i in indices]


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_every_pixel_of_a_class_is_found_once(seed, chunk, at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixels, "CHUNK", chunk)
        patch.setattr(pixels, "CHUNKS_AT_ONCE", at_once)
        source = images(seed)
        listed = LabelledPixels(source, 3)
        for k in range(3):
            expected = [
                (i, tuple(at.tolist()))
                for i, image in enumerate(source)
                for at in np.argwhere(image.index == k)
            ]
            assert listed.counts[k] == len(expected)
            assert [listed.pixel(k, i) for i in range(len(expected))] == expected


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_classes_are_ordered_as_they_first_appear(seed):
    source = images(seed, shapes=((2, 3), (4, 4)))
    flat = np.concatenate([i.index.ravel() for i in source])
    values, first = np.unique(flat[flat != UNLABELLED], return_index=True)
    assert LabelledPixels(source, 3).order == values[np.argsort(first)].tolist()


def test_pixels_of_a_class_are_drawn_evenly():
    source = images(0, shapes=((3, 4), (2, 3)))
    listed, rng = LabelledPixels(source, 3), np.random.default_rng(0)
    n = int(listed.counts[1])
    drawn = [listed.draw(1, rng) for _ in range(400 * n)]
    shares = [drawn.count(pixel) / 400 for pixel in set(drawn)]
    assert len(shares) == n
    assert min(shares) > 0.75
    assert max(shares) < 1.25


def test_chunks_without_labels_count_nothing():
    index = np.full(10_000, UNLABELLED, np.int16)
    index[-1] = 299
    counts = chunk_counts(index, 300)
    assert counts.sum() == 1
    assert_array_equal(np.argwhere(counts), [[10_000 // pixels.CHUNK, 299]])
