"""The job of the probabilistic dock: learn from strokes, and segment the image."""

from collections.abc import Mapping
from typing import Any

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps
from napari_segen.probabilistic.prior import completed_prior
from napari_segen.widgets.tasks import fitted_steps, run_here, segmented_steps


def learning_from_strokes(
    image: Array,
    strokes: Array | None,
    spec: ImageSpec,
    model: Any,
    cache: Any,
    expected: Mapping[int, float],
    options: Mapping[str, Any],
    init_from: Any,
) -> Steps[tuple[Any, Any]]:
    """Fit the model and segment the image, with the features computed once.

    `expected` is the percentage of those classes whose frequency is set, `options`
    what `segment_steps` is told, `init_from` the model to whose strokes to add or None.
    """
    fitted = yield from fitted_steps(
        run_here, model, image, strokes, spec=spec, cache=cache, init_from=init_from
    )
    # What is left for the other classes is known by what was painted.
    fitted.class_prior = completed_prior(
        expected, fitted.classes_, fitted.class_shares_
    )
    found = yield from segmented_steps(run_here, fitted, image, spec, **options)
    return fitted, found
