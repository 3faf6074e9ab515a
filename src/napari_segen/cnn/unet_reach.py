"""How far a U-Net sees: which pixels those of its answer depend on.

`strides` are those of the first convolution and of each pooling, along one axis or,
in `margins`, along all of them.
"""

import math
from collections.abc import Sequence

from napari_segen.cnn.network import Shape

# Pixels that the two convolutions of a block take from each side.
BLOCK_REACH = 2


def stem_kernel(stride: Shape) -> Shape:
    """Sides of the first convolution's kernel: 4 for a stride of 2, 3 for one of 1."""
    # As many pixels before as after.
    return tuple(s + 2 for s in stride)


def halo_along(strides: Sequence[int]) -> tuple[int, int]:
    """Pixels before and after a tile along one axis, as multiples of its boxes."""
    box = math.prod(strides)
    reach = [_reach(pixel, strides) for pixel in range(box)]
    # Counted from the box's border: tiles start and end there.
    before = -min(low for low, _ in reach)
    after = max(high for _, high in reach) - (box - 1)
    return -(-before // box) * box, -(-after // box) * box


def _reach(pixel: int, strides: Sequence[int]) -> tuple[int, int]:
    """First and last input pixel that an output pixel depends on, walking back."""
    stem, *pools = strides
    low, high = pixel // stem, pixel // stem  # the last transposed convolution
    for s in pools:
        # A block, then a transposed convolution; skips reach less far.
        low, high = (low - BLOCK_REACH) // s, (high + BLOCK_REACH) // s
    for s in reversed(pools):
        low, high = s * (low - BLOCK_REACH), s * (high + BLOCK_REACH) + s - 1
    # The finest level's block, then the first convolution.
    low, high = low - BLOCK_REACH, high + BLOCK_REACH
    return stem * low - 1, stem * high + stem


def margins(
    strides: Sequence[Shape],
) -> list[tuple[list[tuple[int, int]], list[int]]]:
    """Pixels around the tile at each level: those there, and those needed after it.

    What is needed is the same before and after.
    """
    stem, *pools = strides
    halo = [halo_along(along) for along in zip(*strides, strict=True)]
    there = [(b // s, a // s) for (b, a), s in zip(halo, stem, strict=True)]
    needed = [0] * len(stem)
    found = [(there, needed)]
    for stride in pools:
        there = [(b // s, a // s) for (b, a), s in zip(there, stride, strict=True)]
        needed = [
            -(-(m + BLOCK_REACH) // s) for m, s in zip(needed, stride, strict=True)
        ]
        found.append((there, needed))
    return found
