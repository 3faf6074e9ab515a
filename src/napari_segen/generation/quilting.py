"""Quilting: a new image sewn together from blocks of others.

After Efros and Freeman, "Image quilting for texture synthesis and transfer",
SIGGRAPH 2001. A block is chosen by how well it fits to what lies beside it; it may not
be the one that lies there in its own image, else the image would be copied.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_segen.core.steps import Step, Steps
from napari_segen.generation.cloth import Cloth
from napari_segen.generation.kept import has_data
from napari_segen.generation.matching import Match, Swatch, free_corners
from napari_segen.generation.method import Source
from napari_segen.generation.seams import SIDES, Sides

# Blocks overlap by this part of their side.
_OVERLAP = 4
_LEAST_BLOCK, _MOST_BLOCK = 8, 96
_BLOCKS_A_SIDE = 6
_WINDOW_BLOCKS = 12
_LEAST_WINDOW = 64
_POOL_PIXELS = 2**18


@dataclass(frozen=True, slots=True)
class Quilt:
    """How blocks are laid.

    Parameters
    ----------
    block : tuple of int
        Rows and columns of a block.
    overlap : tuple of int
        Rows and columns by which it lies on the next.
    tolerance : float
        Blocks are drawn from those whose error exceeds the least by this part.
    """

    block: tuple[int, int]
    overlap: tuple[int, int]
    tolerance: float

    @classmethod
    def of(cls, sides: tuple[int, int], block_px: int | None, tol: float) -> "Quilt":
        """Choose the block for images of `sides` at least."""
        if block_px is None:
            asked = min(sides) // _BLOCKS_A_SIDE
            block_px = min(max(asked, _LEAST_BLOCK), _MOST_BLOCK)
        block = (min(block_px, sides[0]), min(block_px, sides[1]))
        return cls(block, _overlap(block), tol)

    @property
    def step(self) -> tuple[int, int]:
        """Rows and columns from block to block."""
        return (self.block[0] - self.overlap[0], self.block[1] - self.overlap[1])

    def halved(self) -> "Quilt":
        """Return the same with blocks of half the side."""
        block = (max(self.block[0] // 2, 1), max(self.block[1] // 2, 1))
        return Quilt(block, _overlap(block), self.tolerance)

    def starts(self, shape: tuple[int, int]) -> list[tuple[int, int]]:
        """Corners of blocks that cover `shape`, row by row."""
        rows, columns = (
            range(0, max(n - o, 1), s)
            for n, o, s in zip(shape, self.overlap, self.step, strict=True)
        )
        return [(y, x) for y in rows for x in columns]


def _overlap(block: tuple[int, int]) -> tuple[int, int]:
    a, b = (max(n // _OVERLAP, 1) if n > 1 else 0 for n in block)
    return a, b


def new_quilt_steps(
    sources: Sequence[Source],
    shape: tuple[int, int],
    block_px: int | None,
    tolerance: float,
    rng: np.random.Generator,
    *,
    has_objects: bool,
) -> Steps[Source]:
    """Sew an image, with labels where the sources have some, of `shape`."""
    pool, quilt = _draw_pool(sources, block_px, tolerance, rng)
    swatch = Swatch.of(pool, quilt.block, has_objects=has_objects)
    starts = quilt.starts(shape)
    extent = tuple(s + b for s, b in zip(starts[-1], quilt.block, strict=True))
    cloth = Cloth.empty(swatch, (extent[0], extent[1]), has_objects=has_objects)
    laid: dict[tuple[int, int], Match] = {}
    dy, dx = quilt.step
    for i, (y, x) in enumerate(starts):
        yield Step(i, len(starts), "Sewing blocks")
        above, beside = laid.get((y - dy, x)), laid.get((y, x - dx))
        sides: Sides = frozenset(
            name for name, m in (("top", above), ("left", beside)) if m is not None
        )
        continued = [
            Match(m.window, m.y + a, m.x + b)
            for m, a, b in ((above, dy, 0), (beside, 0, dx))
            if m is not None
        ]
        laid[y, x] = cloth.lay(quilt, (y, x), sides, continued, rng)
    return cloth.cut_to(shape)


def varied_quilt_steps(
    source: Source,
    strength: float,
    block_px: int | None,
    tolerance: float,
    rng: np.random.Generator,
    *,
    has_objects: bool,
) -> Steps[Source]:
    """Replace the `strength` share of the blocks of `source` by others from it."""
    height, width = source.image.shape[1:]
    quilt = _fitting(Quilt.of((height, width), block_px, tolerance), [source])
    swatch = Swatch.of([source], quilt.block, has_objects=has_objects)
    cloth = Cloth.copy_of(swatch, has_objects=has_objects)
    starts = list(_inside(quilt, (height, width)))
    order = rng.permutation(len(starts))[: max(round(strength * len(starts)), 1)]
    for i, k in enumerate(order):
        yield Step(i, len(order), "Replacing blocks")
        y, x = starts[k]
        free = (y > 0, x > 0, y + quilt.block[0] < height, x + quilt.block[1] < width)
        sides: Sides = frozenset(s for s, f in zip(SIDES, free, strict=True) if f)
        cloth.lay(quilt, (y, x), sides, [Match(0, y, x)], rng)
    return cloth.cut_to((height, width))


def _inside(quilt: Quilt, shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Corners of blocks that cover `shape` and do not leave it."""
    for y, x in quilt.starts(shape):
        yield min(y, shape[0] - quilt.block[0]), min(x, shape[1] - quilt.block[1])


def _draw_pool(
    sources: Sequence[Source],
    block_px: int | None,
    tolerance: float,
    rng: np.random.Generator,
) -> tuple[list[Source], Quilt]:
    """Draw parts of the sources to take blocks from: few enough to be fast."""
    largest = max(sources, key=lambda s: min(s.image.shape[1:])).image.shape[1:]
    quilt = Quilt.of((largest[0], largest[1]), block_px, tolerance)
    side = max(_WINDOW_BLOCKS * max(quilt.block), _LEAST_WINDOW)
    fitting = [s for s in sources if np.all(np.array(s.image.shape[1:]) >= quilt.block)]
    pool: list[Source] = []
    for k in rng.permutation(len(fitting)):
        if has_data(fitting[k]):
            pool.append(_window(fitting[k], side, rng))
        if sum(p.image[0].size for p in pool) >= _POOL_PIXELS:
            break
    pool = pool or [s for s in sources if has_data(s)]
    return pool, _fitting(quilt, pool)


def _window(source: Source, side: int, rng: np.random.Generator) -> Source:
    """Cut a square of `side` at most about a random pixel with data."""
    rows, columns = np.nonzero(np.isfinite(source.image).all(axis=0))
    k = rng.integers(len(rows))
    starts = (
        int(np.clip(p[k] - side // 2, 0, max(n - side, 0)))
        for p, n in zip((rows, columns), source.image.shape[1:], strict=True)
    )
    box = tuple(slice(start, start + side) for start in starts)
    labels = None if source.labels is None else source.labels[box]
    return Source(source.image[(slice(None), *box)], labels)


def _fitting(quilt: Quilt, pool: Sequence[Source]) -> Quilt:
    """Make the blocks small enough that one of them lies wholly in data."""
    while not any(free_corners(s.image, quilt.block).any() for s in pool):
        quilt = quilt.halved()
    return quilt
