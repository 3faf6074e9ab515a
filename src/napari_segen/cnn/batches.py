"""Training patches drawn around labelled pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.augmentation import Augmentation, Augmenter
from napari_segen.cnn.labelled import UNLABELLED, LabelledImage
from napari_segen.cnn.network import Network
from napari_segen.cnn.pixels import LabelledPixels
from napari_segen.cnn.placement import Placement, Pose, place

# Where a teacher speaks of unlabelled ground, as many patches lie just anywhere.
ANYWHERE_SHARE = 0.5


class Batch(NamedTuple):
    """Patches and what is known of them.

    Parameters
    ----------
    x : float32 array of shape (B, *patch, C)
    y : int32 array of shape (B, *answer)
        Which class each pixel is; -1 where unlabelled.
    teacher : float32 array of shape (B, *answer, K), or None
        Another method's posterior, also where labelled; all 0 where there is none.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int32]
    teacher: npt.NDArray[np.float32] | None


class PatchSampler:
    """Draw batches of patches, each around a labelled pixel.

    Parameters
    ----------
    images : list of LabelledImage
        Only the pixels labelled there are drawn; where there is a teacher, half of
        the patches lie anywhere.
    network : Network
    batch_size : int
    augmentation : Augmentation, or None
        None: patches are cut from the images as they are.
    class_balance : float
        A class comes up by its share of the labelled pixels to the power of
        ``1 - class_balance``: 0 = as often as its pixels, 1 = all equally often.
    """

    def __init__(
        self,
        images: Sequence[LabelledImage],
        network: Network,
        batch_size: int,
        augmentation: Augmentation | None,
        class_balance: float = 0.5,
    ) -> None:
        self._images = images
        self._network = network
        self._batch_size = batch_size
        self._augmenter = Augmenter(augmentation, network.patch_shape)
        self._pixels = LabelledPixels(images, network.n_classes)
        counts = self._pixels.counts[self._pixels.order].astype(float)
        share = (counts / counts.sum()) ** (1 - class_balance)
        self._class_up_to = share.cumsum() / share.sum()
        self._taught = [i for i, m in enumerate(images) if m.teacher is not None]
        size = np.array([images[i].index.size for i in self._taught], float)
        self._taught_up_to = size.cumsum() / size.sum()

    def patches_per_epoch(self) -> int:
        """How many answers of the network it takes to cover every labelled pixel."""
        side = self._network.answer_shape
        return sum(
            int(np.count_nonzero(answer_cells(m.index, side))) for m in self._images
        )

    def draw(self, rng: np.random.Generator) -> Batch:
        """Draw a batch."""
        batch = empty_batch(self._network, self._batch_size, bool(self._taught))
        for i in range(self._batch_size):
            which, at = self._pixel(rng)
            image = self._images[which]
            placed = place(
                self._augmenter.pose(rng),
                at,
                image.index.shape,
                self._network.patch_shape,
                (self._network.answer_start, self._network.answer_shape),
                rng,
            )
            patch = fill(batch, i, image, placed, self._network)
            batch.x[i] = np.moveaxis(self._augmenter.appearance(rng, patch), 0, -1)
        return batch

    def _pixel(self, rng: np.random.Generator) -> tuple[int, tuple[int, ...]]:
        """Draw a pixel to lay a patch around: number of the image, and position."""
        if self._taught and rng.random() < ANYWHERE_SHARE:
            which = self._taught[_drawn(self._taught_up_to, rng)]
            at = rng.integers(self._images[which].index.shape)
            return which, tuple(int(a) for a in at)
        k = self._pixels.order[_drawn(self._class_up_to, rng)]
        return self._pixels.draw(k, rng)


def _drawn(up_to: npt.NDArray[np.float64], rng: np.random.Generator) -> int:
    """Draw an entry by the running sum of their shares; much faster than `choice`."""
    return min(int(np.searchsorted(up_to, rng.random(), "right")), len(up_to) - 1)


def fair_batches(
    images: Sequence[LabelledImage],
    network: Network,
    batch_size: int,
    at_most: int,
    rng: np.random.Generator,
) -> list[Batch]:
    """Cover the labelled pixels by answers, each pixel once, to judge a network.

    Of more than `at_most` answers, as many are drawn, each as likely as any other. The
    last batch is filled up with patches that hold no label.
    """
    side = np.asarray(network.answer_shape)
    grids = [answer_cells(m.index, network.answer_shape) for m in images]
    up_to = np.cumsum([np.count_nonzero(g) for g in grids])
    n = int(up_to[-1])
    chosen = np.arange(n) if n <= at_most else rng.choice(n, at_most, replace=False)
    chosen = np.sort(chosen)
    batches = [
        empty_batch(network, batch_size, False)
        for _ in range(0, len(chosen), batch_size)
    ]
    which = np.searchsorted(up_to, chosen, side="right")
    same = Pose(np.eye(network.ndim, dtype=int))
    for m in np.unique(which):
        cells = np.flatnonzero(grids[m])
        before = up_to[m] - len(cells)
        for i in np.flatnonzero(which == m):
            cell = np.unravel_index(cells[chosen[i] - before], grids[m].shape)
            at = tuple(int(c) for c in np.stack(cell) * side)
            batch, row = batches[i // batch_size], int(i % batch_size)
            placed = Placement(same, network.patch_shape, network.answer_start, at)
            patch = fill(batch, row, images[m], placed, network)
            batch.x[row] = np.moveaxis(patch, 0, -1)
    return batches


def empty_batch(network: Network, batch_size: int, taught: bool) -> Batch:
    """Make a batch of black patches without labels."""
    answer = (batch_size, *network.answer_shape)
    return Batch(
        np.zeros((batch_size, *network.patch_shape, network.n_channels), np.float32),
        np.full(answer, UNLABELLED, np.int32),
        np.zeros((*answer, network.n_classes), np.float32) if taught else None,
    )


def fill(
    batch: Batch, row: int, image: LabelledImage, placed: Placement, network: Network
) -> npt.NDArray[np.float32]:
    """Write what is known of a patch to a row of a batch; return its grey values."""
    start, shape = network.answer_start, network.answer_shape
    batch.y[row] = placed.read_index(image.index, start, shape)
    if batch.teacher is not None and image.teacher is not None:
        taught = placed.read_teacher(image.teacher, start, shape)
        batch.teacher[row] = np.moveaxis(taught, 0, -1)
    return placed.read(image.image, (0,) * network.ndim, network.patch_shape)


def answer_cells(
    index: npt.NDArray[np.int16], side: Sequence[int]
) -> npt.NDArray[np.bool_]:
    """Tell which cells of a grid, `side` pixels each, hold a labelled pixel."""
    cells: npt.NDArray[np.bool_] = index != UNLABELLED
    for axis, n in enumerate(side):
        if n > 1:
            starts = np.arange(0, cells.shape[axis], n)
            cells = np.logical_or.reduceat(cells, starts, axis=axis)
    return cells
