"""What is being sewn: from which pixel of the sources each of its pixels comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.generation.matching import Floats, Match, Swatch
from napari_segen.generation.method import Source
from napari_segen.generation.seams import Sides, overlap_mask, taken_pixels

if TYPE_CHECKING:
    from napari_segen.generation.quilting import Quilt

# An object of a new block that covers this part of one that is there continues it.
_SAME_OBJECT = 0.5


@dataclass(slots=True)
class Cloth:
    """An image on the way.

    Since it holds places and no values, an image and its labels agree, and have only
    values that their sources have.

    Parameters
    ----------
    swatch : Swatch
    look : float32 array of shape (K, H, W)
        What new blocks are compared with.
    origin : int array of shape (H, W)
        Place of each pixel among those of the swatch.
    ids, before : int64 array of shape (H, W), or None
        Objects, where the labels tell them apart; and those of an image that is
        varied.
    fixed : bool array of shape (H, W)
        Pixels that blocks leave as they are.
    last_id : int
        No object has had a greater id.
    """

    swatch: Swatch
    look: Floats
    origin: Array
    ids: Array | None
    before: Array | None
    fixed: Array
    last_id: int = 0

    @classmethod
    def empty(
        cls, swatch: Swatch, shape: tuple[int, int], *, has_objects: bool
    ) -> "Cloth":
        """Start a new image."""
        ids = None
        if has_objects and swatch.labels is not None:
            ids = np.zeros(shape, np.int64)
        look = np.zeros((len(swatch.windows[0].look), *shape), np.float32)
        return cls(swatch, look, np.zeros(shape, int), ids, None, np.zeros(shape, bool))

    @classmethod
    def copy_of(cls, swatch: Swatch, *, has_objects: bool) -> "Cloth":
        """Start from the first window; what has no data there stays."""
        look = swatch.windows[0].look.copy()
        shape = look.shape[1:]
        origin = np.arange(look[0].size).reshape(shape)
        ids = None
        if has_objects and swatch.labels is not None:
            ids = swatch.labels.astype(np.int64).reshape(shape)
        missing = np.logical_not(np.isfinite(swatch.image).all(axis=0))
        before = None if ids is None else ids.copy()
        last_id = 0 if ids is None else int(ids.max())
        fixed = missing.reshape(shape)
        return cls(swatch, look, origin, ids, before, fixed, last_id)

    def lay(
        self,
        quilt: "Quilt",
        corner: tuple[int, int],
        sides: Sides,
        avoided: Sequence[Match],
        rng: np.random.Generator,
    ) -> Match:
        """Choose a block for `corner`, cut it along its `sides` and sew it on."""
        y, x = corner
        box = (slice(y, y + quilt.block[0]), slice(x, x + quilt.block[1]))
        mask = overlap_mask(quilt.block, quilt.overlap, sides)
        there = self.look[(slice(None), *box)]
        match = self.swatch.best(there, mask, sides, avoided, quilt.tolerance, rng)
        look = self.swatch.look(match)
        error = ((look - there) ** 2).sum(axis=0)
        taken = taken_pixels(error, quilt.overlap, sides) & ~self.fixed[box]
        places = self.swatch.pixels(match)
        if self.ids is not None:
            assert self.swatch.labels is not None
            new = self._named(self.swatch.labels[places], self.ids[box], mask)
            self.ids[box][taken] = new[taken]
        there[:, taken] = look[:, taken]
        self.origin[box][taken] = places[taken]
        return match

    def _named(self, new: Array, old: Array, mask: Array) -> Array:
        """Give the objects of a block ids of their own, or those that they continue."""
        kinds, index = np.unique(new, return_inverse=True)
        ids = self.last_id + 1 + np.arange(len(kinds))
        self.last_id += len(kinds)
        index = index.reshape(new.shape)
        for k, kind in enumerate(kinds):
            here = mask & (index == k)
            if kind == 0:
                ids[k] = 0
            elif here.any():
                seen, counts = np.unique(old[here], return_counts=True)
                best = seen[counts.argmax()]
                both = counts.max()
                either = here.sum() + (mask & (old == best)).sum() - both
                if best and both >= _SAME_OBJECT * either:
                    ids[k] = best
        return np.asarray(ids[index])

    def cut_to(self, shape: tuple[int, int]) -> Source:
        """Return the image, and its labels if there are some."""
        box = tuple(slice(n) for n in shape)
        origin = self.origin[box]
        image = self.swatch.image[:, origin]
        if self.swatch.labels is None:
            return Source(image, None)
        if self.ids is None:
            return Source(image, self.swatch.labels[origin])
        return Source(image, self._parted(box))

    def _parted(self, box: tuple[slice, ...]) -> Array:
        """Give the pieces of objects that were cut ids of their own.

        Objects of an image that is varied stay as they are where no block touched them.
        """
        from skimage.measure import label

        assert self.ids is not None
        ids = self.ids[box]
        cut = ids != 0
        if self.before is not None:
            changed = ids != self.before
            cut &= np.isin(ids, np.union1d(ids[changed], self.before[changed]))
        pieces = label(np.where(cut, ids, 0), background=0, connectivity=1)
        places = np.flatnonzero(pieces)
        numbers, first, sizes = np.unique(
            pieces.ravel()[places], return_index=True, return_counts=True
        )
        owners = ids.ravel()[places[first]]
        # The largest piece keeps the id: sort by it, then by size.
        order = np.lexsort((-sizes, owners))
        is_other = np.zeros(len(order), bool)
        is_other[1:] = np.diff(owners[order]) == 0
        renamed = np.r_[0, owners]
        others = numbers[order][is_other]
        renamed[others] = int(ids.max()) + 1 + np.arange(len(others))
        return np.where(cut, renamed[pieces], ids)
