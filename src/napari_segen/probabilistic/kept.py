"""The strokes that a model has learnt from, kept with their features.

New strokes are added to them on another day, without the images that they are on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization, Range
from napari_segen.core.scribbles import Samples, classes_in
from napari_segen.core.steps import Steps
from napari_segen.features.bank import FilterBank
from napari_segen.features.families import TEXTURE
from napari_segen.probabilistic.classifier import check_array
from napari_segen.probabilistic.labelled import LabelledFrame
from napari_segen.probabilistic.samples import TrainingSet

PREFIX = "strokes_"
MAX_FRAME = 2**62
# Besides the features, which are float32.
TYPES: dict[str, Any] = {
    "values": np.int64,
    "positions": np.int32,
    "strokes": np.int32,
    "frame": np.int32,
}


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """What is known of a frame without its values.

    Parameters
    ----------
    samples : Samples
        Its labelled pixels whose features are known.
    shape : tuple of int
        ``(*S)``.
    range : pair of arrays of shape (C,)
        Its `channel_range`.
    digest : str
        Its `frame_digest`.
    features : float32 array of shape (M, F)
    texture : float32 array of shape (M, T), or None
        Their texture energy, if that is known.
    """

    samples: Samples
    shape: tuple[int, ...]
    range: Range
    digest: str
    features: Array
    texture: Array | None

    @property
    def knows_texture(self) -> bool:
        """Whether texture energy is to be had."""
        return self.texture is not None

    def labelled(self) -> LabelledFrame:
        """Return it as what is learnt from."""
        return LabelledFrame(self, self.samples)

    def features_steps(
        self, positions: npt.NDArray[np.intp], scale: Normalization, bank: FilterBank
    ) -> Steps[Array]:
        """Look up the features ``(M, F)``, or the texture if `bank` is for that alone.

        `scale` and `bank` must be those by which they were computed.
        """
        yield from ()
        known = np.ravel_multi_index(tuple(self.samples.positions.T), self.shape)
        wanted = np.ravel_multi_index(tuple(positions.T), self.shape)
        order = np.argsort(known)
        rows = order[np.searchsorted(known, wanted, sorter=order)]
        table = self.texture if bank.features == (TEXTURE,) else self.features
        assert table is not None
        wanted_rows: Array = table[rows]
        return wanted_rows

    def as_json(self) -> dict[str, Any]:
        """Return what is not in arrays."""
        low, span = self.range
        shape = [int(n) for n in self.shape]
        ends = {"low": low.tolist(), "span": span.tolist()}
        return {"digest": self.digest, "shape": shape, **ends}


@dataclass(frozen=True, slots=True)
class KeptStrokes:
    """The labelled pixels that a model has learnt from.

    Parameters
    ----------
    frames : tuple of KeptFrame
    """

    frames: tuple[KeptFrame, ...]

    @classmethod
    def of(
        cls,
        frames: Sequence[LabelledFrame],
        samples: TrainingSet,
        texture: Array | None,
    ) -> Self:
        """Keep what a fit has learnt from.

        Parameters
        ----------
        frames : sequence of LabelledFrame
        samples : TrainingSet
            What was made of their pixels, in this order.
        texture : float32 array of shape (M, T), or None
        """
        ends = np.cumsum([len(f.samples.values) for f in frames])[:-1]
        features = np.split(samples.features, ends)
        energy: Sequence[Array | None] = [None] * len(frames)
        if texture is not None:
            energy = np.split(texture, ends)
        kept = []
        for frame, rows, more in zip(frames, features, energy, strict=True):
            own, origin = frame.samples, frame.origin
            numbers = np.unique(own.strokes, return_inverse=True)[1]
            painted = Samples(own.positions, own.values, numbers)
            about = (origin.shape, origin.range, origin.digest)
            kept.append(KeptFrame(painted, *about, rows, more))
        return cls(tuple(kept))

    @property
    def n_strokes(self) -> int:
        """How many strokes they are."""
        return sum(len(np.unique(f.samples.strokes)) for f in self.frames)

    @property
    def classes(self) -> list[int]:
        """The class values, ascending."""
        return [int(v) for v in classes_in([f.samples for f in self.frames])]

    def __str__(self) -> str:
        frame = "volume" if len(self.frames[0].shape) == 3 else "plane"
        counts = ((self.n_strokes, "stroke"), (len(self.frames), frame))
        return " on ".join(f"{n} {word}{'s' * (n != 1)}" for n, word in counts)

    def as_json(self) -> list[dict[str, Any]]:
        """Return what is known of the frames as JSON values."""
        return [f.as_json() for f in self.frames]

    def as_arrays(self) -> dict[str, Array]:
        """Return the arrays by name; `from_archive` reads them back."""
        samples = [f.samples for f in self.frames]
        counts = [len(s.values) for s in samples]
        found: dict[str, Array] = {
            "values": np.concatenate([s.values for s in samples]),
            "positions": np.concatenate([s.positions for s in samples]),
            "strokes": np.concatenate([s.strokes for s in samples]),
            "frame": np.repeat(np.arange(len(samples)), counts),
        }
        found = {k: v.astype(TYPES[k]) for k, v in found.items()}
        found["features"] = np.concatenate([f.features for f in self.frames])
        texture = [f.texture for f in self.frames if f.texture is not None]
        if len(texture) == len(self.frames):
            found["texture"] = np.concatenate(texture)
        return {PREFIX + k: v for k, v in found.items()}

    @classmethod
    def from_archive(
        cls,
        table: Sequence[Mapping[str, Any]],
        arrays: Mapping[str, Array],
        n_channels: int,
        n_features: int,
        n_texture: int,
        classes: Array,
    ) -> Self:
        """Read what `as_json` and `as_arrays` wrote.

        Parameters
        ----------
        table : sequence of mappings
        arrays : mapping
            Those of the whole file.
        n_channels : int
            Channels that are looked at.
        n_features, n_texture : int
            F and T.
        classes : int array of shape (K,)
            The model's.

        Raises
        ------
        ValueError
            Where they are not what a fit could have left.
        """
        own = {
            k.removeprefix(PREFIX): v for k, v in arrays.items() if k.startswith(PREFIX)
        }
        _check_arrays(own, n_features, n_texture)
        if not np.array_equal(np.unique(own["values"]), classes):
            raise ValueError("array 'strokes_values' has other classes than the model.")
        numbers = own["frame"]
        if (np.diff(numbers) < 0).any() or numbers[-1] >= len(table):
            raise ValueError("array 'strokes_frame' does not count up the frames.")
        ends = np.searchsorted(numbers, np.arange(1, len(table)))
        parts = {k: np.split(v, ends) for k, v in own.items()}
        return cls(
            tuple(
                _frame(entry, {k: v[i] for k, v in parts.items()}, n_channels)
                for i, entry in enumerate(table)
            )
        )


def _check_arrays(own: Mapping[str, Array], n_features: int, n_texture: int) -> None:
    check_array(f"{PREFIX}features", own.get("features"), (None, n_features))
    m = len(own["features"])
    for name, dtype in TYPES.items():
        array, ndim = own.get(name), 1 + (name == "positions")
        fits = array is not None and array.dtype == dtype and array.ndim == ndim
        if array is None or not fits or len(array) != m or array.min() < 0:
            raise ValueError(
                f"array '{PREFIX}{name}' must be {np.dtype(dtype)}, not negative, and "
                f"have an entry for each of {m} pixels."
            )
    if "texture" in own:
        check_array(f"{PREFIX}texture", own["texture"], (m, n_texture))


def _frame(
    entry: Mapping[str, Any], own: Mapping[str, Array], n_channels: int
) -> KeptFrame:
    shape = tuple(entry["shape"])
    low, span = (np.array(entry[k], float) for k in ("low", "span"))
    positions = own["positions"]
    whole = all(type(n) is int and n > 0 for n in shape)
    if not whole or math.prod(shape) > MAX_FRAME:
        raise ValueError(f"a frame of the kept strokes has shape {shape}.")
    if positions.shape[1:] != (len(shape),) or (positions >= shape).any():
        raise ValueError("array 'strokes_positions' leaves its frame.")
    if not low.shape == span.shape == (n_channels,) or not (
        np.isfinite(low).all() and np.isfinite(span).all() and (span >= 0).all()
    ):
        raise ValueError(f"a frame of the kept strokes needs {n_channels} ranges.")
    if not isinstance(entry["digest"], str):
        raise TypeError("the digest of a frame of the kept strokes is no text.")
    painted = Samples(
        positions.astype(np.intp), own["values"], own["strokes"].astype(np.int64)
    )
    about = (shape, (low, span), entry["digest"])
    return KeptFrame(painted, *about, own["features"], own.get("texture"))
