"""How training patches are varied, so that a network learns what does not matter."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.labelled import mirror
from napari_segen.cnn.placement import Pose
from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, flag, span

# Resampling softens a patch: as many stay as sharp as the image.
WARPED_SHARE = 0.5
# Images come blurred or noisy now and then, not always.
SPOILT_SHARE = 0.5
# Between the knots of the field that bends a patch, in pixels.
LEAST_KNOT_PX = 32
# Displacements of e pixels between knots 6 e apart never fold a patch over itself.
KNOT_PER_ELASTIC = 6
BLUR_REACH = 3  # standard deviations


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strongly training patches are varied; 0 leaves a kind of change out.

    Volumes are turned, scaled and bent within their planes: planes often lie further
    apart than pixels.
    """

    flips: bool = field(
        default=True,
        metadata=flag("Mirror patches and turn them by quarters. Costs nothing."),
    )
    rotation: float = field(
        default=45.0,
        metadata=span(
            0.0,
            180.0,
            "Turn by up to so many degrees. 45 with flips, or 180: any direction.",
        ),
    )
    scale: float = field(
        default=0.2,
        metadata=span(
            0.0, 1.0, "Enlarge or shrink by up to this share: 0.2 is up to a fifth."
        ),
    )
    elastic: float = field(
        default=3.0,
        metadata=span(
            0.0,
            20.0,
            "Bend smoothly by up to so many pixels. Too much smears thin structures.",
        ),
    )
    intensity: float = field(
        default=0.15,
        metadata=span(
            0.0,
            1.0,
            "Vary brightness and contrast of each channel by up to this share.",
        ),
    )
    noise: float = field(
        default=0.03,
        metadata=span(
            0.0, 1.0, "Add noise of up to this share of the image's grey range."
        ),
    )
    blur: float = field(
        default=0.7,
        metadata=span(0.0, 5.0, "Blur by up to so many pixels (standard deviation)."),
    )

    def __post_init__(self) -> None:
        check_params(self)

    @property
    def warps(self) -> bool:
        """Whether any patch is resampled."""
        return max(self.rotation, self.scale, self.elastic) > 0


class Augmenter:
    """Draw how the patches of one shape are varied.

    Parameters
    ----------
    augmentation : Augmentation, or None
        None: patches are cut from the image as they are.
    patch_shape : tuple of int
        Two or three axes.
    """

    def __init__(
        self, augmentation: Augmentation | None, patch_shape: tuple[int, ...]
    ) -> None:
        self._strength = augmentation
        self._ndim = len(patch_shape)
        elastic = 0.0 if augmentation is None else augmentation.elastic
        knot_px = max(LEAST_KNOT_PX, KNOT_PER_ELASTIC * elastic)
        self._rows, self._columns = (spline_basis(n, knot_px) for n in patch_shape[-2:])

    def pose(self, rng: np.random.Generator) -> Pose:
        """Draw how a patch lies in its image."""
        if self._strength is None:
            return Pose(np.eye(self._ndim, dtype=int))
        turn = (
            self._turn(rng) if self._strength.flips else np.eye(self._ndim, dtype=int)
        )
        if not self._strength.warps or rng.random() >= WARPED_SHARE:
            return Pose(turn)
        return Pose(turn, self._shape_change(rng), self._bend(rng))

    def _turn(self, rng: np.random.Generator) -> npt.NDArray[np.int_]:
        """Mirror each axis or not, and swap rows and columns or not."""
        turn = np.diag(1 - 2 * rng.integers(2, size=self._ndim))
        if rng.integers(2):
            turn[[-2, -1]] = turn[[-1, -2]]
        return turn

    def _shape_change(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Turn and scale within the plane: a matrix ``(2, 2)``."""
        assert self._strength is not None
        angle = math.radians(self._strength.rotation) * rng.uniform(-1, 1)
        factor = (1 + self._strength.scale) ** rng.uniform(-1, 1)
        c, s = factor * math.cos(angle), factor * math.sin(angle)
        return np.array([[c, -s], [s, c]])

    def _bend(self, rng: np.random.Generator) -> npt.NDArray[np.float32] | None:
        """Draw a smooth field of displacements ``(2, H, W)`` in pixels."""
        assert self._strength is not None
        if self._strength.elastic == 0:
            return None
        strongest = self._strength.elastic * rng.random()
        knots = (2, self._rows.shape[1], self._columns.shape[1])
        drawn = rng.uniform(-strongest, strongest, knots).astype(np.float32)
        bend = self._rows @ drawn @ self._columns.T
        return bend.astype(np.float32, copy=False)

    def appearance(
        self, rng: np.random.Generator, patch: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Return a patch ``(C, *S)`` with varied grey values."""
        if (strength := self._strength) is None:
            return patch
        # A copy: patches may be views of their image.
        patch = np.array(patch, order="C")
        if strength.blur > 0 and rng.random() < SPOILT_SHARE:
            patch = blurred(patch, strength.blur * rng.random())
        if strength.intensity > 0:
            _vary_intensity(rng, patch, strength.intensity)
        if strength.noise > 0 and rng.random() < SPOILT_SHARE:
            noise = rng.standard_normal(patch.shape, np.float32)
            noise *= np.float32(strength.noise * rng.random())
            patch += noise
        return patch


def spline_basis(n: int, knot_px: float) -> npt.NDArray[np.float32]:
    """Cubic B-splines with knots `knot_px` apart, at each of `n` pixels ``(n, knots)``.

    They are positive and sum to one: a field made of them stays within its knots.
    """
    at = np.arange(n) / knot_px
    knots = np.arange(-1, int(at[-1]) + 3)
    d = np.abs(at[:, np.newaxis] - knots)
    near = 2 / 3 - d**2 + d**3 / 2
    far = np.clip(2 - d, 0, None) ** 3 / 6
    return np.where(d < 1, near, far).astype(np.float32)


def _vary_intensity(rng: np.random.Generator, patch: Array, strength: float) -> None:
    """Vary contrast, brightness and mid-tones of each channel, in place."""
    shape = (3, len(patch)) + (1,) * (patch.ndim - 1)
    gain, shift, mid = (strength * rng.uniform(-1, 1, shape)).astype(np.float32)
    # As a gamma curve: lifts or lowers the middle of the range and keeps its ends.
    inside = np.clip(patch, 0, 1)
    inside *= mid * (1 - inside)
    patch += inside
    patch *= 1 + gain
    patch += shift / 2


def blurred(patch: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """Blur the planes of a patch ``(C, *S)`` by a Gaussian of `sigma` pixels."""
    reach = max(1, math.ceil(BLUR_REACH * sigma))
    taps = np.exp(-0.5 * (np.arange(reach + 1) / max(sigma, 1e-6)) ** 2)
    taps = (taps / (2 * taps.sum() - taps[0])).astype(np.float32)
    return _filtered(_filtered(patch, taps, -2), taps, -1)


def _filtered(patch: Array, taps: Array, axis: int) -> npt.NDArray[np.float32]:
    """Filter one axis by a symmetric kernel, of which `taps` is the right half."""
    n, reach = patch.shape[axis], len(taps) - 1
    wide = patch.take(mirror(np.arange(-reach, n + reach), n), axis)
    rest = (slice(None),) * (-1 - axis)

    def moved(by: int) -> Array:
        at: tuple[Any, ...] = (..., slice(reach + by, reach + by + n), *rest)
        part: Array = wide[at]
        return part

    out: Array = taps[0] * moved(0)
    for t in range(1, len(taps)):
        out += taps[t] * (moved(t) + moved(-t))
    return out
