"""Patches that lie turned, mirrored, scaled or bent in their image."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
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


class Placement:
    """Where a patch lies: its pixel `anchor` is the image's pixel `at`.

    Parameters
    ----------
    pose : Pose
    patch_shape, anchor, at : tuple of int
    """

    def __init__(
        self,
        pose: Pose,
        patch_shape: Sequence[int],
        anchor: Sequence[int],
        at: Sequence[int],
    ) -> None:
        self._pose = pose
        self.anchor, self.at = tuple(anchor), tuple(at)
        self._whole = ((0,) * len(anchor), tuple(patch_shape))
        self._offsets = None if pose.is_exact else self._measured()

    def read(
        self, source: Array, start: Sequence[int], shape: Sequence[int]
    ) -> npt.NDArray[np.float32]:
        """Read grey values, from pixel `start` of the patch on.

        `source` has shape ``(C, *S)``, the result ``(C, *shape)``. Beyond the border
        the image is mirrored.
        """
        if self._pose.is_exact:
            return self._exact(source, start, shape)[0]
        return self._warped(source, start, shape, mirrors=True)

    def read_teacher(
        self, source: Array, start: Sequence[int], shape: Sequence[int]
    ) -> npt.NDArray[np.float32]:
        """Do what `read` does for a posterior; 0 beyond the border, and next to 0."""
        if self._pose.is_exact:
            found, inside = self._exact(source, start, shape)
            found = np.where(inside, found, np.float32(0))
        else:
            found = self._warped(source, start, shape, mirrors=False)
        # Between a pixel that it says something of and one of which it says nothing.
        known = found.sum(axis=0) > KNOWN
        return np.where(known, found, np.float32(0))

    def read_index(
        self, source: Array, start: Sequence[int], shape: Sequence[int]
    ) -> npt.NDArray[np.int16]:
        """Read class indices ``(*S)``: the nearest; beyond the border unlabelled."""
        if self._pose.is_exact:
            found, inside = self._exact(source[np.newaxis], start, shape)
            return np.where(inside, found[0], np.int16(UNLABELLED))
        from napari_segen.cnn.compiled import warp_nearest

        planes = np.zeros(1, np.intp)
        if len(shape) == 3:
            planes = self._lines(start, shape)[1][0]
        out = np.empty(tuple(shape), np.int16)
        warp_nearest(
            source.reshape(-1, *source.shape[-2:]),
            planes,
            self.at[-2],
            self.at[-1],
            self._offsets_of(start, shape),
            out.reshape(-1, *shape[-2:]),
        )
        return out

    def _lines(
        self, start: Sequence[int], shape: Sequence[int]
    ) -> tuple[list[int], list[npt.NDArray[np.intp]]]:
        """For each axis of the image: the axis of the patch, and where that lies."""
        turn = self._pose.turn
        order = [int(j) for j in np.abs(turn).argmax(axis=1)]
        lines = [
            self.at[i]
            + turn[i, j] * (np.arange(start[j], start[j] + shape[j]) - self.anchor[j])
            for i, j in enumerate(order)
        ]
        return order, lines

    def _exact(
        self, source: Array, start: Sequence[int], shape: Sequence[int]
    ) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Copy pixels ``(M, *shape)``, and tell which ``(*shape)`` are in the image."""
        order, lines = self._lines(start, shape)
        sizes = source.shape[1:]
        axes = np.argsort(order)
        inside = [(a >= 0) & (a < n) for a, n in zip(lines, sizes, strict=True)]
        if all(i.all() for i in inside):
            at: tuple[Any, ...] = tuple(_as_slice(a) for a in lines)
            within = np.ones((1,) * len(shape), bool)
        else:
            at = np.ix_(*(mirror(a, n) for a, n in zip(lines, sizes, strict=True)))
            within = reduce(np.logical_and.outer, inside).transpose(axes)
        found = source[(slice(None), *at)]
        return found.transpose(0, *(1 + axes)), within

    def _measured(self) -> npt.NDArray[np.float32]:
        """Rows and columns ``(2, h, w)`` of the image, counted from `at`."""
        rows, columns = (
            np.arange(n, dtype=np.float32) - anchor
            for n, anchor in zip(self._whole[1][-2:], self.anchor[-2:], strict=True)
        )
        matrix = self._pose.matrix[-2:, -2:, np.newaxis, np.newaxis].astype(np.float32)
        offsets: npt.NDArray[np.float32] = (
            matrix[:, 0] * rows[:, np.newaxis] + matrix[:, 1] * columns
        )
        if (bend := self._pose.bend) is not None:
            offsets += bend
            # The anchor stays where it is.
            offsets -= bend[:, self.anchor[-2], self.anchor[-1], None, None]
        return offsets

    def _offsets_of(
        self, start: Sequence[int], shape: Sequence[int]
    ) -> npt.NDArray[np.float32]:
        """Offsets of a part of the patch."""
        assert self._offsets is not None
        y, x = (slice(f, f + n) for f, n in zip(start[-2:], shape[-2:], strict=True))
        return np.ascontiguousarray(self._offsets[:, y, x])

    def _warped(
        self, source: Array, start: Sequence[int], shape: Sequence[int], mirrors: bool
    ) -> npt.NDArray[np.float32]:
        from napari_segen.cnn.compiled import warp_linear

        n, height, width = len(source), *source.shape[-2:]
        planes = np.arange(n)
        if len(shape) == 3:
            line, depth = self._lines(start, shape)[1][0], source.shape[1]
            inside = (line >= 0) & (line < depth)
            there = mirror(line, depth) + depth * planes[:, np.newaxis]
            planes = np.where(inside | mirrors, there, NOWHERE)
        out = np.empty((n, *shape), np.float32)
        warp_linear(
            source.reshape(-1, height, width),
            planes.ravel(),
            self.at[-2],
            self.at[-1],
            self._offsets_of(start, shape),
            mirrors,
            out.reshape(-1, *shape[-2:]),
        )
        return out


def _as_slice(line: npt.NDArray[np.intp]) -> slice:
    """Turn indices that follow one another, up or down, into a slice."""
    first, last = int(line[0]), int(line[-1])
    if last < first:
        return slice(first, last - 1 if last else None, -1)
    return slice(first, last + 1)


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
    # The inverse of a turn is its transpose.
    anchor = (
        pose.turn.T @ from_centre
        if pose.is_exact
        else np.linalg.solve(pose.matrix, from_centre)
    ) + (shape - 1) / 2
    first, extent = (np.asarray(a) for a in answer)
    anchor = np.clip(np.rint(anchor), first, first + extent - 1).astype(int)
    return Placement(pose, patch_shape, anchor.tolist(), at)
