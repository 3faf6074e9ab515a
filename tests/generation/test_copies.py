from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose

from napari_segen.core.steps import run
from napari_segen.generation.copies import Training
from napari_segen.generation.honesty import honesty
from napari_segen.generation.patches import N_TURNS, Basis, cut, turn


def dots(n, seed, side=128, count=40, noise=0.02):
    """Images with small round objects of various width and brightness."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    images = noise * rng.standard_normal((n, side, side))
    for image in images:
        for _ in range(count):
            v, u = rng.uniform(0, side, 2)
            a, b = rng.uniform(1.5, 5, 2)
            shape = ((y - v) / a) ** 2 + ((x - u) / b) ** 2
            image += rng.uniform(0.5, 1) * np.exp(-shape / 2)
    return images.astype(np.float32)


def training_of(image, patch_px, seed=0):
    rng = np.random.default_rng(seed)
    planes = [image[np.newaxis]]
    return Training.of(planes, Basis.fit(planes, patch_px, rng), rng)


def found(training, image, n=1000):
    planes = [image[np.newaxis]]
    return run(training.neighbours_steps(planes, n, np.random.default_rng(0)))


def pasted(image, which, rng):
    """The inside of an image, turned, in another light and with a little noise."""
    turned = turn(image[3:-2, 2:-3], which)
    noise = 0.03 * image.std() * rng.standard_normal(turned.shape)
    return (0.7 * turned + 5 + noise).astype(np.float32)


@pytest.mark.parametrize("which", range(N_TURNS))
def test_pasted_patches_are_found_in_every_turn(which):
    """But for those about spots near the border, which its change has moved."""
    real, rng = dots(1, 0)[0], np.random.default_rng(0)
    distance = found(training_of(real, 15), pasted(real, which, rng)).distance
    assert len(distance) > 20
    assert np.mean(distance < 0.2) > 0.9


def brute_distances(real, training, patches, shift):
    """Compare with every training patch, its surroundings, in all turns."""
    p = training.basis.patch_px
    known = []
    for y, x in zip(training.corners.y, training.corners.x, strict=True):
        for dy, dx in product(range(-shift, shift + 1), repeat=2):
            part = real[max(y + dy, 0) : y + dy + p, max(x + dx, 0) : x + dx + p]
            if part.shape == (p, p):
                known.append(part.ravel())
    best = []
    for patch in patches:
        rows = [turn(patch, t).ravel() for t in range(N_TURNS)]
        likeness = np.corrcoef(rows + known)[:N_TURNS, N_TURNS:]
        best.append(np.sqrt(2 - 2 * likeness.max()))
    return np.array(best)


def test_distances_are_those_of_an_exhaustive_search():
    real, other = dots(2, 0, side=72, count=14)
    training = training_of(real, 15)
    got = found(training, other)
    patches = cut([other[np.newaxis]], got.patches, 15)[:, 0]
    wanted = brute_distances(real, training, patches, shift=2)
    assert np.all(got.distance > wanted - 1e-3)
    assert_allclose(np.quantile(got.distance, 0.05), np.quantile(wanted, 0.05), 0.02)
    assert np.mean(got.distance < wanted + 0.02) > 0.9


@pytest.mark.parametrize("n_copies", [0, 4, 8])
def test_the_share_grows_with_the_part_that_is_copied(n_copies):
    real, new, unseen = (dots(n, k) for k, n in enumerate((1, 8, 8)))
    rng = np.random.default_rng(0)
    made = [pasted(real[0], k, rng) for k in range(n_copies)]
    made += [image[3:-2, 2:-3] for image in new[n_copies:]]
    result = honesty(np.stack(made), list(real), held_out=list(unseen), patch_px=16)
    copied = n_copies / 8
    assert_allclose(result.memorised.value, copied + 0.05 * (1 - copied), atol=0.06)
