"""What the flow can be told, and how its network is laid out."""

from dataclasses import dataclass, field

from napari_segen.cnn.network import Network
from napari_segen.cnn.unet import UNet, UNetParams
from napari_segen.cnn.unet3d import UNet3D, UNet3DParams
from napari_segen.core.parameters import check_params, choice, span
from napari_segen.generation.flow_path import N_TIME_MAPS

# A box of a volume is wider than high by this power of 2, as its planes are fewer.
_FLAT = 2
# Pixels of its sides at the coarsest level: where there are 2 x 2 x 2, oneDNN's
# gradients of bfloat16 convolutions hold what was in the memory before.
_LEAST_COARSE = 4


@dataclass(frozen=True, slots=True)
class FlowParams:
    """The network, how it is trained, and how images are made with it."""

    filters: int = field(
        default=32,
        metadata=span(
            4,
            128,
            "Filters at the finest level, half as many for volumes; more can learn "
            "more, more slowly.",
        ),
    )
    depth: int = field(
        default=2,
        metadata=span(
            1,
            4,
            "Halvings of the resolution, at most 2 for volumes; deeper sees a wider "
            "surrounding.",
        ),
    )
    patch_px: int = field(
        default=96,
        metadata=span(
            8,
            512,
            "Side of a training patch in pixels, two thirds of it for volumes, but "
            "at least 16 to 32: things that are larger are not learnt as a whole.",
        ),
    )
    batch_size: int = field(
        default=4,
        metadata=span(
            1,
            128,
            "Patches in each training step, a quarter of them for volumes; few make "
            "more steps in the same time, which counts for more.",
        ),
    )
    learning_rate: float = field(
        default=2e-3, metadata=span(1e-6, 1.0, "Size of a training step (Adam).")
    )
    flips: str = field(
        default="all",
        metadata=choice(
            ("all", "none"),
            "all: also learn from mirrored and turned patches; none: where up and "
            "left mean something.",
        ),
    )
    renewal: float = field(
        default=0.6,
        metadata=span(
            0.1,
            1.0,
            "Where cells fill the image, how much of those that a new label map is "
            "put together from is made anew: 1 everything; less keeps more of what "
            "is in them, such as organelles, and copies more.",
        ),
    )
    sampling_steps: int = field(
        default=12,
        metadata=span(
            1, 200, "Steps from noise to image; few are fast, more change little."
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)
        multiple = 2 ** (self.depth + 1)
        if self.patch_px % multiple:
            raise ValueError(
                f"patch_px must be a multiple of {multiple} with depth={self.depth}, "
                f"got {self.patch_px}."
            )


def planned(params: FlowParams, ndim: int, n_image: int, n_kinds: int) -> Network:
    """Lay out the network for images of `ndim` axes of space.

    Parameters
    ----------
    params : FlowParams
    ndim : int
        2 or 3.
    n_image : int
        Channels of the image.
    n_kinds : int
        Maps that tell the network of the labels.
    """
    n_inputs = n_image + n_kinds + N_TIME_MAPS
    if ndim == 2:
        layout = UNetParams(filters=params.filters, depth=params.depth)
        return UNet(layout, n_inputs, n_image, params.patch_px)
    depth = min(params.depth, 2)
    volume = UNet3DParams(
        filters=max(4, params.filters // 2), depth=depth, z_halvings=depth + 1 - _FLAT
    )
    multiple = 2 ** (depth + 1)
    least = _LEAST_COARSE * multiple
    side = max(least, 2 * params.patch_px // (3 * multiple) * multiple)
    return UNet3D(volume, n_inputs, n_image, side)
