"""The jobs on a huge image: learn and say what a run takes; label it part by part."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.sparse import SparseLabels
from napari_segen.core.steps import Step, Steps, retold_steps, stretch_steps
from napari_segen.widgets.layers import Source
from napari_segen.workflows.cost import in_time

SHARE_OF_FIT = 0.5  # beside the part that is labelled on trial
NAME = "classes"


def learning_and_estimating(
    source: Source,
    strokes: Any,
    position: tuple[int, ...],
    model: Any,
    cache: Any,
    expected: Mapping[int, float],
    init_from: Any,
) -> Steps[tuple[Any, Any]]:
    """Learn from strokes; returns the model and what labelling the image takes."""
    from napari_segen.probabilistic.prior import completed_prior
    from napari_segen.scale.omezarr.image import zarr

    zarr()  # without it nothing can be written: better said now
    yield Step(0, 0, "Reading the strokes")
    painted = strokes
    if not isinstance(strokes, SparseLabels):
        painted = SparseLabels(strokes.shape)
        painted[...] = np.asarray(strokes)
    fit = model.fit_steps(
        source.data, painted, spec=source.spec, cache=cache, init_from=init_from
    )
    fitted = yield from stretch_steps(fit, 0, SHARE_OF_FIT)
    fitted.class_prior = completed_prior(
        expected, fitted.classes_, fitted.class_shares_
    )
    trial = estimating(source, position, fitted)
    return (yield from stretch_steps(trial, SHARE_OF_FIT, 1))


def estimating(
    source: Source, position: tuple[int, ...], model: Any
) -> Steps[tuple[Any, Any]]:
    """Return the model, and what labelling the image with it takes."""
    from napari_segen.scale.omezarr.estimate import estimate_steps
    from napari_segen.scale.omezarr.image import zarr

    zarr()
    image = _described(source, Path(source.path or "image"))
    return model, (yield from estimate_steps(model, image, position))


def labelling(source: Source, folder: Path, model: Any) -> Steps[tuple[Path, float]]:
    """Write labels below `folder`; returns where they are and the seconds it took."""
    from napari_segen.scale.omezarr.estimate import sampled_range_steps
    from napari_segen.scale.omezarr.labels import NewLabels
    from napari_segen.scale.omezarr.origin import origin_of
    from napari_segen.scale.omezarr.segmenting import Labelling, label_parts_steps

    began = time.monotonic()
    out = folder / f"{Path(source.name).stem or 'image'}.zarr"
    image = _described(source, Path(source.path or out))
    job = Labelling.of(model, image)
    made_by = origin_of(model, image, shape=job.part_shape)
    new = NewLabels(image, out, _free_name(out), made_by)
    steps = label_parts_steps(model, job, new, range_steps=sampled_range_steps)

    def timed(step: Step) -> Step:
        part = step.done / step.total if step.total else 0.0
        text = f"Labelling: {100 * part:.0f} %"
        if part > 0:
            left = (time.monotonic() - began) * (1 / part - 1)
            text += f", about {in_time(max(left, 1))} left"
        return Step(step.done, step.total, text)

    try:
        path = yield from retold_steps(steps, timed)
    except BaseException:
        # Of an array in no file nobody knows whether it is the same the next time.
        new.drop()
        raise
    return path, time.monotonic() - began


def _free_name(out: Path) -> str:
    """Return a name that no labels in a folder have."""
    names = [NAME, *(f"{NAME}-{i}" for i in range(2, 1000))]
    return next(n for n in names if not (out / "labels" / n).exists())


def _described(source: Source, path: Path) -> Any:
    from napari_segen.scale.omezarr.image import array_image

    place, n = source.image_placement, len(source.axes)
    scale, move = list(place["scale"]), list(place["translate"])
    # Colours are no axis of the layer.
    scale += [1.0] * (n - len(scale))
    move += [0.0] * (n - len(move))
    return array_image(
        source.data,
        source.spec,
        path,
        [float(s) for s in scale],
        [float(m) for m in move],
    )
