"""A small U-Net that looks at volumes."""

from dataclasses import dataclass, field
from typing import ClassVar

from napari_segen.cnn.network import Shape
from napari_segen.cnn.unet import NORMS, UNet
from napari_segen.core.parameters import check_params, span


@dataclass(frozen=True, slots=True)
class UNet3DParams:
    """How the U-Net for volumes is laid out."""

    filters: int = field(
        default=16,
        metadata=span(
            4, 128, "Filters at the finest level; more can learn more, more slowly."
        ),
    )
    depth: int = field(
        default=2,
        metadata=span(
            1, 4, "Halvings of the resolution; deeper sees a wider surrounding."
        ),
    )
    z_halvings: int = field(
        default=2,
        metadata=span(
            0,
            5,
            "Halvings of the resolution from plane to plane, at most one more than "
            "depth: fewer where planes lie further apart than pixels.",
        ),
    )
    norm: str = field(default="weights", metadata=NORMS)

    def __post_init__(self) -> None:
        check_params(self)
        if self.z_halvings > self.depth + 1:
            raise ValueError(
                f"z_halvings must be at most depth + 1 = {self.depth + 1}, got "
                f"{self.z_halvings}."
            )


class UNet3D(UNet):
    """Label all pixels of a box, seeing the planes before and after each.

    The halvings along z are those at the coarsest levels. A patch has as many planes
    as make it as wide at the coarsest level as it is high: ``patch_px`` divided by
    2 for each halving that z leaves out.
    """

    Params: ClassVar[type] = UNet3DParams
    title = "U-Net for volumes"
    summary = (
        "Looks at the planes of a volume together. For stacks whose planes show "
        "the same objects; slower than the U-Net, which labels plane by plane."
    )
    default_patch_px = 64
    default_batch_size = 2
    ndim = 3
    tile_shape = (128, 256, 256)
    _maps_at_once = 3
    params: UNet3DParams  # type: ignore[assignment]

    @property
    def _strides(self) -> tuple[Shape, ...]:
        n, z = self.params.depth + 1, self.params.z_halvings
        return ((1, 2, 2),) * (n - z) + ((2, 2, 2),) * z

    @property
    def patch_shape(self) -> Shape:
        """Planes, rows and columns of a training patch."""
        left_out = self.params.depth + 1 - self.params.z_halvings
        return (self.patch_px >> left_out, self.patch_px, self.patch_px)
