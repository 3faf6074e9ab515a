"""Patches that lie turned, mirrored, scaled or bent in their image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.labelled import UNLABELLED, mirror
from napari_segen.core.imagespec import Array

NOWHERE = -1  # a plane beyond the border
KNOWN = 0.999  # what a posterior sums to, but for rounding


@dataclass(frozen=True, slots=True)
class Pose:
    """How a patch lies in its image, wherever that is.

    Parameters
    ----------
    turn : int array of shape (ndim, ndim)
        Signed permutation from patch axes to image axes.
    shape_change : float array of shape (2, 2), optional
        What else happens to rows and columns, after `turn`.
    bend : float32 array of shape (2, H, W), optional
        Displacement of each row and column of the patch, in pixels of the image.
    """

    turn: npt.NDArray[np.int_]
    shape_change: npt.NDArray[np.float64] | None = None
    bend: npt.NDArray[np.float32] | None = None

    @property
    def is_exact(self) -> bool:
        """Whether every pixel of the patch is a pixel of the image."""
        return self.shape_change is None and self.bend is None

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """Steps in the image for steps in the patch, without the bend."""
        matrix = self.turn.astype(float)
        if self.shape_change is not None:
            matrix[-2:] = self.shape_change @ matrix[-2:]
        return matrix


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a patch lies: pixel `anchor` of the patch is pixel `at` of the image.

    Parameters
    ----------
    pose : Pose
    at, anchor : tuple of int
    """

    pose: Pose
    at: tuple[int, ...]
    anchor: tuple[int, ...]

    def read(
        self, source: Array, start: Sequence[int], shape: Sequence[int]
    ) -> npt.NDArray[np.float32]:
        """Read grey values, from pixel `start` of the patch on.

        `source` has shape ``(C, *S)``, the result ``(C, *shape)``. Beyond the border
        the image is mirrored.
        """
        if not self.pose.is_exact:
            return self._warped(source, start, shape, mirrors=True)
        order, lines = self._lines(start, shape)
        lines = [mirror(a, n) for a, n in zip(lines, source.shape[1:], strict=True)]
        pixels: tuple[Any, ...] = (slice(None), *np.ix_(*lines))
        found: Array = source[pixels]
        return found.transpose(0, *(1 + np.argsort(order)))

    def read_teacher(
        self, source: Array, start: Sequence[int], shape: Sequence[int]
    ) -> npt.NDArray[np.float32]:
        """Do what `read` does for a posterior; 0 beyond the border, and next to 0."""
        if self.pose.is_exact:
            found = self.read(source, start, shape)
            found = np.where(self._inside(source.shape[1:], start, shape), found, 0)
        else:
            found = self._warped(source, start, shape, mirrors=False)
        # Between pixels that it says something of and others it says nothing whole.
        known = found.sum(axis=0) > KNOWN
        return np.where(known, found, np.float32(0))

    def read_index(
        self, source: Array, start: Sequence[int], shape: Sequence[int]
    ) -> npt.NDArray[np.int16]:
        """Read class indices ``(*S)``: the nearest; beyond the border unlabelled."""
        if self.pose.is_exact:
            order, lines = self._lines(start, shape)
            at = [mirror(a, n) for a, n in zip(lines, source.shape, strict=True)]
            found = source[np.ix_(*at)].transpose(np.argsort(order))
            inside = self._inside(source.shape, start, shape)
            return np.where(inside, found, np.int16(UNLABELLED))
        from napari_segen.cnn.compiled import warp_nearest

        _, lines = self._lines(start, shape)
        planes = lines[0] if len(shape) == 3 else np.zeros(1, np.intp)
        out = np.empty(tuple(shape), np.int16)
        warp_nearest(
            source.reshape(-1, *source.shape[-2:]),
            planes,
            self.at[-2],
            self.at[-1],
            self._offsets(start, shape),
            out.reshape(-1, *shape[-2:]),
        )
        return out

    def _lines(
        self, start: Sequence[int], shape: Sequence[int]
    ) -> tuple[list[int], list[npt.NDArray[np.intp]]]:
        """For each axis of the image: the axis of the patch, and where that lies."""
        order = [int(np.flatnonzero(row)[0]) for row in self.pose.turn]
        lines = [
            self.at[i]
            + self.pose.turn[i, j]
            * (np.arange(start[j], start[j] + shape[j]) - self.anchor[j])
            for i, j in enumerate(order)
        ]
        return order, lines

    def _inside(
        self, size: Sequence[int], start: Sequence[int], shape: Sequence[int]
    ) -> npt.NDArray[np.bool_]:
        """Tell which pixels ``(*shape)`` of an exact patch lie in the image."""
        order, lines = self._lines(start, shape)
        inside = [(a >= 0) & (a < n) for a, n in zip(lines, size, strict=True)]
        found = np.ones((1,) * len(shape), bool)
        for j, i in enumerate(np.argsort(order)):
            along = [1] * len(shape)
            along[j] = -1
            found = found & inside[i].reshape(along)
        return found

    def _offsets(
        self, start: Sequence[int], shape: Sequence[int]
    ) -> npt.NDArray[np.float32]:
        """Rows and columns ``(2, h, w)`` of the image, counted from `at`."""
        rows, columns = (
            np.arange(first, first + n, dtype=np.float32) - anchor
            for first, n, anchor in zip(
                start[-2:], shape[-2:], self.anchor[-2:], strict=True
            )
        )
        matrix = self.pose.matrix[-2:, -2:].astype(np.float32)[..., np.newaxis]
        offsets: npt.NDArray[np.float32] = (matrix[:, 0] * rows)[:, :, np.newaxis] + (
            matrix[:, 1] * columns
        )[:, np.newaxis]
        if (bend := self.pose.bend) is not None:
            y, x = (
                slice(f, f + n) for f, n in zip(start[-2:], shape[-2:], strict=True)
            )
            offsets += bend[:, y, x]
            # The anchor stays where it is.
            offsets -= bend[:, self.anchor[-2], self.anchor[-1]][:, None, None]
        return offsets

    def _warped(
        self, source: Array, start: Sequence[int], shape: Sequence[int], mirrors: bool
    ) -> npt.NDArray[np.float32]:
        from napari_segen.cnn.compiled import warp_linear

        n, height, width = len(source), *source.shape[-2:]
        planes = np.arange(n)
        if len(shape) == 3:
            line = self._lines(start, shape)[1][0]
            depth = source.shape[1]
            inside = (line >= 0) & (line < depth)
            within = np.where(inside | mirrors, mirror(line, depth), NOWHERE)
            planes = np.where(within < 0, NOWHERE, within + depth * planes[:, None])
        out = np.empty((n, *shape), np.float32)
        warp_linear(
            source.reshape(-1, height, width),
            planes.ravel(),
            self.at[-2],
            self.at[-1],
            self._offsets(start, shape),
            mirrors,
            out.reshape(-1, *shape[-2:]),
        )
        return out


def place(
    pose: Pose,
    at: Sequence[int],
    size: Sequence[int],
    patch_shape: Sequence[int],
    answer: tuple[Sequence[int], Sequence[int]],
    rng: np.random.Generator,
) -> Placement:
    """Put a patch where the pixel `at` of an image falls anywhere in its answer.

    Parameters
    ----------
    pose : Pose
    at : tuple of int
    size : tuple of int
        Shape of the image. The patch stays in it where it can.
    patch_shape : tuple of int
    answer : pair of tuples of int
        First pixel, and shape, of the part of the patch that the network labels.
    rng : numpy.random.Generator
    """
    shape = np.asarray(patch_shape)
    window = np.abs(pose.turn) @ shape
    # A patch at least as large as the image holds all of it.
    room = np.asarray(size) - window
    corner = np.asarray(at) - rng.integers(window)
    corner = np.clip(corner, np.minimum(room, 0), np.maximum(room, 0))
    from_centre = np.asarray(at) - (corner + (window - 1) / 2)
    anchor = np.linalg.solve(pose.matrix, from_centre) + (shape - 1) / 2
    first, extent = (np.asarray(a) for a in answer)
    anchor = np.clip(np.rint(anchor), first, first + extent - 1).astype(int)
    return Placement(pose, tuple(map(int, at)), tuple(map(int, anchor)))
