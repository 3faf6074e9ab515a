"""Frames of an image that is not in memory, and a model that labels parts of them."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.checks import check_axes_and_channels
from napari_segen.core.imagespec import CHANNEL, FRAME, SPACE, Array, ImageSpec
from napari_segen.core.labels import Segmentation
from napari_segen.core.normalization import Normalization, Range
from napari_segen.core.steps import Steps
from napari_segen.core.tiles import Reach, Slices, Tile, tile_grid
from napari_segen.scale.ranges import range_steps
from napari_segen.scale.tasks import SharedModel
from napari_segen.workflows.files import write_json

# Of grey values and posterior of a part without its halo, as float32.
PART_BYTES = 2**27
OWN_RANGE = ("auto", "image")


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of an array that is read in parts.

    Parameters
    ----------
    array : array-like
        Of Zarr, Dask or NumPy: it has a shape and a dtype, and can be sliced.
    axes : str
        One letter per axis of `array`.
    spec : ImageSpec
        Its axes without those of length one that the model does not know.
    """

    array: Any
    axes: str
    spec: ImageSpec

    @classmethod
    def seen_by(cls, model: Any, array: Any, spec: ImageSpec) -> "Frames":
        """Check that a fitted model can label an array of these axes."""
        spec.check_shape(array.shape)
        if 0 in array.shape:
            raise ValueError(f"image is empty: its shape is {array.shape}.")
        if np.dtype(array.dtype).kind not in "buif":
            raise TypeError(f"image must hold real numbers, got dtype {array.dtype}.")
        frames = cls.of(array, spec, model.spec_.axes)
        check_axes_and_channels(frames.kept_shape, frames.spec, model.n_channels_)
        return frames

    @classmethod
    def of(cls, array: Any, spec: ImageSpec, known: str = "") -> "Frames":
        """Leave out axes of length one, but for rows, columns, and those in `known`."""
        lengths = zip(spec.axes, array.shape, strict=True)
        axes = "".join(a for a, n in lengths if n > 1 or a in "yx" + known)
        size = dict(zip(spec.space_axes, spec.sampling, strict=True))
        pixel_size = spec.pixel_size and tuple(size[a] for a in axes if a in SPACE)
        return cls(array, spec.axes, ImageSpec(axes, pixel_size, spec.unit))

    @property
    def lengths(self) -> dict[str, int]:
        """Length of each axis of the array."""
        return dict(zip(self.axes, self.array.shape, strict=True))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(*S)`` of a frame."""
        return tuple(self.lengths[a] for a in self.spec.space_axes)

    @property
    def kept_shape(self) -> tuple[int, ...]:
        """Shape of the array along the axes of `spec`."""
        return tuple(self.lengths[a] for a in self.spec.axes)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of the labels: that of the array without channels."""
        return tuple(self.lengths[a] for a in self.label_axes)

    def places(self) -> list[dict[str, int]]:
        """List the frames, each as its index along each axis that tells them apart."""
        letters = [a for a in self.spec.axes if a in FRAME]
        lengths = [self.lengths[a] for a in letters]
        return [
            dict(zip(letters, index, strict=True)) for index in np.ndindex(*lengths)
        ]

    @property
    def label_axes(self) -> str:
        """The axes of the labels: those of the array without channels."""
        return self.axes.replace(CHANNEL, "")

    def part(self, place: dict[str, int], window: Slices) -> Any:
        """Return a part ``(C, *window)`` of a frame, as the array slices itself."""
        part = self.array[self._index(self.axes, place, window)]
        letters = [a for a in self.axes if a in self.spec.axes and a not in FRAME]
        if CHANNEL not in letters:
            return part[np.newaxis]
        channel = letters.index(CHANNEL)
        rest = [i for i in range(len(letters)) if i != channel]
        return part.transpose(channel, *rest)

    def read(self, place: dict[str, int], window: Slices) -> Array:
        """Read a part ``(C, *window)`` of a frame."""
        try:
            return np.asarray(self.part(place, window))
        # Decoders say in their own ways that a chunk is damaged.
        except (RuntimeError, ValueError, TypeError, KeyError) as err:
            where = ", ".join(
                f"{a} {s.start} to {s.stop - 1}"
                for a, s in zip(self.spec.space_axes, window, strict=True)
            )
            raise ValueError(f"the image cannot be read at {where} ({err}).") from err

    def label_index(self, place: dict[str, int], window: Slices) -> tuple[Any, ...]:
        """Return where labels of a part of a frame go, in those of the array."""
        return self._index(self.label_axes, place, window)

    def label_chunks(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of parts of frames as that of chunks of the labels."""
        length = dict(zip(self.spec.space_axes, shape, strict=True))
        return tuple(length.get(a, 1) for a in self.label_axes)

    def _index(
        self, axes: str, place: dict[str, int], window: Slices
    ) -> tuple[Any, ...]:
        along = dict(zip(self.spec.space_axes, window, strict=True))
        channels = {CHANNEL: slice(None)} if CHANNEL in self.spec.axes else {}
        known = place | along | channels
        return tuple(known.get(letter, 0) for letter in axes)


def part_shape(frames: Frames, reach: Reach, n_classes: int) -> tuple[int, ...]:
    """Choose the shape of parts: at most `PART_BYTES`, on the model's multiples.

    But at least as long as the halo, where the frame is: thinner parts would mostly
    compute halos.
    """
    channels = frames.lengths.get(CHANNEL, 1)
    pixels = PART_BYTES / (4 * (channels + n_classes))
    shape = np.array(frames.shape)
    # Powers of two: so are the chunks of most images.
    side = 2 ** int(np.log2(pixels) / len(shape))
    sides = np.minimum(np.maximum(side, reach.halo), shape)
    # What a short axis leaves over goes to the last two.
    over = 2 ** max(int(np.log2(pixels / np.prod(sides)) / 2), 0)
    sides[-2:] = np.minimum(sides[-2:] * over, shape[-2:])
    multiple = np.array(reach.multiple)
    return tuple((-(-sides // multiple) * multiple).tolist())


@dataclass(frozen=True, slots=True)
class PartLabeller:
    """A fitted model that labels parts of one frame as it does the whole.

    Parameters
    ----------
    model : fitted segmenter
        Which scales grey values as the frame's range says.
    spec : ImageSpec
        Axes of a part ``(C, *S)``.
    """

    model: Any
    spec: ImageSpec

    @classmethod
    def of(cls, model: Any, spec: ImageSpec, known: Range | None) -> "PartLabeller":
        """Fix the scale of a frame of the range `known`; None: it needs none."""
        low, span = scale_of(model, known)
        fixed = Normalization("training", low, span)
        axes = CHANNEL + spec.space_axes
        part = ImageSpec(axes, spec.pixel_size, spec.unit)
        return cls(model.with_normalization(fixed), part)

    def posterior_steps(self, values: Array, tile: Tile) -> Steps[Array]:
        """Do what `steps` does, for the posterior ``(K, *core)`` alone."""
        found = yield from self.model.predict_proba_steps(values, spec=self.spec)
        core: Array = found[:, *tile.inner]
        return core

    def steps(self, values: Array, tile: Tile) -> Steps[Segmentation]:
        """Label the core of a tile, whose padded values ``(C, *S)`` are given."""
        found = yield from self.model.segment_steps(values, spec=self.spec)
        return Segmentation(
            found.posterior[:, *tile.inner],
            found.labels[tile.inner],
            found.uncertainty[tile.inner],
        )


def check_labels_classes(model: Any) -> None:
    """Raise ValueError where a model's labels are objects, not classes."""
    if getattr(model, "task", "classes") != "classes":
        raise ValueError(
            "the model tells objects apart, which reach from part to part: use "
            "find_objects_omezarr, or a model that labels classes."
        )


def needs_range(model: Any) -> bool:
    """Tell whether each image is scaled by its own percentiles."""
    return model.normalization_.mode in OWN_RANGE


def scale_of(model: Any, known: Range | None) -> Range:
    """Return what to subtract and divide by for a frame of the range `known`."""
    blank = np.zeros((1, model.n_channels_, *(1,) * model.spec_.n_space))
    scale: Range = model.normalization_.scale_of(model.seen_channels(blank)[0], known)
    return scale


def frame_range_steps(
    model: SharedModel,
    frames: Frames,
    place: dict[str, int],
    shape: tuple[int, ...],
    client: Any = None,
) -> Steps[Range | None]:
    """Find a frame's range in parts of `shape`; None where the model needs none."""
    if not needs_range(model.get()):
        return None
    seen = _Seen(model, frames, place).part
    tiles = tile_grid(frames.shape, shape, (0,) * len(shape))
    return (yield from range_steps([partial(seen, tile) for tile in tiles], client))


@dataclass(frozen=True, slots=True)
class _Seen:
    """Reads what a model sees of parts of a frame."""

    model: SharedModel
    frames: Frames
    place: dict[str, int]

    def part(self, tile: Tile) -> Array:
        values = self.frames.read(self.place, tile.core)
        part: Array = self.model.get().seen_channels(values[np.newaxis])[0]
        return part


def kept_range_steps(path: Path, steps: Steps[Range | None]) -> Steps[Range | None]:
    """Take a frame's range from a file, or find it by `steps` and write that."""
    if path.exists():
        kept = json.loads(path.read_bytes())["range"]
        return kept and (np.array(kept[0]), np.array(kept[1]))
    known = yield from steps
    write_json(path, {"range": known and [values.tolist() for values in known]})
    return known
