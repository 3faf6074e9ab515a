"""The jobs of the generator's dock: from layers' data to result layers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_segen.core.imagespec import CHANNEL, Array, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.layers import Source
from napari_segen.widgets.results import Earlier, Ready, Result, ready
from napari_segen.widgets.tasks import (
    RunSteps,
    copying,
    fitted_steps,
    provenance_of,
    reading,
    shown_range,
)


def learning_to_generate(
    run_steps: RunSteps, model: Any, source: Source, labels: Any
) -> Steps[Any]:
    """Fit a generator to an image, and to its labels if there are any."""
    image = yield from reading(source.data, "image")
    painted = None
    if labels is not None:
        painted = yield from copying(labels, "labels")
    return (yield from fitted_steps(run_steps, model, image, painted, spec=source.spec))


def generating(
    run_steps: RunSteps,
    model: Any,
    asked: tuple[int, tuple[int, ...], int],
    pairs: bool,
    corner: tuple[float, ...],
    earlier: Mapping[str, Earlier],
) -> Steps[list[Ready]]:
    """Make images, and labels if `pairs`, as result layers."""
    if pairs:
        images, labels = yield from run_steps(model.generate_pairs_steps, *asked)
    else:
        images, labels = (yield from run_steps(model.generate_steps, *asked)), None
    yield Step(0, 0, "Preparing the layers")
    recipe = model.recipe(*asked, pairs=pairs).as_json()
    spec: ImageSpec = model.spec_
    origin = provenance_of(model, recipe=recipe)
    results = []
    images, look = _as_layer(images, spec)
    place = _stack_placement(images.ndim - look["rgb"], spec, corner)
    results.append(Result("generated", Image, images, place, "", look, origin))
    if labels is not None:
        labels = labels[0] if len(labels) == 1 else labels
        place = _stack_placement(labels.ndim, spec, corner)
        results.append(
            Result(
                "generated labels", Labels, labels, place, "", {"opacity": 0.4}, origin
            )
        )
    return ready(results, earlier)


def varying(
    run_steps: RunSteps,
    model: Any,
    source: Source,
    labels: Any,
    asked: tuple[float, int],
    rgb: bool,
    earlier: Mapping[str, Earlier],
) -> Steps[list[Ready]]:
    """Make a variation of an image, and of its labels if given, as result layers."""
    image = yield from reading(source.data, "image")
    painted = None
    if labels is not None:
        painted = yield from copying(labels, "labels")
    made = yield from run_steps(model.vary_steps, image, *asked, painted)
    image, painted = made if labels is not None else (made, None)
    yield Step(0, 0, "Preparing the layers")
    strength, seed = asked
    origin = provenance_of(model, vary={"strength": strength, "seed": seed})
    look: dict[str, Any] = {"rgb": rgb}
    if not rgb:
        look["contrast_limits"] = shown_range(image)
    results = [Result("varied", Image, image, source.image_placement, "", look, origin)]
    if painted is not None:
        place = source.label_placement
        results.append(
            Result(
                "varied labels", Labels, painted, place, "", {"opacity": 0.4}, origin
            )
        )
    return ready(results, earlier)


def _as_layer(images: Array, spec: ImageSpec) -> tuple[Array, dict[str, Any]]:
    """Turn generated images ``(n, *S[, C])`` into a layer's array and its look."""
    has_channels = spec.channel_axis is not None
    rgb = has_channels and spec.axes[-1] == CHANNEL and images.shape[-1] in (3, 4)
    if has_channels and not rgb:
        # The last two axes of a layer are what is seen.
        images = np.ascontiguousarray(np.moveaxis(images, -1, 1))
    if len(images) == 1:
        images = images[0]
    look: dict[str, Any] = {"rgb": rgb}
    if not rgb:
        look["contrast_limits"] = shown_range(images)
    return images, look


def beside(source: Source) -> tuple[float, ...]:
    """Upper left corner, y and x, for images beside their source, not over it."""
    if not source.label_placement:
        return (0.0, 0.0)
    y, x = (float(t) for t in source.label_placement["translate"][-2:])
    width = source.spec.label_shape(source.shape)[-1] * source.spec.sampling[-1]
    return (y, x + 1.05 * width)


def _stack_placement(
    ndim: int, spec: ImageSpec, corner: tuple[float, ...]
) -> dict[str, Any]:
    """Pixel size along the spatial axes, 1 along those before."""
    n_lead = ndim - spec.n_space
    lead = "nc"[:n_lead]
    return {
        "scale": (1.0,) * n_lead + spec.sampling,
        "translate": (0.0,) * (ndim - 2) + corner,
        "units": ("pixel",) * n_lead + (spec.unit,) * spec.n_space,
        "axis_labels": (*lead, *spec.space_axes),
    }
