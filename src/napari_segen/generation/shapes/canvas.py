"""Where a scene is drawn. Lengths are in pixels along x; pixel i reaches from i to i+1.

Objects are given by their depth: how far a place lies inside the outline, negative
outside. A pixel has an object's label where the depth of its centre is positive, and
is as bright as the part of it that the object covers.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Canvas:
    """A grid of pixels in space.

    Parameters
    ----------
    shape : tuple of int
        (*S), two or three axes.
    voxel : tuple of float
        Size of a pixel along each axis, 1 along x.
    """

    shape: tuple[int, ...]
    voxel: tuple[float, ...]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def extent(self) -> npt.NDArray[np.float64]:
        """Length of each axis."""
        sides: npt.NDArray[np.float64] = np.array(self.shape) * np.array(self.voxel)
        return sides

    @property
    def volume(self) -> float:
        """Area, or volume in 3D."""
        return float(np.prod(self.extent))

    def window(self, center: Array, reach: float) -> tuple[slice, ...] | None:
        """Return the pixels within `reach` of `center` along each axis, if any."""
        found = []
        for c, n, v in zip(center.tolist(), self.shape, self.voxel, strict=True):
            start = max(0, math.ceil((c - reach) / v - 0.5))
            stop = min(n, math.floor((c + reach) / v - 0.5) + 1)
            if start >= stop:
                return None
            found.append(slice(start, stop))
        return tuple(found)

    def grid(self, window: tuple[slice, ...]) -> list[Floats]:
        """Centres of the pixels, one array for each axis that spreads to the window."""
        return [
            ((np.arange(w.start, w.stop, dtype=np.float32) + 0.5) * np.float32(v))
            .astype(np.float32)
            .reshape([-1 if i == j else 1 for j in range(self.ndim)])
            for i, (w, v) in enumerate(zip(window, self.voxel, strict=True))
        ]

    @property
    def everything(self) -> tuple[slice, ...]:
        """The window that holds all pixels."""
        return tuple(slice(0, n) for n in self.shape)


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene as it is, before optics and camera.

    Parameters
    ----------
    labels : int32 array of shape (*S)
    signal : float32 array of shape (*S)
        Brightness: 0 where there is nothing, about 1 in typical objects.
    """

    labels: npt.NDArray[np.int32]
    signal: Floats

    @classmethod
    def blank(cls, canvas: Canvas) -> "Picture":
        """Nothing yet."""
        return cls(np.zeros(canvas.shape, np.int32), np.zeros(canvas.shape, np.float32))


def coverage(depth: Array) -> Array:
    """Return the part of a pixel that an object covers, from its centre's depth."""
    return np.clip(depth + 0.5, 0, 1)
