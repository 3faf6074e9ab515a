"""From layers to arrays: pixels, the meaning of the axes, the place in the world."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.transforms import Affine

from napari_segen.core.imagespec import CHANNEL, SPACE, Array, ImageSpec

AXIS_WORDS = {"z": "depth", "t": "time", "n": "separate images", "c": "channels"}

# The posterior of so many pixels and three classes takes 1.6 GB. Besides, napari draws
# no more than 16 384 rows or columns of a layer of one resolution.
MOST_PIXELS = 2**27

# From one image to the next beside it, in widths.
GAP = 1.05

# Asked once for each stack, whichever dock asks.
_chosen_axes: "WeakKeyDictionary[Layer, str]" = WeakKeyDictionary()


def level_zero(layer: Layer) -> Any:
    """Return the layer's data at full resolution; lazy data stay lazy."""
    # np.asarray(layer.data) of a multiscale layer would be its smallest level.
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def axes_choices(layer: Image | Labels) -> list[tuple[str, str]]:
    """List what the axes of a layer may be, as words for a person and letters.

    A plain 2D or RGB image leaves no choice: one entry. Labels have no channels.
    """
    color = CHANNEL if _is_rgb(layer) else ""
    n_lead = layer.ndim - 2
    letters = "ztn" if _is_rgb(layer) or isinstance(layer, Labels) else "ztnc"
    leads = ["".join(p) for p in permutations(letters, n_lead)]
    # Depth is an axis of a volume: beside y and x, behind whatever else there is.
    leads = [lead for lead in leads if "z" not in lead or lead[-1] == "z"]
    return [(_in_words(lead), f"{lead}yx{color}") for lead in leads]


def _is_rgb(layer: Image | Labels) -> bool:
    return bool(getattr(layer, "rgb", False))


def _in_words(lead: str) -> str:
    return ", ".join(AXIS_WORDS[letter] for letter in lead) or "one plane"


def remember_axes(layer: Image | Labels, axes: str) -> None:
    """Keep the user's answer about a stack."""
    _chosen_axes[layer] = axes


def axes_of(layer: Image | Labels) -> str | None:
    """Return the letters of the layer's axes, or None where the user must say them.

    Known are plain images, stacks about which the user was asked before, and stacks
    whose axis labels are letters of ours.
    """
    possible = [axes for _, axes in axes_choices(layer)]
    if len(possible) == 1:
        return possible[0]
    if (chosen := _chosen_axes.get(layer)) in possible:
        return chosen
    named = "".join(str(a).lower()[:1] for a in layer.axis_labels)
    named += CHANNEL if _is_rgb(layer) else ""
    return named if named in possible else None


def spec_of(layer: Image | Labels, axes: str) -> ImageSpec:
    """Describe the axes of a layer, with the pixel size from its scale."""
    dims = [i for i, a in enumerate(axes[: layer.ndim]) if a in SPACE]
    size = tuple(abs(float(layer.scale[i])) or 1.0 for i in dims)
    return ImageSpec(axes, size, str(layer.units[dims[-1]]))


def image_shape(layer: Layer) -> tuple[int, ...]:
    """Shape of the layer's array at full resolution, channels of RGB included."""
    return tuple(int(n) for n in level_zero(layer).shape)


def is_huge(label_shape: Sequence[int]) -> bool:
    """Tell whether labels of this shape are too many to be held as one array.

    Their strokes are sparse then, and results are written to a file part by part.
    """
    return math.prod(label_shape) > MOST_PIXELS


def placement(layer: Layer, axes: str | None = None) -> dict[str, Any]:
    """Return the attributes that put a new layer where `layer` is.

    Parameters
    ----------
    layer : Layer
    axes : str, optional
        The letters of its axes; if given, the place is that of labels, without the
        channel axis.
    """
    keep = list(range(layer.ndim))
    if axes is not None:
        keep = [i for i in keep if axes[i] != CHANNEL]
    own = layer if len(keep) == layer.ndim else _own_transform(layer).set_slice(keep)
    return {
        "scale": own.scale,
        "translate": own.translate,
        "rotate": own.rotate,
        "shear": _shear(own.shear, len(keep)),
        "affine": layer.affine.set_slice(keep),
        "units": tuple(layer.units[i] for i in keep),
        "axis_labels": tuple(layer.axis_labels[i] for i in keep),
    }


def _own_transform(layer: Layer) -> Affine:
    n = layer.ndim
    return Affine(
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=_shear(layer.shear, n),
    )


def _shear(shear: Array, n: int) -> Array:
    """Return what napari accepts: where there is none it hands out n zeros."""
    shear = np.asarray(shear)
    return shear if shear.any() else np.zeros(n * (n - 1) // 2)


@dataclass(frozen=True)
class Source:
    """What is remembered of a layer while a job works on it.

    The layer may be renamed or removed meanwhile; the result is then placed and named
    after what it was.
    """

    layer: "ref[Image | Labels]"
    data: Any
    axes: str
    spec: ImageSpec
    shape: tuple[int, ...]
    label_placement: dict[str, Any]
    image_placement: dict[str, Any]
    first_name: str
    path: str | None = None

    @classmethod
    def of(cls, layer: Image | Labels, axes: str) -> "Source":
        """Remember `layer`, whose axes are `axes`."""
        return cls(
            ref(layer),
            level_zero(layer),
            axes,
            spec_of(layer, axes),
            image_shape(layer),
            placement(layer, axes),
            placement(layer),
            layer.name,
            layer.source.path,
        )

    @property
    def is_huge(self) -> bool:
        """Whether its labels are too many for one array, see `is_huge`."""
        return is_huge(self.spec.label_shape(self.shape))

    @property
    def name(self) -> str:
        """The layer's name now, or its last known."""
        layer = self.layer()
        return self.first_name if layer is None else layer.name


def beside(source: Source) -> tuple[float, ...]:
    """Upper left corner, y and x, for images beside their source, not over it."""
    if not source.label_placement:
        return (0.0, 0.0)
    y, x = (float(t) for t in source.label_placement["translate"][-2:])
    width = source.spec.label_shape(source.shape)[-1] * source.spec.sampling[-1]
    return (y, x + GAP * width)


def mismatch(image: Image, axes: str, labels: Labels) -> str:
    """Say why `labels` cannot belong to `image`; empty if they can."""
    wanted = spec_of(image, axes).label_shape(image_shape(image))
    got = image_shape(labels)
    if wanted == got:
        return ""
    return (
        f"The labels “{labels.name}” have the shape {_by(got)}, but the image "
        f"“{image.name}” needs {_by(wanted)}. Choose others."
    )


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
