"""The families of features: a table from name to function, and the sets of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.features.gaussian import (
    Orders,
    Sigma,
    Span,
    derivatives,
    grow,
    radius,
)


class Window:
    """A window of one channel of a frame, on which features are wanted.

    Parameters
    ----------
    plane : float32 array of shape (*S)
        The whole channel.
    core : tuple of Span
        The wanted pixels.
    order : int
        The highest order of derivatives that any family asks for.
    """

    def __init__(self, plane: Array, core: tuple[Span, ...], order: int) -> None:
        self.plane = plane
        self.core = core
        self.order = order
        self._sigma: Sigma = ()
        self._derivatives: dict[Orders, Array] = {}

    def derivatives(self, sigma: Sigma) -> dict[Orders, Array]:
        """Return the derivatives at `sigma`, computed once for all families."""
        if self._sigma != sigma:
            origin = (0,) * self.plane.ndim
            self._derivatives = derivatives(
                self.plane, origin, self.core, self.plane.shape, sigma, self.order
            )
            self._sigma = sigma
        return self._derivatives


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of feature.

    Parameters
    ----------
    compute : callable
        From a window and sigma in pixels to the planes.
    order : int
        Order of the derivatives that it takes from the window.
    parts : callable
        From the number of spatial axes to the names of its planes.
    reach : callable
        From sigma along an axis to the pixels it looks at to each side.
    """

    compute: Callable[[Window, Sigma], Sequence[Array]]
    order: int
    parts: Callable[[int], tuple[str, ...]]
    reach: Callable[[float], int] = radius


def _unit(ndim: int, *axes: int) -> Orders:
    """Orders of the derivative once along each of `axes`."""
    return tuple(axes.count(a) for a in range(ndim))


def intensity(window: Window, sigma: Sigma) -> Sequence[Array]:
    """Return the grey value itself."""
    return [window.plane[tuple(slice(*span) for span in window.core)]]


def gaussian(window: Window, sigma: Sigma) -> Sequence[Array]:
    """Return the smoothed grey value."""
    return [window.derivatives(sigma)[(0,) * len(sigma)]]


def gradient_magnitude(window: Window, sigma: Sigma) -> Sequence[Array]:
    """Return the length of the gradient."""
    first = window.derivatives(sigma)
    squares = [first[_unit(len(sigma), a)] ** 2 for a in range(len(sigma))]
    return [np.sqrt(_sum(squares))]


def laplacian(window: Window, sigma: Sigma) -> Sequence[Array]:
    """Return the sum of the second derivatives along the axes."""
    second = window.derivatives(sigma)
    return [_sum([second[_unit(len(sigma), a, a)] for a in range(len(sigma))])]


def hessian(window: Window, sigma: Sigma) -> Sequence[Array]:
    """Return the eigenvalues of the matrix of second derivatives, largest first."""
    second, ndim = window.derivatives(sigma), len(sigma)
    pairs = combinations_with_replacement(range(ndim), 2)
    return _eigenvalues([second[_unit(ndim, a, b)] for a, b in pairs], ndim)


def structure_tensor(window: Window, sigma: Sigma) -> Sequence[Array]:
    """Return the eigenvalues of the local mean of gradient times gradient.

    The gradient is taken at half of sigma, the mean with sigma: energy of the fine
    texture around a pixel, across and along its main direction. Largest first.
    """
    size, ndim = window.plane.shape, len(sigma)
    around = tuple(
        grow(c, radius(s), n) for c, s, n in zip(window.core, sigma, size, strict=True)
    )
    fine = tuple(s / 2 for s in sigma)
    first = derivatives(window.plane, (0,) * ndim, around, size, fine, 1)
    gradient = [first[_unit(ndim, a)] for a in range(ndim)]
    start = tuple(a for a, _ in around)
    flat = (0,) * ndim
    means = [
        derivatives(gradient[a] * gradient[b], start, window.core, size, sigma, 0)[flat]
        for a, b in combinations_with_replacement(range(ndim), 2)
    ]
    return _eigenvalues(means, ndim)


def _sum(parts: Sequence[Array]) -> Array:
    # Smallest plus largest first would depend on the axes' order; with two or three
    # axes the sum of a pair does not, and the third adds only rounding.
    total = parts[0] + parts[1]
    for part in parts[2:]:
        total += part
    return total


def _eigenvalues(entries: list[Array], ndim: int) -> Sequence[Array]:
    """Eigenvalues of symmetric matrices given by their upper triangles, row by row."""
    from napari_segen.features.compiled import eigenvalues_2, eigenvalues_3

    shape = entries[0].shape
    out = np.empty((ndim, entries[0].size), np.float32)
    if ndim == 2:
        eigenvalues_2(*(e.reshape(-1) for e in entries), out)
    else:
        eigenvalues_3(np.stack([e.reshape(-1) for e in entries]), out)
    return list(out.reshape(ndim, *shape))


def _one(ndim: int) -> tuple[str, ...]:
    return ("",)


def _each(ndim: int) -> tuple[str, ...]:
    return ("largest", "smallest") if ndim == 2 else ("largest", "middle", "smallest")


def _twice(sigma: float) -> int:
    return radius(sigma / 2) + radius(sigma)


def _none(sigma: float) -> int:
    return 0


FAMILIES: dict[str, Family] = {
    "intensity": Family(intensity, 0, _one, _none),
    "gaussian": Family(gaussian, 0, _one),
    "gradient_magnitude": Family(gradient_magnitude, 1, _one),
    "laplacian": Family(laplacian, 2, _one),
    "hessian": Family(hessian, 2, _each),
    "structure_tensor": Family(structure_tensor, 0, _each, _twice),
}
UNSCALED = "intensity"  # the one family that has no sigma


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """A named choice of families with its sigmas, and what it is good for."""

    families: tuple[str, ...]
    sigmas: tuple[float, ...]
    summary: str


SETS: dict[str, FeatureSet] = {
    "default": FeatureSet(
        tuple(FAMILIES),
        (1.0, 2.0, 4.0, 8.0),
        "Brightness, edges, blobs, ridges and texture from 1 to 8 pixels.",
    ),
    "gradient": FeatureSet(
        ("gradient_magnitude",),
        (1.0, 2.0, 4.0, 8.0),
        "Edge strength alone: shows what a classifier can do without brightness.",
    ),
    "intensity": FeatureSet(
        ("intensity", "gaussian"),
        (1.0, 2.0, 4.0),
        "Brightness alone, as it is and smoothed: for objects that differ in it.",
    ),
}
