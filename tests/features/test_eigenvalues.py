import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from napari_segen.features.eigenvalues import eigenvalues_2, eigenvalues_3

UPPER_2, UPPER_3 = np.triu_indices(2), np.triu_indices(3)
seeds, scales = st.integers(0, 2**16), st.sampled_from([1e-6, 1.0, 1e6])
few = settings(max_examples=30, deadline=None)


def rotated(eigenvalues, seed):
    """Symmetric matrices ``(n, d, d)`` of given eigenvalues ``(n, d)``, float32."""
    n, d = np.shape(eigenvalues)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, d, d)))
    return np.einsum("nij,nj,nkj->nik", turn, eigenvalues, turn).astype(np.float32)


def found(matrices):
    n, d = matrices.shape[:2]
    out = np.empty((d, n), np.float32)
    entries = [
        np.ascontiguousarray(matrices[:, i, j])
        for i, j in zip(*(UPPER_2 if d == 2 else UPPER_3), strict=True)
    ]
    if d == 2:
        eigenvalues_2(*entries, out[0], out[1])
    else:
        eigenvalues_3(tuple(entries), out[0], out[1], out[2])
    return out


@given(seeds, scales, st.sampled_from([2, 3]))
@few
def test_they_are_those_of_lapack_largest_first(seed, scale, d):
    values = scale * np.random.default_rng(seed).normal(size=(50, d))
    matrices = rotated(values, seed)
    exact = np.linalg.eigvalsh(matrices.astype(float))[:, ::-1].T
    ours = found(matrices)
    assert_allclose(ours, exact, rtol=0, atol=1e-6 * np.abs(values).max())
    assert (np.diff(ours, axis=0) <= 0).all()


@given(seeds, scales, st.sampled_from([(2, 1, 1), (1, 1, -3), (1, 1, 1), (0, 0, 0)]))
@few
def test_equal_eigenvalues_are_found_too(seed, scale, values):
    matrices = rotated(scale * np.tile(values, (20, 1)), seed)
    ours = found(matrices)
    assert_allclose(ours.T, scale * np.tile(values, (20, 1)), atol=2e-6 * scale)
    assert (np.diff(ours, axis=0) <= 0).all()
