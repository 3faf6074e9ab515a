"""The families of features: what they are called, how they are computed, and sets."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.features.gaussian import (
    TRUNCATE,
    TRUNCATE_MEAN,
    Orders,
    Sigma,
    Span,
    derivatives,
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
        write = _structure_tensor if window.ndim == 2 else _structure_tensor_3d
        write(window, corner, out[first : first + window.ndim])


def _region(window: Window, corner: tuple[int, ...]) -> tuple[slice, ...]:
    sides = zip(corner, window.core, strict=True)
    return tuple(slice(at, at + stop - start) for at, (start, stop) in sides)


def _pointwise(
    window: Window, places: Array, corner: tuple[int, ...], out: Array
) -> None:
    """Write the features that are made of derivatives at one pixel."""
    from napari_segen.features.fused import derivative_features

    spans, orders = window.grown(), int(_ORDERS[places >= 0].max())
    starts: tuple[int, ...] = (0, 0)
    if window.ndim == 2:
        source = window.plane[np.newaxis, np.newaxis]
        out, corner = out[:, np.newaxis], (0, *corner)
    else:
        source = _along_first(window, spans, orders)
        starts = tuple(s[0] for s in spans[1:])
    weights = tuple(half_kernels(s) for s in window.sigma[-2:])
    indices = tuple(
        positions(core, span, w.shape[1] - 1, n, start)
        for core, span, w, n, start in zip(
            window.core[-2:],
            spans[-2:],
            weights,
            window.plane.shape[-2:],
            starts,
            strict=True,
        )
    )
    derivative_features(
        read_only(source), indices, weights, orders, places, corner, out
    )


def _along_first(window: Window, spans: tuple[Span, ...], orders: int) -> Array:
    """Filter a stack across its planes; returns ``(orders, D, H, W)``."""
    crop = window.plane[tuple(slice(*span) for span in spans)]
    part = window.scratch.empty(crop.shape)
    part[...] = crop
    (first, stop), n = window.core[0], window.plane.shape[0]
    out = window.scratch.empty((orders, stop - first, *crop.shape[1:]))
    weights = half_kernels(window.sigma[0])
    filter_axis(part, 0, (first, stop), spans[0], n, weights, out)
    return out


def _structure_tensor(window: Window, corner: tuple[int, ...], out: Array) -> None:
    """Write the eigenvalues of the local mean of gradient times gradient.

    The gradient is taken at half of sigma, the mean with sigma (its Gaussian is cut at
    3 sigma): energy of the fine texture around a pixel, across and along its main
    direction. Largest first.
    """
    from napari_segen.features.fused import structure_tensor_2

    around = window.grown(TRUNCATE_MEAN)
    fine, mean, fine_weights, mean_weights = [], [], [], []
    for core, wide, s, n in zip(
        window.core, around, window.sigma, window.plane.shape, strict=True
    ):
        fine_weights.append(half_kernels(s / 2))
        mean_weights.append(half_kernels(s, TRUNCATE_MEAN))
        reach = fine_weights[-1].shape[1] - 1
        fine.append(positions(wide, grow(wide, radius(s / 2), n), reach, n, 0))
        reach = mean_weights[-1].shape[1] - 1
        mean.append(positions(core, wide, reach, n, wide[0]))
    structure_tensor_2(
        read_only(window.plane),
        tuple(fine),
        tuple(fine_weights),
        tuple(mean),
        tuple(mean_weights),
        corner,
        out,
    )


def _structure_tensor_3d(window: Window, corner: tuple[int, ...], out: Array) -> None:
    """Write what `_structure_tensor` writes, of a stack."""
    from napari_segen.features.eigenvalues import eigenvalues_3

    size, scratch, none = window.plane.shape, window.scratch, (0, 0, 0)
    around = window.grown(TRUNCATE_MEAN)
    half = tuple(s / 2 for s in window.sigma)
    first = derivatives(window.plane, none, around, size, half, 1, scratch)
    start = tuple(span[0] for span in around)
    product = scratch.empty(tuple(stop - begin for begin, stop in around))
    means = []
    for a, b in combinations_with_replacement(range(3), 2):
        np.multiply(first[_orders(a)], first[_orders(b)], out=product)
        mean = derivatives(
            product, start, window.core, size, window.sigma, 0, scratch, TRUNCATE_MEAN
        )
        means.append(mean[none].reshape(-1))
    values = scratch.empty((3, means[0].size))
    eigenvalues_3(tuple(means), values[0], values[1], values[2])
    region = _region(window, corner)
    out[:, *region] = values.reshape(out[:, *region].shape)


def _orders(axis: int) -> Orders:
    return tuple(int(a == axis) for a in range(3))


def _one(ndim: int) -> tuple[str, ...]:
    return ("",)


def _each(ndim: int) -> tuple[str, ...]:
    return ("largest", "smallest") if ndim == 2 else ("largest", "middle", "smallest")


def _twice(sigma: float) -> int:
    return radius(sigma / 2) + radius(sigma, TRUNCATE_MEAN)


def _none(sigma: float) -> int:
    return 0


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
    "intensity": Family(_one, _none),
    "gaussian": Family(_one),
    "gradient_magnitude": Family(_one),
    "laplacian": Family(_one),
    "hessian": Family(_each),
    "structure_tensor": Family(_each, _twice),
}


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


def chosen_families(
    features: str | tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the families meant, and the sigmas that go with them."""
    if isinstance(features, str):
        if features not in SETS:
            raise ValueError(
                f"features must be one of {', '.join(SETS)}, or a tuple of "
                f"{', '.join(FAMILIES)}, got {features!r}."
            )
        return SETS[features].families, SETS[features].sigmas
    if not isinstance(features, Iterable):
        raise TypeError(f"features must be a string or a tuple, got {features!r}.")
    names = tuple(features)
    if not names or len(set(names)) != len(names) or set(names) - set(FAMILIES):
        raise ValueError(
            f"features must name some of {', '.join(FAMILIES)}, each once, "
            f"got {features!r}."
        )
    return names, SETS["default"].sigmas
