"""Where a pixel of a new map comes from: turned, mirrored, bent copies of a map."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.generation.warp import Warp, elastic_grid

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
        Rotation in the plane, with or without mirroring; orthogonal.
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

    def warp(
        self, window: tuple[slice, ...], grain: float, rng: np.random.Generator
    ) -> Warp:
        """Return the bent map from a `window` of the new map to the training map.

        Parameters
        ----------
        grain : float
            Pixels over which the bend changes; 0 leaves it straight.
        """
        shape = tuple(s.stop - s.start for s in window)
        starts = np.array([float(s.start) for s in window])
        offset = self.anchor + self.turn @ (starts - self.centre)
        spacing = np.full(len(shape), max(grain, 1.0))
        if not grain:
            return Warp(shape, self.turn, offset, None, spacing)
        # Volumes are often coarse along z: bent within their planes only.
        amplitude = np.full(len(shape), _BEND * grain)
        amplitude[: len(shape) - 2] = 0.0
        elastic = elastic_grid(shape, amplitude, spacing, rng)
        return Warp(shape, self.turn, offset, elastic, spacing)


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
