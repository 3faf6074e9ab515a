"""A map that is filled with whole objects which do not overlap."""

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array


class Floor:
    """A map being filled with objects that do not overlap.

    Attributes
    ----------
    marks, ids : int arrays of shape (*S)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.marks = np.zeros(shape, np.uint32)
        self.ids = np.zeros(shape, np.uint32)
        self._blocked = np.zeros(shape, bool)
        self._next_id = 0

    def lay(self, window: tuple[slice, ...], ids: Array) -> None:
        """Put objects of a window, by their ids, where nothing lies; they may touch."""
        mask = ids > 0
        self.marks[window][mask] = ids[mask]
        self.ids[window][mask] = ids[mask] + np.uint32(self._next_id)
        self._next_id += int(ids.max(initial=0))

    def block(self) -> None:
        """Keep off what lies there, by a pixel."""
        from scipy import ndimage

        near = np.ones((3,) * self.ids.ndim, bool)
        self._blocked |= ndimage.binary_dilation(self.ids > 0, near)

    def is_blocked(self, at: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Tell at which pixels ``(n, ndim)`` an object lies; beyond the map none."""
        sides = np.array(self.ids.shape)
        inside = np.all((at >= 0) & (at < sides), axis=1)
        cells = np.clip(at, 0, sides - 1)
        blocked: npt.NDArray[np.bool_] = self._blocked[tuple(cells.T)] & inside
        return blocked

    def put(self, drawn: Array, at: npt.NDArray[np.intp]) -> bool:
        """Put an object's marks ``(*C)`` around a pixel; False where it would touch."""
        from scipy import ndimage

        starts = at - np.array(drawn.shape) // 2
        stops = starts + drawn.shape
        low, high = np.maximum(starts, 0), np.minimum(stops, self.marks.shape)
        if np.any(high <= low):
            return True
        window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        inner = tuple(
            slice(a, b) for a, b in zip(low - starts, high - starts, strict=True)
        )
        mask = drawn[inner] > 0
        if self._blocked[window][mask].any():
            return False
        self.marks[window][mask] = drawn[inner][mask]
        self.ids[window][mask] = drawn[inner][mask] + self._next_id
        self._next_id += int(drawn.max())
        around = ndimage.binary_dilation(
            np.pad(mask, 1), np.ones((3,) * mask.ndim, bool)
        )
        wide = tuple(
            slice(max(a - 1, 0), b + 1) for a, b in zip(low, high, strict=True)
        )
        trim = tuple(slice(int(a == 0), None) for a in low)
        room = self._blocked[wide]
        room |= around[trim][tuple(slice(0, n) for n in room.shape)]
        return True
