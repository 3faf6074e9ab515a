"""The jobs of the guide, on a thread."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.scribbles import stroke_at
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.guide.inputs import Position
from napari_segen.widgets.layers import Source
from napari_segen.widgets.tasks import copying, reading

Places = tuple[list[Position], list[npt.NDArray[np.uint8]]]


def suggesting_places(
    model: Any,
    source: Source,
    strokes: Any,
    n: int,
    avoid: Sequence[Position],
    cache: Any,
) -> Steps[Places]:
    """Choose places in the whole image by a fitted model, with their pictures."""
    from napari_segen.probabilistic.live.advice import pictured
    from napari_segen.probabilistic.live.picture import Picture

    image = yield from reading(source.data, "image")
    painted = yield from copying(strokes, "strokes")
    found = yield from model.suggest_steps(
        image, n, spec=source.spec, cache=cache, labelled=painted, avoid=list(avoid)
    )
    places = [tuple(at) for at in found.tolist()]
    picture = Picture(image, source.spec, model.channels)
    return places, [pictured(picture, at) for at in places]


def explaining(model: Any, source: Source, position: Position) -> Steps[Any]:
    """Explain a pixel by a fitted model."""
    image = yield from reading(source.data, "image")
    return (yield from model.explain_steps(image, position, spec=source.spec))


def finding_stroke(
    strokes: Any, spec: ImageSpec, position: Position
) -> Steps[tuple[Array, ...]]:
    """Find the pixels of the stroke at a position: an index into all strokes."""
    yield Step(0, 0, "Looking for the stroke")
    return stroke_at(strokes, spec, position)
