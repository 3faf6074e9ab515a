"""Jobs of the docks as generators of steps, from layers' data to results.

The functions ending in `_in_child` also run in the process for Keras, so nothing here
imports napari or Qt at module level.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Step, Steps

RunSteps = Callable[..., Steps[Any]]


def run_here(function: RunSteps, *args: Any) -> Steps[Any]:
    """Run a generator function in this process; a `KerasChild` has the same method."""
    return (yield from function(*args))


def reading(data: Any, what: str) -> Steps[Array]:
    """Load a layer's data, which may be lazy."""
    yield Step(0, 0, f"Reading the {what}")
    return np.asarray(data)


def copying(data: Any, what: str) -> Steps[Array]:
    """Copy labels, so that painting goes on without changing the job's."""
    yield Step(0, 0, f"Reading the {what}")
    return np.array(data)


def fit_in_child(model: Any, *args: Any, **options: Any) -> Steps[Any]:
    """Fit `model` and return it: the child's copy learns, not the window's."""
    yield from model.fit_steps(*args, **options)
    return model


def fitted_steps(
    run_steps: RunSteps, model: Any, image: Array, labels: Array | None, **options: Any
) -> Steps[Any]:
    """Fit a model where `run_steps` runs it; returns the fitted one."""
    fit = partial(fit_in_child, **options)
    return (yield from run_steps(fit, model, image, labels))


def segmented_steps(
    run_steps: RunSteps, model: Any, image: Array, spec: ImageSpec, **options: Any
) -> Steps[Any]:
    """Segment an image where `run_steps` runs it."""
    segment = partial(model.segment_steps, spec=spec, **options)
    return (yield from run_steps(segment, image))


def shown_range(images: Array) -> tuple[float, float]:
    """Darkest and brightest finite value, as contrast limits."""
    values = images[np.isfinite(images)] if images.dtype.kind == "f" else images
    if values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1.0


def provenance_of(model: Any, **more: Any) -> Mapping[str, Any]:
    """Say where a result comes from, for its layer's metadata."""
    return {
        "model": type(model).__name__,
        "trained": dict(getattr(model, "provenance_", {})),
        **more,
    }
