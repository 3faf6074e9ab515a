"""What labelling an image takes, told by labelling one part of it."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import numpy as np
import psutil

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.normalization import Range
from napari_segen.core.steps import Steps
from napari_segen.core.tiles import Tile, tile_at
from napari_segen.probabilistic.lazyframe import Blocks, LazyFrame
from napari_segen.scale.omezarr.image import OmeImage
from napari_segen.scale.omezarr.segmenting import SHARE_OF_LABELLING, Labelling
from napari_segen.scale.parts import Frames, PartLabeller, needs_range
from napari_segen.scale.tasks import SharedModel
from napari_segen.workflows.cost import in_bytes, in_time

TINY_PX = 64  # what is compiled is compiled for this part, before the clock runs
COARSER_LEVELS = 4 / 3  # what they add to the finest
SPARE = 1.5  # of memory: other parts can take more, and writing takes some
WATCH_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Estimate:
    """What labelling takes.

    Parameters
    ----------
    n_pixels : int
        Of the labels.
    seconds : float
    memory_bytes : int
        At most so much besides what the process holds already.
    disk_bytes : int
        At most so much: labels are compressed.
    """

    n_pixels: int
    seconds: float
    memory_bytes: int
    disk_bytes: int

    def __str__(self) -> str:
        takes = in_time(max(self.seconds, 1))
        return (
            f"{self.n_pixels / 1e6:,.0f} megapixels: about {takes}, "
            f"{in_bytes(self.memory_bytes)} of memory, and at most "
            f"{in_bytes(self.disk_bytes)} on disk"
        )


def estimate_steps(
    model: Any, source: OmeImage, position: tuple[int, ...]
) -> Steps[Estimate]:
    """Label the part of an image around a position, and say what all of it takes.

    Parameters
    ----------
    model : fitted segmenter
    source : OmeImage
    position : tuple of int
        An index into the labels.
    """
    job = Labelling.of(model, source)
    frames = job.frames
    at = dict(zip(frames.label_axes, position, strict=True))
    place = {a: at[a] for a in frames.places()[0]}
    pixel = tuple(at[a] for a in frames.spec.space_axes)
    tile = next(t for t in job.tiles() if _holds(t, pixel))
    ends = zip(pixel, frames.shape, strict=True)
    core = tuple(slice(i, min(i + TINY_PX, n)) for i, n in ends)
    tiny = tile_at(core, frames.shape, job.reach.halo)
    with watched_memory() as rise:
        shared = SharedModel(model)
        known = yield from sampled_range_steps(shared, frames, place, job.part_shape)
        labeller = PartLabeller.of(model, frames.spec, known)
        yield from labeller.steps(frames.read(place, tiny.padded), tiny)
        began = time.perf_counter()
        values = frames.read(place, tile.padded)
        yield from labeller.steps(values, tile)
        took = time.perf_counter() - began
    n_pixels = math.prod(frames.label_shape)
    part = math.prod(s.stop - s.start for s in tile.core)
    itemsize = np.dtype(smallest_unsigned(int(model.classes_.max()))).itemsize
    return Estimate(
        n_pixels,
        took * n_pixels / part / SHARE_OF_LABELLING,
        # Freed memory that the process kept may have been used again.
        max(int(SPARE * max(rise)), _least_memory(model, values.nbytes, tile)),
        int(COARSER_LEVELS * n_pixels * itemsize),
    )


@contextmanager
def watched_memory() -> Iterator[list[int]]:
    """Note by how many bytes the process has grown, again and again."""
    process, stop = psutil.Process(), Event()
    before = process.memory_info().rss
    rise = [0]

    def watch() -> None:
        # Between two steps the most is held: it is not to be seen from there.
        while not stop.wait(WATCH_SECONDS):
            rise.append(process.memory_info().rss - before)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield rise
    finally:
        stop.set()
        watcher.join()


def _least_memory(model: Any, n_bytes: int, tile: Tile) -> int:
    """Return what a part takes at any rate: its grey values and its posterior."""
    pixels = math.prod(s.stop - s.start for s in tile.padded)
    return int(n_bytes + 4 * pixels * len(model.classes_))


def _holds(tile: Tile, pixel: tuple[int, ...]) -> bool:
    pairs = zip(tile.core, pixel, strict=True)
    return all(part.start <= i < part.stop for part, i in pairs)


def sampled_range_steps(
    shared: SharedModel,
    frames: Frames,
    place: dict[str, int],
    shape: tuple[int, ...],
    client: Any = None,
) -> Steps[Range | None]:
    """Find a frame's range as the preview does: of a large one that of a sample.

    Takes what `frame_range_steps` does; None where the model needs no range.
    """
    yield from ()
    model = shared.get()
    if not needs_range(model):
        return None
    lengths = [frames.lengths[a] for a in place]
    number = int(np.ravel_multi_index(list(place.values()), lengths)) if place else 0
    spec = ImageSpec(frames.axes)
    channels = model.channels if model.kind == "probabilistic" else None
    is_colour = model.kind == "probabilistic" and model.is_colour_
    frame = LazyFrame(frames.array, spec, number, channels, is_colour, Blocks())
    return frame.range
