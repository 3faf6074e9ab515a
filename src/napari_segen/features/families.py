"""The families of features: what they are called, and how they are computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.features.gaussian import (
    TRUNCATE,
    TRUNCATE_MEAN,
    Sigma,
    Span,
    filter_axis,
    grow,
    half_kernels,
    positions,
    radius,
    read_only,
)
from napari_segen.features.scratch import Scratch

# Made of the derivatives at one pixel; in the order that `derivative_features` knows.
POINTWISE = ("gaussian", "gradient_magnitude", "laplacian", "hessian")
_ORDERS = np.array((1, 2, 3, 3))  # one more than the order of their derivatives
UNSCALED = "intensity"  # the one family that has no sigma
# The one that has scales of its own, in pixels: how far around a pixel its mean looks,
# and the sigmas of what it averages.
TEXTURE = "texture_energy"
TEXTURE_WINDOWS, TEXTURE_SIGMAS = (8.0, 16.0), (1.0, 2.0)


@dataclass(frozen=True)
class Window:
    """A part of one channel of a frame, on which features of one sigma are wanted.

    Parameters
    ----------
    plane : contiguous float32 array of shape (*S)
        The whole channel.
    core : tuple of Span
        The wanted pixels.
    sigma : tuple of float
        In pixels along each axis.
    scratch : Scratch
        Where intermediate results are kept.
    """

    plane: Array
    core: tuple[Span, ...]
    sigma: Sigma
    scratch: Scratch

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.core)

    def grown(self, truncate: float = TRUNCATE) -> tuple[Span, ...]:
        """Widen the core by the reach of the kernels, within the frame."""
        return tuple(
            grow(span, radius(s, truncate), n)
            for span, s, n in zip(self.core, self.sigma, self.plane.shape, strict=True)
        )


def write_features(
    window: Window, families: Sequence[str], corner: tuple[int, ...], out: Array
) -> None:
    """Write features of one sigma.

    Parameters
    ----------
    window : Window
    families : sequence of str
        Names in `FAMILIES`.
    corner : tuple of int
        Where in each plane of `out` the core begins.
    out : contiguous float32 array of shape (F, *S)
        The features of the families, one after the other.
    """
    places, n = {}, 0
    for family in families:
        places[family] = n
        n += len(FAMILIES[family].parts(window.ndim))
    if UNSCALED in places:
        region = _region(window, corner)
        own = tuple(slice(*span) for span in window.core)
        out[places[UNSCALED]][region] = window.plane[own]
    if set(places) & set(POINTWISE):
        wanted = np.array([places.get(family, -1) for family in POINTWISE])
        _pointwise(window, wanted, corner, out)
    if "structure_tensor" in places:
        first = places["structure_tensor"]
        _structure_tensor(window, corner, out[first : first + window.ndim])
    if TEXTURE in places:
        first = places[TEXTURE]
        _texture_energy(window, corner, out[first : first + len(TEXTURE_SIGMAS)])


def _region(window: Window, corner: tuple[int, ...]) -> tuple[slice, ...]:
    sides = zip(corner, window.core, strict=True)
    return tuple(slice(at, at + stop - start) for at, (start, stop) in sides)


def _pointwise(
    window: Window, places: Array, corner: tuple[int, ...], out: Array
) -> None:
    """Write the features that are made of derivatives at one pixel."""
    from napari_segen.features.fused import derivative_features

    spans, orders = window.grown(), int(_ORDERS[places >= 0].max())
    weights = [half_kernels(s) for s in window.sigma]
    source, starts = _source(window, spans, window.core[0], weights[0], orders)
    if window.ndim == 2:
        out, corner = out[:, np.newaxis], (0, *corner)
    indices = _positions(window, window.core, spans, weights, starts)
    last = tuple(weights[-2:])
    derivative_features(source, indices, last, orders, places, corner, out)


def _source(
    window: Window, spans: tuple[Span, ...], core: Span, weights: Array, orders: int
) -> tuple[Array, tuple[int, ...]]:
    """Return what rows and columns are filtered of, ``(Z, D, H, W)``, and its start.

    In 2D the plane itself; of a stack the lowest `orders` across planes, at those of
    `core`, within `spans`.
    """
    if window.ndim == 2:
        return read_only(window.plane[np.newaxis, np.newaxis]), (0, 0)
    crop = window.plane[tuple(slice(*span) for span in spans)]
    part = window.scratch.empty(crop.shape)
    part[...] = crop
    out = window.scratch.empty((orders, core[1] - core[0], *crop.shape[1:]))
    filter_axis(part, 0, core, spans[0], window.plane.shape[0], weights, out)
    return read_only(out), tuple(span[0] for span in spans[1:])


def _positions(
    window: Window,
    cores: tuple[Span, ...],
    spans: tuple[Span, ...],
    weights: Sequence[Array],
    starts: tuple[int, ...],
) -> tuple[Array, ...]:
    """Map what stands under the kernels, along rows and columns."""
    sizes = window.plane.shape[-2:]
    sides = zip(cores[-2:], spans[-2:], weights[-2:], sizes, starts, strict=True)
    return tuple(positions(c, s, w.shape[1] - 1, n, at) for c, s, w, n, at in sides)


def _structure_tensor(window: Window, corner: tuple[int, ...], out: Array) -> None:
    """Write the eigenvalues of the local mean of gradient times gradient.

    The gradient is taken at half of sigma, the mean with sigma (its Gaussian is cut at
    3 sigma): energy of the fine texture around a pixel, across and along its main
    direction. Largest first.
    """
    from napari_segen.features.fused import structure_tensor

    around = window.grown(TRUNCATE_MEAN)
    fine_weights = [half_kernels(s / 2) for s in window.sigma]
    weights = [half_kernels(s, TRUNCATE_MEAN) for s in window.sigma]
    sides = zip(around, window.sigma, window.plane.shape, strict=True)
    spans = tuple(grow(wide, radius(s / 2), n) for wide, s, n in sides)
    source, starts = _source(window, spans, around[0], fine_weights[0], 2)
    fine = _positions(window, around, spans, fine_weights, starts)
    begin = tuple(span[0] for span in around[-2:])
    mean = _positions(window, window.core, around, weights, begin)
    filters = (fine, tuple(fine_weights[-2:]), mean, tuple(weights[-2:]))
    if window.ndim == 2:
        structure_tensor(source, *filters, corner, out[:, np.newaxis])
        return
    plane = [stop - start for start, stop in window.core[1:]]
    means = window.scratch.empty((6, source.shape[1], *plane))
    structure_tensor(source, *filters, (0, 0), means)
    out[:, *_region(window, corner)] = _across(window, means, around[0], weights[0])


def _across(window: Window, means: Array, span: Span, weights: Array) -> Array:
    """Average ``(6, D, H, W)`` across planes; return eigenvalues ``(3, *core)``."""
    from napari_segen.features.eigenvalues import eigenvalues_3

    shape = tuple(stop - start for start, stop in window.core)
    size = window.plane.shape[0]
    upper = window.scratch.empty((1, 6, *shape))
    filter_axis(means, 1, window.core[0], span, size, weights, upper)
    values = window.scratch.empty((3, *shape))
    flat = values.reshape(3, -1)
    eigenvalues_3(tuple(upper.reshape(6, -1)), flat[0], flat[1], flat[2])
    return values


def _texture_energy(window: Window, corner: tuple[int, ...], out: Array) -> None:
    """Write the root of the local mean of the squared Laplacian at fine sigmas.

    How strong the texture around a pixel is, whatever its direction and phase.
    """
    around = window.grown()
    own = tuple(
        (core[0] - wide[0], core[1] - wide[0])
        for core, wide in zip(window.core, around, strict=True)
    )
    only_gaussian, only_laplacian = np.array((0, -1, -1, -1)), np.array((-1, -1, 0, -1))
    for plane, sigma in zip(out, TEXTURE_SIGMAS, strict=True):
        energy = window.scratch.empty(tuple(stop - start for start, stop in around))
        fine = Window(window.plane, around, (sigma,) * window.ndim, window.scratch)
        _pointwise(fine, only_laplacian, (0,) * window.ndim, energy[np.newaxis])
        energy *= energy
        # The Laplacian of a reflected image is the reflected Laplacian.
        mean = Window(energy, own, window.sigma, window.scratch)
        _pointwise(mean, only_gaussian, corner, plane[np.newaxis])
        result = plane[_region(window, corner)]
        np.sqrt(result, out=result)


def _one_part(ndim: int) -> tuple[str, ...]:
    return ("",)


def _eigenvalue_parts(ndim: int) -> tuple[str, ...]:
    return ("largest", "smallest") if ndim == 2 else ("largest", "middle", "smallest")


def _tensor_reach(sigma: float) -> int:
    return radius(sigma / 2) + radius(sigma, TRUNCATE_MEAN)


def _no_reach(sigma: float) -> int:
    return 0


def _texture_parts(ndim: int) -> tuple[str, ...]:
    return tuple(f"sigma {sigma:g} px" for sigma in TEXTURE_SIGMAS)


def _texture_reach(sigma: float) -> int:
    return radius(max(TEXTURE_SIGMAS)) + radius(max(TEXTURE_WINDOWS))


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of feature.

    Parameters
    ----------
    parts : callable
        From the number of spatial axes to the names of its features.
    reach : callable
        From sigma along an axis to the pixels it looks at to each side.
    """

    parts: Callable[[int], tuple[str, ...]]
    reach: Callable[[float], int] = radius


FAMILIES: dict[str, Family] = {
    "intensity": Family(_one_part, _no_reach),
    "gaussian": Family(_one_part),
    "gradient_magnitude": Family(_one_part),
    "laplacian": Family(_one_part),
    "hessian": Family(_eigenvalue_parts),
    "structure_tensor": Family(_eigenvalue_parts, _tensor_reach),
    "texture_energy": Family(_texture_parts, _texture_reach),
}
PLAIN = ("intensity", "gaussian")  # how bright it is, and nothing of its shape
