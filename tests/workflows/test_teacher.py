import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from tests.workflows.networks import FakeNetwork, halves

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import run
from napari_segen.workflows.teacher import teacher_steps


def taught(images, labels, network=None, **options):
    return run(
        teacher_steps(network or FakeNetwork(), images, labels, unlabelled=0, **options)
    )


def test_a_posterior_for_every_pixel_of_every_image():
    (first, marks), (second, others) = halves(), halves((60, 48), seed=1)
    posteriors = taught([first, second], [marks, others])
    assert [p.shape for p in posteriors] == [(2, 48, 64), (2, 60, 48)]
    for posterior, painted in zip(posteriors, (marks, others), strict=True):
        assert_allclose(posterior.sum(axis=0), 1, atol=1e-5)
        # Classes ascending: 3, then 7.
        right = np.array([3, 7])[posterior.argmax(axis=0)][painted > 0]
        assert (right == painted[painted > 0]).mean() > 0.95


def test_frames_keep_their_axes():
    image, marks = halves((3, 44, 48))
    (posterior,) = taught(image, marks, spec=ImageSpec("tyx"))
    assert posterior.shape == (2, 3, 44, 48)


def test_what_is_held_out_does_not_teach():
    image, marks = halves()
    network = FakeNetwork(held_strokes=(1, 5))
    _, held, _ = network.split(image, marks, unlabelled=0)
    kept = np.where(held[0] > 0, 0, marks)
    assert (kept != marks).any()
    alone = taught(image, kept, FakeNetwork(held_strokes=()))
    assert_array_equal(taught(image, marks, network)[0], alone[0])
