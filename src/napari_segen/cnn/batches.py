"""Training patches drawn around labelled pixels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.network import Network
from napari_segen.cnn.planes import UNLABELLED, Plane, read_index, read_window
from napari_segen.core.imagespec import Array

# Patches are drawn from at most so many pixels of a class in one plane.
MAX_POSITIONS = 500_000
GAIN, SHIFT = 0.1, 0.05

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]


class PatchSampler:
    """Draw batches of patches, each around a labelled pixel.

    A class comes up with the square root of its share of the labelled pixels, so
    that a thin class is not lost among a wide one.

    Parameters
    ----------
    planes : list of Plane
        Only the pixels labelled there are drawn and trained on.
    network : Network
    batch_size : int
    augment : bool
        Turn, mirror, and slightly brighten or dim the patches.
    """

    def __init__(
        self,
        planes: Sequence[Plane],
        network: Network,
        batch_size: int,
        augment: bool,
    ) -> None:
        self._planes = planes
        self._network = network
        self._batch_size = batch_size
        self._augment = augment
        self._positions = [_positions(planes, k) for k in range(network.n_classes)]
        share = np.sqrt([_n_pixels(planes, k) for k in range(network.n_classes)])
        self._class_share = share / share.sum()

    def patches_per_epoch(self) -> int:
        """How many answers of the network it takes to cover every labelled pixel."""
        side = self._network.answer_px
        return sum(_n_cells(p.index != UNLABELLED, side) for p in self._planes)

    def draw(self, rng: np.random.Generator) -> Batch:
        """Draw images ``(B, P, P, C)`` and class indices ``(B, answer, answer)``."""
        network = self._network
        size, answer = network.patch_px, network.answer_px
        x = np.empty((self._batch_size, size, size, network.n_channels), np.float32)
        y = np.empty((self._batch_size, answer, answer), np.int32)
        for i in range(self._batch_size):
            image, index = self._draw_one(rng)
            x[i], y[i] = image.transpose(1, 2, 0), index
        return x, y

    def _draw_one(self, rng: np.random.Generator) -> tuple[Array, Array]:
        network = self._network
        k = rng.choice(network.n_classes, p=self._class_share)
        which, row, column = self._positions[k][rng.integers(len(self._positions[k]))]
        plane = self._planes[which]
        flips = rng.integers(0, 2, 2) if self._augment else np.zeros(2, int)
        corner = [
            self._corner(rng, int(at), n, bool(flip))
            for at, n, flip in zip((row, column), plane.index.shape, flips, strict=True)
        ]
        image = read_window(plane.image, corner, (network.patch_px,) * 2)
        first = [
            self._answer_first(c, bool(f)) for c, f in zip(corner, flips, strict=True)
        ]
        index = read_index(plane.index, first, (network.answer_px,) * 2)
        return self._augmented(rng, image, index, flips)

    def _corner(self, rng: np.random.Generator, at: int, n: int, flip: bool) -> int:
        """First pixel of a patch on one axis, whose answer holds the pixel `at`."""
        network = self._network
        if network.answer_px == 1:
            return at - self._answer_first(0, flip)
        corner = at - int(rng.integers(network.patch_px))
        return max(0, min(corner, n - network.patch_px))

    def _answer_first(self, corner: int, flip: bool) -> int:
        """First pixel of the answer: mirroring moves the centre of an even patch."""
        network = self._network
        start = network.answer_start
        if flip:
            start = network.patch_px - network.answer_px - start
        return corner + start

    def _augmented(
        self, rng: np.random.Generator, image: Array, index: Array, flips: Array
    ) -> tuple[Array, Array]:
        if not self._augment:
            return image, index
        step = tuple(slice(None, None, -1 if f else 1) for f in flips)
        image, index = image[:, *step], index[step]
        if rng.integers(2):
            image, index = image.transpose(0, 2, 1), index.T
        gain, shift = 1 + GAIN * rng.uniform(-1, 1), SHIFT * rng.uniform(-1, 1)
        return image * np.float32(gain) + np.float32(shift), index


def _positions(planes: Sequence[Plane], k: int) -> npt.NDArray[np.int32]:
    """Plane, row and column ``(M, 3)`` of the pixels of class k."""
    found = []
    for i, plane in enumerate(planes):
        at = np.flatnonzero(plane.index == k)
        at = at[:: 1 + len(at) // MAX_POSITIONS]
        rows, columns = np.unravel_index(at, plane.index.shape)
        found.append(np.stack([np.full(len(at), i), rows, columns], 1).astype(np.int32))
    return np.concatenate(found)


def _n_pixels(planes: Sequence[Plane], k: int) -> int:
    return sum(int((p.index == k).sum()) for p in planes)


def _n_cells(labelled: Array, side: int) -> int:
    """Count the cells of a grid of `side` pixels that hold a labelled pixel."""
    rows, columns = np.nonzero(labelled)
    return len(np.unique(rows // side * labelled.shape[1] + columns // side))
