"""The objects of an OME-Zarr image of any size, part by part."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.archive import FilePath
from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import Steps, each_steps, run, stretch_steps
from napari_segen.objects.instances import instances
from napari_segen.scale.omezarr.finding_frame import COUNTS, FrameFinding, Overlap
from napari_segen.scale.omezarr.image import read_omezarr
from napari_segen.scale.omezarr.labels import NewLabels
from napari_segen.scale.omezarr.origin import origin_of, recorded
from napari_segen.scale.parts import Frames
from napari_segen.scale.tasks import shared_model
from napari_segen.scale.workers import check_workers

SHARE_OF_FRAMES = 0.95  # beside the coarser levels


@dataclass(frozen=True, slots=True)
class FoundObjects:
    """What was found in an image, part by part.

    Parameters
    ----------
    path : Path
        The labels: ids from 1 on in each frame, 0 = background.
    n_objects : int
        In all frames.
    n_joined : int
        Those that reach over several parts.
    n_disagreeing : int
        Those on the border of parts that saw different pixels of them.
    """

    path: Path
    n_objects: int
    n_joined: int
    n_disagreeing: int


def find_objects_omezarr(
    model: Any,
    image: FilePath,
    out: FilePath,
    *,
    foreground: int | tuple[int, ...],
    margin_px: int = 64,
    name: str = "objects",
    spec: ImageSpec | None = None,
    overwrite: bool = False,
    resume: bool = False,
    client: Any = None,
    **how: Any,
) -> FoundObjects:
    """Find the objects of an OME-Zarr image part by part, joined across parts.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
    image, out, name, spec, overwrite, resume, client
        As those of `segment_omezarr`.
    foreground : int or tuple of int
        Which classes objects are made of, as for `instances`.
    margin_px : int
        Pixels that parts see of one another on each side. Objects of which a part sees
        only some may be cut otherwise than in the whole image.
    **how
        How objects are told apart: other keywords of `instances`.

    Notes
    -----
    With ``method="components"`` connected objects of any size are those of the whole
    image. With ``"distance"`` groups of touching objects are, if they reach at most
    `margin_px` beyond a part; only what counts as an unusually large object is told by
    the median of the part. `min_size`, `min_odds` and `fill_holes` look at what
    the part sees of an object. While a frame is worked on a file for each part
    holds the ids, in ``out``; tables of all objects are in memory, about 100 bytes an
    object.
    """
    steps = find_objects_omezarr_steps(
        model,
        image,
        out,
        foreground=foreground,
        margin_px=margin_px,
        name=name,
        spec=spec,
        overwrite=overwrite,
        resume=resume,
        client=client,
        **how,
    )
    return run(steps)


def find_objects_omezarr_steps(
    model: Any,
    image: FilePath,
    out: FilePath,
    *,
    foreground: int | tuple[int, ...],
    margin_px: int = 64,
    name: str = "objects",
    spec: ImageSpec | None = None,
    overwrite: bool = False,
    resume: bool = False,
    client: Any = None,
    **how: Any,
) -> Steps[FoundObjects]:
    """Do what `find_objects_omezarr` does, in steps."""
    model.check_fitted()
    how["foreground"] = foreground
    _check_how(how, len(model.classes_), margin_px)
    source = read_omezarr(image, spec=spec)
    frames = Frames.seen_by(model, source.array, source.spec)
    overlap = Overlap.of(model, frames, margin_px)
    settings = {"shape": overlap.shape, "margin_px": margin_px, "objects": how}
    made_by = origin_of(model, source, **settings)
    new = NewLabels(source, Path(out), name, made_by, overwrite, resume)
    if new.is_complete:
        new.list_name()
        return _reported(new.path, recorded(new.path), margin_px)

    with new.written_whole(np.zeros(0, np.int64), {}):
        shared = shared_model(model, new.notes, client)
        if client is not None:
            check_workers(client, source.path, new.unfinished)
        array = new.create(frames.label_chunks(overlap.shape), np.int32)
        frame = FrameFinding(shared, frames, overlap, how, new.notes, array, client)
        places = frames.places()
        found = each_steps(list(enumerate(places)), frame.steps)
        yield from stretch_steps(found, 0, SHARE_OF_FRAMES)
        yield from stretch_steps(new.coarser_steps(client), SHARE_OF_FRAMES, 1)
        counts = [json.loads(frame.done(i).read_bytes()) for i in range(len(places))]
        new.found |= {count: sum(c[count] for c in counts) for count in COUNTS}
    return _reported(new.path, new.found, margin_px)


def _check_how(how: dict[str, Any], n_classes: int, margin_px: Any) -> None:
    """Say at once what is wrong with the settings, not after hours."""
    if isinstance(margin_px, bool) or not isinstance(margin_px, int) or margin_px < 1:
        raise ValueError(
            f"margin_px must be a whole number from 1 on, got {margin_px!r}."
        )
    instances(np.full((n_classes, 1, 1), 1 / n_classes), **how)


def _reported(path: Path, counts: Mapping[str, Any], margin_px: int) -> FoundObjects:
    found = FoundObjects(path, *(int(counts[count]) for count in COUNTS))
    if found.n_disagreeing:
        doubt(
            f"of {found.n_disagreeing} of {found.n_objects} objects neighbouring parts "
            "saw different pixels: they may be cut otherwise than in the whole image. "
            f"A margin_px over {margin_px} may help.",
            stacklevel=2,
        )
    return found
