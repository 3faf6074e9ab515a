"""What is painted, frame by frame and at any resolution."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.scribbles import Samples, classes_in, framed_samples
from napari_segen.core.sparse import SparseLabels

MAX_VALUE = 255


@dataclass(frozen=True, slots=True)
class Painted:
    """The labelled pixels of all frames that have any.

    Parameters
    ----------
    frames : tuple of int
    samples : tuple of Samples
        Those of each frame.
    digest : bytes
        Tells them from others.
    """

    frames: tuple[int, ...]
    samples: tuple[Samples, ...]
    digest: bytes

    @classmethod
    def on(cls, labels: Array | SparseLabels, spec: ImageSpec) -> "Painted":
        """Read scribbles with the axes of `spec` but channels.

        They may be painted on meanwhile: what was read is what counts.
        """
        found = framed_samples(labels, spec)
        frames, samples = tuple(found), tuple(found.values())
        digest = hashlib.sha256(repr(frames).encode())
        for s in samples:
            for array in (s.positions, s.values):
                digest.update(np.ascontiguousarray(array).data)
        return cls(frames, samples, digest.digest())

    def check(self, known: Iterable[int] = ()) -> None:
        """Raise ValueError unless there is something to learn; `known` classes are."""
        values = sorted({*classes_in(self.samples).tolist(), *known})
        if len(values) < 2:
            only = f": only class {values[0]} is painted" if len(values) else ""
            raise ValueError(f"Paint strokes of two classes{only}.")
        if values[-1] > MAX_VALUE:
            raise ValueError(
                f"Live shows class values up to {MAX_VALUE}, but {values[-1]} is "
                "painted. Number the classes from 1, or press Run."
            )

    def at_level(self, level: int, shape: tuple[int, ...]) -> list[Samples]:
        """Return the samples as they are where y and x were halved `level` times.

        Where several fall on one pixel it gets the class of most of them. `shape` is
        that of a frame at this level.
        """
        if level == 0:
            return list(self.samples)
        return [_coarse(s, level, shape) for s in self.samples]


def _coarse(samples: Samples, level: int, shape: tuple[int, ...]) -> Samples:
    positions = samples.positions.copy()
    positions[:, -2:] >>= level
    place = np.ravel_multi_index(tuple(positions.T), shape)
    rows = np.stack([place, samples.values, samples.strokes], axis=1)
    found, counts = np.unique(rows, axis=0, return_counts=True)
    order = np.lexsort((-counts, found[:, 0]))
    _, first = np.unique(found[order, 0], return_index=True)
    kept = found[order[first]]
    at: npt.NDArray[np.intp] = np.stack(np.unravel_index(kept[:, 0], shape), axis=1)
    return Samples(at, kept[:, 1], kept[:, 2])
