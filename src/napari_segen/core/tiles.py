"""Cutting a frame into tiles with a halo, so that tiled equals whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

Slices = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of a frame.

    Parameters
    ----------
    core : tuple of slice
        The pixels of the frame that this tile answers for.
    padded : tuple of slice
        The pixels of the frame to read: the core and its halo, within the frame.
    inner : tuple of slice
        Where the core lies within the padded tile.
    """

    core: Slices
    padded: Slices
    inner: Slices

    @property
    def corner(self) -> tuple[int, ...]:
        """The first pixel of the core, which tells tiles of a frame apart."""
        return tuple(part.start for part in self.core)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a model needs around a part of a frame, to label it as it does the whole.

    Parameters
    ----------
    halo : tuple of int
        Pixels before and after the part along each spatial axis.
    multiple : tuple of int
        The part begins on multiples of this.
    """

    halo: tuple[int, ...]
    multiple: tuple[int, ...]


def tile_grid(
    shape: tuple[int, ...], tile_shape: tuple[int, ...], halo: tuple[int, ...]
) -> Iterator[Tile]:
    """Cut `shape` into tiles whose cores cover every pixel exactly once.

    The halo ends at the frame's border: what lies beyond it is the filter's
    boundary rule, the same for a tile as for the whole.
    """
    if not len(shape) == len(tile_shape) == len(halo):
        raise ValueError(
            f"shape {shape}, tile_shape {tile_shape} and halo {halo} must have the "
            "same length."
        )
    if min(tile_shape) < 1 or min(halo) < 0:
        raise ValueError(
            f"tile_shape must be at least 1 and halo at least 0, got {tile_shape} "
            f"and {halo}."
        )
    starts = [range(0, n, t) for n, t in zip(shape, tile_shape, strict=True)]
    for corner in product(*starts):
        parts = zip(corner, tile_shape, shape, strict=True)
        yield tile_at(tuple(slice(a, min(a + t, n)) for a, t, n in parts), shape, halo)


def tile_at(core: Slices, shape: tuple[int, ...], halo: tuple[int, ...]) -> Tile:
    """Return the tile that answers for `core`, within a frame of `shape`."""
    padded, inner = [], []
    for part, n, h in zip(core, shape, halo, strict=True):
        first = max(part.start - h, 0)
        padded.append(slice(first, min(part.stop + h, n)))
        inner.append(slice(part.start - first, part.stop - first))
    return Tile(core, tuple(padded), tuple(inner))
