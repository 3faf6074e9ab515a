"""What is looked at, and at which resolution it is answered."""

import math
from dataclasses import dataclass, replace

from napari_segen.core.tiles import Slices
from napari_segen.probabilistic.live.store import SIDE

MOST_PIXELS = 2**22  # that are answered at full resolution
SHOW = "Preview"  # the text of a Step after which there is something new to see


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at.

    Parameters
    ----------
    frame : int
        Which frame of the image.
    box : tuple of slice
        Part of the frame, one slice per spatial axis, none of them empty; of a volume
        one plane.
    """

    frame: int
    box: Slices

    @property
    def level(self) -> int:
        """How often to halve y and x to come down to `MOST_PIXELS`."""
        pixels = math.prod(part.stop - part.start for part in self.box)
        return max(math.ceil(math.log(pixels / MOST_PIXELS, 4)), 0)

    def wider(self, shape: tuple[int, ...]) -> "View":
        """Return the view with a tile more on all four sides, within a frame."""
        margin = SIDE << self.level
        sides = [
            slice(max(part.start - margin, 0), min(part.stop + margin, n))
            for part, n in zip(self.box[-2:], shape[-2:], strict=True)
        ]
        return replace(self, box=(*self.box[:-2], *sides))
