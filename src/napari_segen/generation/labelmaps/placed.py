"""Where a pixel of a new map comes from: turned, mirrored, bent copies of a map."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

# At an amplitude of 0.12 of their grain bends hardly ever fold, and cells keep their
# size to about a sixth.
_BEND = 0.12
_SLIGHT_DEG = 8.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pose:
    """Map position q comes to lie at ``centre + turn.T @ (q - anchor)``.

    Parameters
    ----------
    turn : array of shape (ndim, ndim)
        Rotation in the plane of the last two axes, with or without mirroring.
    anchor : array of shape (ndim,)
        A position in the training map.
    centre : array of shape (ndim,)
        Where the anchor lies in the new map.
    """

    turn: Floats
    anchor: Floats
    centre: Floats

    def forward(self, positions: Floats) -> Floats:
        """Bring map positions ``(n, ndim)`` to the new map."""
        moved: Floats = (positions - self.anchor) @ self.turn + self.centre
        return moved

    def sources(
        self,
        window: tuple[slice, ...],
        map_shape: tuple[int, ...],
        grain: float,
        rng: np.random.Generator,
    ) -> npt.NDArray[np.intp]:
        """Return which map pixel each pixel of a window of the new map comes from.

        Beyond its border the map goes on as its mirror image. Volumes are bent within
        their planes, all planes alike.

        Parameters
        ----------
        grain : float
            Pixels over which the bend changes.

        Returns
        -------
        array of the window's shape
            Indices into the raveled map.
        """
        *depth, height, width = map_shape
        offset = self.anchor - self.turn @ self.centre
        y, x = (np.arange(s.start, s.stop, dtype=np.float32) for s in window[-2:])
        way = bends((len(y), len(x)), grain, _BEND * grain, rng)
        turn = self.turn[-2:, -2:].astype(np.float32)
        planes = []
        for i, n in enumerate((height, width)):
            at = turn[i, 0] * y[:, np.newaxis] + turn[i, 1] * x + way[i]
            planes.append(mirrored(at + np.float32(offset[-2 + i]), n))
        sources = planes[0] * width + planes[1]
        for i in reversed(range(len(depth))):
            at = self.turn[i, i] * np.arange(window[i].start, window[i].stop)
            layers = mirrored(at + offset[i], map_shape[i])
            step = int(np.prod(map_shape[i + 1 :]))
            layers = layers.reshape(-1, *(1 for _ in sources.shape))
            sources = layers * step + sources
        return sources


def mirrored(positions: Array, n: int) -> npt.NDArray[np.intp]:
    """Return the nearest pixels, folded into 0..n-1."""
    fold = np.concatenate([np.arange(n), np.arange(n)[::-1]])
    nearest = np.floor(positions + 0.5).astype(np.intp)
    folded: npt.NDArray[np.intp] = fold[nearest % (2 * n)]
    return folded


def bends(
    shape: tuple[int, int], grain: float, reach: float, rng: np.random.Generator
) -> Array:
    """Draw a smooth displacement ``(2, *shape)`` in pixels: cubic B-splines.

    Parameters
    ----------
    shape : tuple of int
    grain : float
        Pixels over which it changes.
    reach : float
        Its root mean square along each axis, in pixels.
    rng : numpy.random.Generator
    """
    rows, columns = (_spline_basis(n, grain) for n in shape)
    white = rng.standard_normal((2, rows.shape[1], columns.shape[1]))
    # A cubic B-spline of white coefficients keeps 0.48 of their variance on each axis.
    found: Array = rows @ (white * (reach / 0.48)) @ columns.T
    return found.astype(np.float32)


def _spline_basis(n: int, grain: float) -> Floats:
    """Weights ``(n, G)`` of the coefficients of a cubic B-spline at each pixel."""
    at = np.arange(n) / grain + 1
    knots = np.arange(int(np.ceil((n - 1) / grain)) + 4)
    far = np.abs(at[:, np.newaxis] - knots)
    weights: Floats = np.where(
        far < 1, 2 / 3 - far**2 + far**3 / 2, np.maximum(2 - far, 0) ** 3 / 6
    )
    return weights


def draw_turn(ndim: int, free: bool, rng: np.random.Generator) -> Floats:
    """Draw a rotation in the plane of the last two axes, mirrored or not.

    Parameters
    ----------
    free : bool
        Any angle, mirrored or not; otherwise half turns and a few degrees, for maps
        with a direction.
    """
    signs = rng.choice([-1.0, 1.0], ndim)
    angle = rng.uniform(0, 2 * np.pi)
    if not free:
        signs[-2:] = signs[-1]
        angle = np.deg2rad(rng.uniform(-_SLIGHT_DEG, _SLIGHT_DEG))
    turn = np.eye(ndim)
    cos, sin = np.cos(angle), np.sin(angle)
    turn[-2:, -2:] = [[cos, -sin], [sin, cos]]
    turned: Floats = turn * signs
    return turned
