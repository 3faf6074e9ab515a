"""Which axis of an array is space, channel, time or separate images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SPACE = "zyx"
FRAME = "tn"
CHANNEL = "c"
# OME-Zarr and BioImage.IO spell out what TIFF abbreviates, and an `ImageSpec`.
SHORT_UNITS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm"}
# Files round: ImageJ writes pixels per unit as a fraction.
_ROUNDED = 0.01
_MOST_LISTED = 5  # frames

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The meaning of an image's axes, and its pixel size.

    Parameters
    ----------
    axes : str
        One letter per array axis, each at most once: ``z y x`` space, ``c``
        channels, ``t`` time, ``n`` separate images. At least ``y`` and ``x``.
    pixel_size : tuple of float, optional
        Size of a pixel along each *spatial* axis, in the order of `axes`;
        None means 1 along each.
    unit : str
        Unit of `pixel_size`.
    """

    axes: str
    pixel_size: tuple[float, ...] | None = None
    unit: str = "pixel"

    def __post_init__(self) -> None:
        if not isinstance(self.axes, str):
            raise TypeError(f"axes must be a string, got {self.axes!r}.")
        if unknown := set(self.axes) - set(SPACE + FRAME + CHANNEL):
            raise ValueError(
                f"axes may use the letters z y x c t n, got {sorted(unknown)} in "
                f"{self.axes!r}."
            )
        if len(set(self.axes)) != len(self.axes):
            raise ValueError(f"axes must not repeat a letter, got {self.axes!r}.")
        if not {"y", "x"} <= set(self.axes):
            raise ValueError(f"axes must contain y and x, got {self.axes!r}.")
        if not isinstance(self.unit, str):
            raise TypeError(f"unit must be a string, got {self.unit!r}.")
        self._check_pixel_size()

    def _check_pixel_size(self) -> None:
        if self.pixel_size is None:
            return
        try:
            size = tuple(float(s) for s in self.pixel_size)
        except (TypeError, ValueError) as err:
            raise TypeError(
                f"pixel_size must be a tuple of numbers, got {self.pixel_size!r}."
            ) from err
        if len(size) != self.n_space:
            raise ValueError(
                f"pixel_size needs one entry for each of the axes "
                f"{self.space_axes!r}, got {self.pixel_size!r}."
            )
        if not all(np.isfinite(s) and s > 0 for s in size):
            raise ValueError(f"pixel_size must be positive, got {self.pixel_size!r}.")
        object.__setattr__(self, "pixel_size", size)

    @property
    def space_axes(self) -> str:
        """The spatial axes in array order, such as ``"zyx"``."""
        return "".join(a for a in self.axes if a in SPACE)

    @property
    def n_space(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return len(self.space_axes)

    @property
    def channel_axis(self) -> int | None:
        """Position of the channel axis, or None."""
        return self.axes.index(CHANNEL) if CHANNEL in self.axes else None

    @property
    def sampling(self) -> tuple[float, ...]:
        """Pixel size along each spatial axis, 1 where none was given."""
        return self.pixel_size or (1.0,) * self.n_space

    @property
    def label_axes(self) -> str:
        """The axes of labels and scribbles: those of the image without channels."""
        return self.axes.replace(CHANNEL, "")

    def label_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the labels of an image of `shape`."""
        self.check_shape(shape)
        return tuple(n for a, n in zip(self.axes, shape, strict=True) if a != CHANNEL)

    def n_channels(self, shape: tuple[int, ...]) -> int:
        """Return the number of channels of an image of `shape`."""
        return 1 if self.channel_axis is None else shape[self.channel_axis]

    def check_shape(self, shape: tuple[int, ...], name: str = "image") -> None:
        """Raise ValueError unless an array of `shape` can have these axes."""
        if len(shape) != len(self.axes):
            raise ValueError(
                f"{name} has {len(shape)} axes (shape {shape}), but spec says "
                f"{self.axes!r}. Pass a spec with one letter per axis."
            )

    def frames(self, image: Array) -> Array:
        """Rearrange an image of these axes to ``(N, C, *S)``; a view where possible."""
        self.check_shape(image.shape)
        if self.channel_axis is None:
            moved = image[..., np.newaxis]
            axes = self.axes + CHANNEL
        else:
            moved, axes = image, self.axes
        order = [
            *_positions(axes, FRAME),
            axes.index(CHANNEL),
            *_positions(axes, SPACE),
        ]
        moved = moved.transpose(order)
        n_frame_axes = len(_positions(axes, FRAME))
        return moved.reshape(-1, *moved.shape[n_frame_axes:])

    def label_frames(self, labels: Array) -> Array:
        """Rearrange labels of `label_axes` to ``(N, *S)``; a view where possible."""
        if labels.ndim != len(self.label_axes):
            raise ValueError(
                f"labels have {labels.ndim} axes, expected {self.label_axes!r}."
            )
        axes = self.label_axes
        frame_axes = _positions(axes, FRAME)
        moved = labels.transpose([*frame_axes, *_positions(axes, SPACE)])
        return moved.reshape(-1, *moved.shape[len(frame_axes) :])

    def unframe(self, frames: Array, label_shape: tuple[int, ...]) -> Array:
        """Put ``(..., N, *S)`` back to the axes of labels of `label_shape`."""
        axes = self.label_axes
        order = [*_positions(axes, FRAME), *_positions(axes, SPACE)]
        ahead = frames.shape[: frames.ndim - 1 - self.n_space]
        stacked = frames.reshape([*ahead, *(label_shape[i] for i in order)])
        n = len(ahead)
        return stacked.transpose([*range(n), *(n + i for i in np.argsort(order))])

    def label_position(
        self, frame: int, position: Sequence[int], label_shape: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Return the index into labels of `label_shape` of a frame's pixel.

        Parameters
        ----------
        frame : int
            Which frame, as `label_frames` numbers them.
        position : sequence of int
            The pixel within the frame, one number for each spatial axis.
        """
        axes = self.label_axes
        frame_axes = _positions(axes, FRAME)
        place = np.unravel_index(frame, [label_shape[i] for i in frame_axes] or (1,))
        known = dict(zip(frame_axes, map(int, place), strict=False))
        known |= dict(zip(_positions(axes, SPACE), map(int, position), strict=True))
        return tuple(known[i] for i in range(len(axes)))

    def frame_position(
        self, position: Sequence[int], label_shape: tuple[int, ...]
    ) -> tuple[int, tuple[int, ...]]:
        """Return frame and pixel of an index into labels; undoes `label_position`."""
        axes = self.label_axes
        frame_axes = _positions(axes, FRAME)
        place = [int(position[i]) for i in frame_axes] or [0]
        lengths = [label_shape[i] for i in frame_axes] or [1]
        pixel = tuple(int(position[i]) for i in _positions(axes, SPACE))
        return int(np.ravel_multi_index(place, lengths)), pixel

    def unframe_image(self, frames: Array, shape: tuple[int, ...]) -> Array:
        """Put ``(N, C, *S)`` back to an image of these axes and `shape`."""
        if self.channel_axis is None:
            return self.unframe(frames[:, 0], shape)
        label_shape = self.label_shape(shape)
        channels = [
            self.unframe(frames[:, c], label_shape) for c in range(frames.shape[1])
        ]
        return np.stack(channels, axis=self.channel_axis)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; `from_json` reads them back."""
        size = None if self.pixel_size is None else list(self.pixel_size)
        return {"axes": self.axes, "pixel_size": size, "unit": self.unit}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ImageSpec":
        """Read what `as_json` wrote."""
        size = data["pixel_size"]
        return cls(data["axes"], None if size is None else tuple(size), data["unit"])


def _positions(axes: str, wanted: str) -> list[int]:
    return [i for i, a in enumerate(axes) if a in wanted]


def same_sizes(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether pixels are equally large along each axis, but for what files round."""
    return np.allclose(one, other, rtol=_ROUNDED, atol=0)


def frames_in_words(chosen: Sequence[int], n_frames: int) -> str:
    """Say which of a series' frames are meant, such as ``"2 of 9 frames (0, 4)"``."""
    shown = ", ".join(map(str, chosen[:_MOST_LISTED]))
    more = ", …" if len(chosen) > _MOST_LISTED else ""
    return f"{len(chosen)} of {n_frames} frames ({shown}{more})"


def infer_spec(
    image_shape: tuple[int, ...], label_shape: tuple[int, ...] | None = None
) -> ImageSpec:
    """Say what the axes are, where the shapes leave no doubt.

    A channel axis only where the image has one axis more than the labels, and
    that axis is last with 3 or 4 entries; all others are space, at most three.

    Raises
    ------
    ValueError
        In every other case; the message names `spec`.
    """
    n_space, axes = len(image_shape), ""
    if label_shape is not None and len(label_shape) != len(image_shape):
        is_color = len(image_shape) == len(label_shape) + 1 and image_shape[-1] in (
            3,
            4,
        )
        if not is_color:
            raise ValueError(
                f"cannot tell the axes of an image of shape {image_shape} with labels "
                f"of shape {label_shape}. Say them with spec=ImageSpec(axes=...)."
            )
        n_space, axes = len(label_shape), CHANNEL
    if not 2 <= n_space <= 3:
        raise ValueError(
            f"an image needs 2 or 3 spatial axes, got shape {image_shape}. Say which "
            "axes are time, channels or separate images with spec=ImageSpec(axes=...)."
        )
    return ImageSpec(SPACE[-n_space:] + axes)
