"""The families of features: a table from name to function, and the sets of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
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
from napari_segen.features.scratch import Scratch


@dataclass(frozen=True)
class Window:
    """A part of one channel of a frame, on which features of one sigma are wanted.

    Parameters
    ----------
    plane : float32 array of shape (*S)
        The whole channel.
    core : tuple of Span
        The wanted pixels.
    sigma : tuple of float
        In pixels along each axis.
    order : int
        The highest order of derivatives that any family asks for.
    scratch : Scratch
        Where intermediate results are kept.
    """

    plane: Array
    core: tuple[Span, ...]
    sigma: Sigma
    order: int
    scratch: Scratch

    @cached_property
    def derivatives(self) -> dict[Orders, Array]:
        """All derivatives on the core, computed once for all families."""
        return derivatives(
            self.plane,
            (0,) * self.plane.ndim,
            self.core,
            self.plane.shape,
            self.sigma,
            self.order,
            self.scratch,
        )

    def derivative(self, *axes: int) -> Array:
        """Return the derivative once along each of `axes`."""
        return self.derivatives[_orders(self.plane.ndim, *axes)]


def _orders(ndim: int, *axes: int) -> Orders:
    return tuple(axes.count(a) for a in range(ndim))


def _pairs(ndim: int) -> list[tuple[int, int]]:
    """Rows and columns of a symmetric matrix's upper triangle."""
    return list(combinations_with_replacement(range(ndim), 2))


def intensity(window: Window, out: Array) -> None:
    """Write the grey value itself."""
    out[0] = window.plane[tuple(slice(*span) for span in window.core)]


def gaussian(window: Window, out: Array) -> None:
    """Write the smoothed grey value."""
    out[0] = window.derivative()


def gradient_magnitude(window: Window, out: Array) -> None:
    """Write the length of the gradient."""
    square = window.scratch.empty(out.shape[1:])
    np.square(window.derivative(0), out=out[0])
    for axis in range(1, window.plane.ndim):
        out[0] += np.square(window.derivative(axis), out=square)
    np.sqrt(out[0], out=out[0])


def laplacian(window: Window, out: Array) -> None:
    """Write the sum of the second derivatives along the axes."""
    np.add(window.derivative(0, 0), window.derivative(1, 1), out=out[0])
    for axis in range(2, window.plane.ndim):
        out[0] += window.derivative(axis, axis)


def hessian(window: Window, out: Array) -> None:
    """Write the eigenvalues of the matrix of second derivatives, largest first."""
    pairs = _pairs(window.plane.ndim)
    _eigenvalues([window.derivative(*pair) for pair in pairs], window.scratch, out)


def structure_tensor(window: Window, out: Array) -> None:
    """Write the eigenvalues of the local mean of gradient times gradient.

    The gradient is taken at half of sigma, the mean with sigma: energy of the fine
    texture around a pixel, across and along its main direction. Largest first.
    """
    size, ndim, scratch = window.plane.shape, window.plane.ndim, window.scratch
    around = tuple(
        grow(span, radius(s), n)
        for span, s, n in zip(window.core, window.sigma, size, strict=True)
    )
    fine = tuple(s / 2 for s in window.sigma)
    first = derivatives(window.plane, (0,) * ndim, around, size, fine, 1, scratch)
    start = tuple(span[0] for span in around)
    product = scratch.empty(tuple(stop - begin for begin, stop in around))
    means = []
    for a, b in _pairs(ndim):
        np.multiply(first[_orders(ndim, a)], first[_orders(ndim, b)], out=product)
        mean = derivatives(product, start, window.core, size, window.sigma, 0, scratch)
        means.append(mean[_orders(ndim)])
    _eigenvalues(means, scratch, out)


def _eigenvalues(entries: list[Array], scratch: Scratch, out: Array) -> None:
    """Write the eigenvalues of symmetric matrices given by their upper triangles.

    Parameters
    ----------
    entries : list of contiguous float32 arrays of shape (*S)
        Row by row: 3 of them in 2D, 6 in 3D.
    out : float32 array of shape (2 or 3, *S)
    """
    from napari_segen.features.compiled import eigenvalues_2, eigenvalues_3

    compute = {2: eigenvalues_2, 3: eigenvalues_3}[len(out)]
    values = scratch.empty(out.shape)
    compute(*(e.reshape(-1) for e in entries), values.reshape(len(out), -1))
    out[...] = values


def _one(ndim: int) -> tuple[str, ...]:
    return ("",)


def _each(ndim: int) -> tuple[str, ...]:
    return ("largest", "smallest") if ndim == 2 else ("largest", "middle", "smallest")


def _twice(sigma: float) -> int:
    return radius(sigma / 2) + radius(sigma)


def _none(sigma: float) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of feature.

    Parameters
    ----------
    compute : callable
        Takes a window and an array ``(len(parts), *core)`` to write to.
    order : int
        Order of the derivatives that it takes from the window.
    parts : callable
        From the number of spatial axes to the names of its features.
    reach : callable
        From sigma along an axis to the pixels it looks at to each side.
    """

    compute: Callable[[Window, Array], None]
    order: int
    parts: Callable[[int], tuple[str, ...]]
    reach: Callable[[float], int] = radius


FAMILIES: dict[str, Family] = {
    "intensity": Family(intensity, 0, _one, _none),
    "gaussian": Family(gaussian, 0, _one),
    "gradient_magnitude": Family(gradient_magnitude, 1, _one),
    "laplacian": Family(laplacian, 2, _one),
    "hessian": Family(hessian, 2, _each),
    "structure_tensor": Family(structure_tensor, 0, _each, _twice),
}
UNSCALED = "intensity"  # the one family that has no sigma
PLAIN = ("intensity", "gaussian")  # how bright it is, and nothing of its shape


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """A named choice of families with its sigmas, and what it is good for."""

    families: tuple[str, ...]
    sigmas: tuple[float, ...]
    summary: str


SETS: dict[str, FeatureSet] = {
    "default": FeatureSet(
        # Not the gradient's magnitude: the structure tensor says the same and more.
        ("intensity", "gaussian", "laplacian", "hessian", "structure_tensor"),
        # Wider ones see the stroke's surroundings, which few strokes cannot tell apart
        # from its class.
        (1.0, 2.0, 4.0),
        "Brightness, edges, blobs, ridges and texture from 1 to 4 pixels.",
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
