"""All that is found out about one OME-Zarr image, in memory that does not grow."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.core.imagespec import CHANNEL, Array, ImageSpec, frames_in_words
from napari_segen.core.model import finds_objects
from napari_segen.core.normalization import has_data
from napari_segen.core.steps import Step, Steps, stretch_steps
from napari_segen.core.tiles import Reach, Tile, tile_grid
from napari_segen.scale.folder.one_image import (
    BLANK,
    Found,
    check_unit,
    row_of_objects,
    why_blank,
)
from napari_segen.scale.folder.outputs import Results
from napari_segen.scale.folder.settings import Settings
from napari_segen.scale.omezarr.finding import find_objects_omezarr_steps
from napari_segen.scale.omezarr.image import OmeImage, read_omezarr
from napari_segen.scale.omezarr.measuring import measure_omezarr_steps
from napari_segen.scale.omezarr.segmenting import segment_omezarr_steps
from napari_segen.scale.parts import Frames, part_shape
from napari_segen.scale.tasks import each_task_steps
from napari_segen.workflows.files import ImageFile

if TYPE_CHECKING:
    import pandas as pd

# Where the figures of the summary and the measurements begin, after labels and objects.
SHARE_OF_LABELS, SHARE_OF_FIGURES = 0.9, 0.95
SUMMING = "Summing up"


def opened(model: Any, path: Path, settings: Settings) -> Frames:
    """Open an image and check that the model can label it; nothing is read of it."""
    source = read_omezarr(path)
    frames = Frames.seen_by(model, source.array, source.spec)
    if settings.axes is not None and not set(frames.spec.axes) <= set(settings.axes):
        raise ValueError(
            f"its metadata name the axes {source.spec.axes!r}, not {settings.axes!r} "
            "as --axes says. Correct them there, or leave --axes out."
        )
    check_unit(model, source.spec, settings)
    return frames


def omezarr_steps(
    model: Any,
    path: Path,
    results: Results,
    settings: Settings,
    *,
    resume: bool = False,
    client: Any = None,
) -> Steps[Found]:
    """Label an image, find its objects, and measure them; labels are written at once.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
    path : Path
        Of the image.
    results : Results
        Where labels and objects go. What is there is replaced.
    settings : Settings
    resume : bool
        Whether to go on with what the same work has left behind.
    client : distributed.Client, optional
        Whose workers do the work.
    """
    frames = opened(model, path, settings)
    row: dict[str, Any] = {"flag": "", "reason": "", "dtype": frames.array.dtype.name}
    row |= {"axes": frames.axes, "unit": frames.spec.unit}
    wanted = [what for what in ("labels", "objects") if what in settings.wanted]
    how = {"overwrite": True, "resume": resume, "client": client}
    for i, what in enumerate(wanted):
        steps = _labelling_steps(model, path, results, what, settings, how)
        start, stop = (SHARE_OF_LABELS * k / len(wanted) for k in (i, i + 1))
        yield from stretch_steps(steps, start, stop)
    ids = results.path("labels" if finds_objects(model) else "objects")
    labels = read_omezarr(results.path("labels"))
    known = Frames.of(labels.array, labels.spec, model.spec_.axes)
    figures = _figures_steps(model, frames, known, client)
    row |= yield from stretch_steps(figures, SHARE_OF_LABELS, SHARE_OF_FIGURES)
    table: pd.DataFrame | None = None
    if settings.objects is not None or finds_objects(model):
        measuring = measure_omezarr_steps(ids, path)
        table = yield from stretch_steps(measuring, SHARE_OF_FIGURES, 1)
        row |= row_of_objects(table)
    return Found(frames.spec, {}, row, table)


def _labelling_steps(
    model: Any,
    path: Path,
    results: Results,
    what: str,
    settings: Settings,
    how: dict[str, Any],
) -> Steps[Any]:
    place = results.path(what)
    out, name = place.parents[1], place.name
    if what == "labels":
        if not finds_objects(model):
            return segment_omezarr_steps(model, path, out, name=name, **how)
        return find_objects_omezarr_steps(
            model, path, out, foreground=1, name=name, **how
        )
    wanted = settings.objects
    assert wanted is not None
    position = model.classes_.tolist().index
    return find_objects_omezarr_steps(
        model,
        path,
        out,
        foreground=tuple(position(v) for v in wanted.foreground),
        boundary=None if wanted.boundary is None else position(wanted.boundary),
        min_size=wanted.min_size,
        name=name,
        **how,
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    """What one part adds to the figures of an image.

    Parameters
    ----------
    n, n_foreground : int
        Pixels with data, and those of them whose label is not 0.
    counts : list of int
        Pixels of each class.
    total, n_finite, least, most : array of shape (C,)
        Of the finite grey values of each channel.
    """

    n: int
    n_foreground: int
    counts: list[int]
    total: Array
    n_finite: Array
    least: Array
    most: Array


def _sums_steps(
    grey: Frames, labels: Frames, values: list[int], at: tuple[dict[str, int], Tile]
) -> Steps[_Sums]:
    place, tile = at
    yield Step(0, 1, SUMMING)
    part = grey.read(place, tile.core)
    there = has_data(part[np.newaxis])[0]
    found = labels.read(place, tile.core)[0][there]
    finite = [plane[np.isfinite(plane)] for plane in part]
    return _Sums(
        found.size,
        int(np.count_nonzero(found)),
        [int(np.count_nonzero(found == value)) for value in values],
        np.array([plane.sum(dtype=np.float64) for plane in finite]),
        np.array([plane.size for plane in finite]),
        np.array([plane.min(initial=np.inf) for plane in map(np.float64, finite)]),
        np.array([plane.max(initial=-np.inf) for plane in map(np.float64, finite)]),
    )


def _figures_steps(
    model: Any, grey: Frames, labels: Frames, client: Any
) -> Steps[dict[str, Any]]:
    """Share of each class, mean brightness, and whether the image is blank."""
    n_axes = len(grey.shape)
    shape = part_shape(grey, Reach((0,) * n_axes, (1,) * n_axes), 1)
    tiles = list(tile_grid(grey.shape, shape, (0,) * n_axes))
    values = [] if finds_objects(model) else model.classes_.tolist()
    items = [(place, tile) for place in grey.places() for tile in tiles]
    sums: dict[int, _Sums] = {}
    work = partial(_sums_steps, grey, labels, values)
    yield from each_task_steps(
        work, items, sums.__setitem__, client=client, text=SUMMING
    )
    # In the order of the parts, so that rounding is the same whoever was first.
    parts = [sums[i] for i in range(len(items))]
    frames = [parts[i : i + len(tiles)] for i in range(0, len(parts), len(tiles))]
    flag = _flag([_why_frame_is_blank(model, frame) for frame in frames])
    return _fractions(parts, values) | _intensities(parts, grey) | flag


def _fractions(parts: Sequence[_Sums], values: list[int]) -> dict[str, float | None]:
    n = sum(part.n for part in parts)
    counts = {
        f"area_fraction_{v}": sum(part.counts[k] for part in parts)
        for k, v in enumerate(values)
    } or {"area_fraction": sum(part.n_foreground for part in parts)}
    return {k: count / n if n else None for k, count in counts.items()}


def _intensities(parts: Sequence[_Sums], grey: Frames) -> dict[str, float | None]:
    row = {}
    for c in range(grey.lengths.get(CHANNEL, 1)):
        name = "intensity" if CHANNEL not in grey.spec.axes else f"intensity_{c}"
        n_finite = sum(int(part.n_finite[c]) for part in parts)
        total = sum(float(part.total[c]) for part in parts)
        row[name] = total / n_finite if n_finite else None
    return row


def _why_frame_is_blank(model: Any, frame: Sequence[_Sums]) -> str:
    least = np.min([part.least for part in frame], axis=0)
    most = np.max([part.most for part in frame], axis=0)
    span = np.where(most > least, most - least, 0)
    return why_blank(model, any(part.n for part in frame), span)


def _flag(reasons: list[str]) -> dict[str, str]:
    blank = [i for i, reason in enumerate(reasons) if reason]
    if not blank:
        return {}
    reason = reasons[blank[0]]
    if len(reasons) > 1:
        reason = f"{frames_in_words(blank, len(reasons))}: {reason}"
    return {"flag": BLANK, "reason": reason}


def small(image: OmeImage, n_px: int) -> tuple[Array, str]:
    """Read the middle plane, thinned out, from the coarsest level that has it.

    Parameters
    ----------
    image : OmeImage
    n_px : int
        Rows or columns, of which there are more. What has the same shape is thinned
        out alike, whatever its levels are.

    Returns
    -------
    array
        Rows, columns and any channels.
    str
        Its axes.
    """
    axes = image.spec.axes
    lengths = dict(zip(axes, image.array.shape, strict=True))
    factor = min(n_px / max(lengths[a] for a in "yx"), 1.0)
    wanted = {a: max(round(lengths[a] * factor), 1) for a in "yx"}

    def index(letter: str, length: int) -> Any:
        if letter in wanted:
            n = wanted[letter]
            return ((np.arange(n) + 0.5) * length / n).astype(np.intp)
        return slice(None) if letter == CHANNEL else length // 2

    for i in reversed(range(len(image.names))):
        level = image.level(i)
        here = dict(zip(axes, level.shape, strict=True))
        if i == 0 or all(here[a] >= n for a, n in wanted.items()):
            break
    try:
        plane = level.oindex[tuple(index(a, here[a]) for a in axes)]
    # Decoders say in their own ways that a chunk is damaged.
    except (RuntimeError, TypeError, KeyError) as err:
        raise ValueError(f"level {image.names[i]} cannot be read ({err}).") from err
    return np.asarray(plane), "".join(a for a in axes if a in "yx" + CHANNEL)


def whole(labels: Path, spec: ImageSpec) -> ImageFile:
    """Read labels as a whole, along the axes that `spec` has: as the truth has them."""
    found = read_omezarr(labels)
    frames = Frames.of(found.array, found.spec, spec.axes)
    values = found.array[:].reshape(frames.kept_shape)
    return ImageFile(labels, values, frames.spec.axes)


def pictured(path: Path, labels: Path, n_px: int) -> tuple[Array, Array, ImageSpec]:
    """Return a small plane of an image, of its labels, and the axes of the image's."""
    image, axes = small(read_omezarr(path), n_px)
    return image, small(read_omezarr(labels), n_px)[0], ImageSpec(axes)
