"""The jobs of the segmenting docks: from layers' data to result layers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import Array, ImageSpec, frames_in_words
from napari_segen.core.labels import Segmentation
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.colors import prepare_colormaps
from napari_segen.widgets.layers import Source
from napari_segen.widgets.results import Earlier, Ready, ready
from napari_segen.widgets.segment_results import Wanted, record_of, segmentation_results
from napari_segen.widgets.tasks import RunSteps, copying, reading, segmented_steps


def fitting_and_segmenting(
    fit,
    source: Source,
    strokes: Any,
    earlier: Mapping[str, Earlier],
    wanted: Wanted,
    *args: Any,
) -> Steps[tuple[Any, list[Ready]]]:
    """Fit with ``fit(image, strokes, spec, *args)``, then make the result layers.

    `strokes` is None where the method needs none.
    """
    image = yield from reading(source.data, "image")
    painted = None
    if strokes is not None:
        painted = yield from copying(strokes, "strokes")
    model, segmentation = yield from fit(image, painted, source.spec, *args)
    yield Step(0, 0, "Preparing the layers")
    prepare_colormaps()
    record = record_of(model, source, is_fitted=True)
    results = segmentation_results(model, segmentation, source, wanted, record)
    return model, ready(results, earlier)


def applying(
    run_steps: RunSteps,
    source: Source,
    earlier: Mapping[str, Earlier],
    wanted: Wanted,
    model: Any,
    options: Mapping[str, Any],
) -> Steps[tuple[Any, list[Ready]]]:
    """Segment an image with a fitted model, and make the result layers."""
    image = yield from reading(source.data, "image")
    found = yield from segmented_steps(run_steps, model, image, source.spec, **options)
    if getattr(model, "kind_", None) is not None:
        found = yield from _doubted_steps(model, image, source.spec, found, options)
    yield Step(0, 0, "Preparing the layers")
    prepare_colormaps()
    rescale = bool(options.get("rescale"))
    record = record_of(model, source, is_fitted=False, rescale=rescale)
    results = segmentation_results(model, found, source, wanted, record)
    return model, ready(results, earlier)


def _doubted_steps(
    model: Any,
    image: Array,
    spec: ImageSpec,
    found: Segmentation,
    options: Mapping[str, Any],
) -> Steps[Segmentation]:
    """Warn of an image unlike the training images, and add where it is."""
    cache = options.get("cache")
    checks = yield from model.unlike_training_steps(image, spec=spec, cache=cache)
    if not (text := said_of_kind(checks)):
        return found
    doubt(text)
    if found.novelty is not None or model.novelty_ is None:
        return found
    novelty = yield from model.novelty_steps(image, spec=spec, cache=cache)
    return replace(found, novelty=novelty)


def said_of_kind(checks: Sequence[Any]) -> str:
    """Say which frames are unlike the training images; empty where none is.

    Parameters
    ----------
    checks : sequence of KindCheck
    """
    unlike = [i for i, check in enumerate(checks) if check.is_unlike]
    if not unlike:
        return ""
    which = "This image is"
    if len(checks) > 1:
        which = f"{frames_in_words(unlike, len(checks))} are"
    reason = checks[unlike[0]].reason
    return (
        f"{which} unlike the training images: {reason}. Doubt the result; the novelty "
        "layer (open its eye) shows where."
    )
