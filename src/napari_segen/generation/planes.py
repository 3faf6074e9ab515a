"""Generated and real images of any axes as 2D planes that can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.core.checks import check_image, check_same_channels, check_spec
from napari_segen.core.imagespec import Array, ImageSpec, infer_spec

_LEAST_PATCH = 5
_MOST_PLANES = 16


@dataclass(frozen=True, slots=True)
class Planes:
    """2D planes ``(C, H, W)`` of images, the image of each, and its place there."""

    planes: list[Array]
    owners: Array
    z: list[tuple[int, ...]]

    @classmethod
    def of(cls, frames: Sequence[Array]) -> "Planes":
        """Take frames ``(C, H, W)``, or planes all through volumes ``(C, D, H, W)``."""
        planes, owners, places = [], [], []
        for i, f in enumerate(frames):
            depths: list[tuple[int, ...]] = [()]
            if f.ndim == 4:
                n = min(f.shape[1], _MOST_PLANES)
                depths = [(int(k),) for k in np.linspace(0, f.shape[1] - 1, n).round()]
            planes += [f[:, d[0]] if d else f for d in depths]
            places += depths
            owners += [i] * len(depths)
        return cls(planes, np.array(owners), places)

    @property
    def least_side(self) -> int:
        """The shortest side of any plane."""
        return int(min(min(p.shape[1:]) for p in self.planes))


def canonical(
    generated: Any,
    real: Sequence[Any],
    held_out: Sequence[Any],
    spec: ImageSpec | None,
) -> tuple[Planes, Planes, Planes | None]:
    """Check generated, real and held-out images, and take their planes."""
    check_spec(spec)
    arrays = [check_image(r, "real") for r in real]
    others = [check_image(r, "held_out") for r in held_out]
    if not arrays:
        raise ValueError("real is an empty list.")
    axes = infer_spec(arrays[0].shape) if spec is None else spec
    images = check_image(generated, "generated")
    wanted = 1 + axes.n_space + (axes.channel_axis is not None)
    if images.ndim != wanted:
        raise ValueError(
            f"generated must have {wanted} axes, one more than space and channels of "
            f"{axes.axes!r}, got shape {images.shape}. Say the axes of the real images "
            "with spec."
        )
    if axes.channel_axis is None:
        images = images[..., np.newaxis]
    made = list(np.moveaxis(images, -1, 1))
    known, unseen = ([f for a in x for f in axes.frames(a)] for x in (arrays, others))
    check_same_channels([len(f) for f in [*known, *unseen, *made]])
    return Planes.of(made), Planes.of(known), Planes.of(unseen) if unseen else None


def patch_side(
    patch_px: int, made: Planes, known: Planes, unseen: Planes | None
) -> int:
    """Return the side of patches that fit twice into the real images.

    It is odd: the middle pixel stays in the middle when a patch is mirrored or turned.
    """
    sides = [made.least_side, known.least_side // 2]
    side = min([patch_px, *sides] + ([unseen.least_side] if unseen else []))
    side -= 1 - side % 2
    if side < _LEAST_PATCH:
        raise ValueError(
            f"patches of {side} x {side} pixels tell nothing: patch_px must be at "
            f"least {_LEAST_PATCH}, and the real images twice as large. If an axis is "
            "not space, say so with spec."
        )
    return side
