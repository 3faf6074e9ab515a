"""All that is found out about one OME-Zarr image, in memory that does not grow."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.core.imagespec import CHANNEL, Array, ImageSpec, frames_in_words
from napari_segen.core.model import finds_objects
from napari_segen.core.normalization import has_data
from napari_segen.core.steps import Step, Steps, stretch_steps
from napari_segen.core.tiles import Reach, tile_grid
from napari_segen.scale.finding import find_objects_omezarr_steps
from napari_segen.scale.measuring import measure_omezarr_steps
from napari_segen.scale.omezarr import OmeImage, read_omezarr
from napari_segen.scale.one_image import (
    BLANK,
    Found,
    check_unit,
    row_of_objects,
    why_blank,
)
from napari_segen.scale.outputs import Results
from napari_segen.scale.parts import Frames, part_shape
from napari_segen.scale.segmenting import segment_omezarr_steps
from napari_segen.scale.settings import Settings
from napari_segen.workflows.files import ImageFile

if TYPE_CHECKING:
    import pandas as pd

# Where the stages begin: objects, measurements, the figures of the summary.
SHARES = (0.0, 0.45, 0.9, 0.95, 1.0)


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
    model: Any, path: Path, results: Results, settings: Settings
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
    """
    frames = opened(model, path, settings)
    row: dict[str, Any] = {"flag": "", "reason": "", "dtype": frames.array.dtype.name}
    row |= {"axes": frames.axes, "unit": frames.spec.unit}
    for what in ("labels", "objects"):
        if what in settings.wanted:
            place = SHARES[what == "objects"], SHARES[1 + (what == "objects")]
            steps = _labelling_steps(model, path, results, what, settings)
            yield from stretch_steps(steps, *place)
    ids = results.path("labels" if finds_objects(model) else "objects")
    labels = read_omezarr(results.path("labels"))
    known = Frames.of(labels.array, labels.spec, model.spec_.axes)
    figures = _figures_steps(model, frames, known)
    row |= yield from stretch_steps(figures, *SHARES[2:4])
    table: pd.DataFrame | None = None
    if settings.objects is not None or finds_objects(model):
        measuring = measure_omezarr_steps(ids, path)
        table = yield from stretch_steps(measuring, *SHARES[3:])
        row |= row_of_objects(table)
    return Found(frames.spec, {}, row, table)


def _labelling_steps(
    model: Any, path: Path, results: Results, what: str, settings: Settings
) -> Steps[Any]:
    place = results.path(what)
    out, name = place.parents[1], place.name
    if what == "labels":
        if not finds_objects(model):
            return segment_omezarr_steps(model, path, out, name=name, overwrite=True)
        return find_objects_omezarr_steps(
            model, path, out, foreground=1, name=name, overwrite=True
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
        overwrite=True,
    )


def _figures_steps(model: Any, grey: Frames, labels: Frames) -> Steps[dict[str, Any]]:
    """Share of each class, mean brightness, and whether the image is blank."""
    n_axes, n_channels = len(grey.shape), grey.lengths.get(CHANNEL, 1)
    shape = part_shape(grey, Reach((0,) * n_axes, (1,) * n_axes), 1)
    tiles = list(tile_grid(grey.shape, shape, (0,) * n_axes))
    values = [] if finds_objects(model) else model.classes_.tolist()
    counts, n = dict.fromkeys(values, 0), 0
    n_foreground, reasons = 0, []
    total, n_finite = np.zeros(n_channels), np.zeros(n_channels, np.int64)
    places = grey.places()
    for i, place in enumerate(places):
        least, most = np.full(n_channels, np.inf), np.full(n_channels, -np.inf)
        n_before = n
        for j, tile in enumerate(tiles):
            done = i * len(tiles) + j
            yield Step(done, len(places) * len(tiles), "Summing up")
            part = grey.read(place, tile.core)
            there = has_data(part[np.newaxis])[0]
            found = labels.read(place, tile.core)[0][there]
            n += found.size
            n_foreground += int(np.count_nonzero(found))
            for value in values:
                counts[value] += int(np.count_nonzero(found == value))
            for c, plane in enumerate(part):
                finite = plane[np.isfinite(plane)]
                if finite.size:
                    total[c] += finite.sum(dtype=np.float64)
                    n_finite[c] += finite.size
                    least[c] = min(least[c], finite.min())
                    most[c] = max(most[c], finite.max())
        span = np.where(most > least, most - least, 0)
        reasons.append(why_blank(model, n > n_before, span))
    shares = {f"area_fraction_{v}": count for v, count in counts.items()}
    shares = shares or {"area_fraction": n_foreground}
    row: dict[str, Any] = {k: count / n if n else None for k, count in shares.items()}
    for c in range(n_channels):
        name = "intensity" if CHANNEL not in grey.spec.axes else f"intensity_{c}"
        row[name] = float(total[c] / n_finite[c]) if n_finite[c] else None
    return row | _flag(reasons)


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
