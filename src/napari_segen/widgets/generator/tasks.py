"""The jobs of the generator's dock: from layers' data to result layers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_segen.core.imagespec import CHANNEL, FRAME, Array, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.generator.match import GreyValues
from napari_segen.widgets.generator.requests import (
    EXAMPLE,
    PAINTED,
    Made,
    making,
    recipe_json,
    spec_of_one,
)
from napari_segen.widgets.layers import GAP, Source
from napari_segen.widgets.results import Earlier, Ready, Result, ready
from napari_segen.widgets.tasks import (
    RunSteps,
    copying,
    fitted_steps,
    provenance_of,
    reading,
    shown_range,
)

Learn = Callable[[], Steps[Any]]
_WORDS = {EXAMPLE: "varied", PAINTED: "painted"}


@dataclass(frozen=True)
class Given:
    """The example, and its labels or a label map, as they are when a job begins."""

    image: Any = None
    labels: Any = None

    def reading(self) -> Steps[tuple[Array | None, Array | None]]:
        """Load the image, and copy the labels."""
        image = labels = None
        if self.image is not None:
            image = yield from reading(self.image, "example")
        if self.labels is not None:
            labels = yield from copying(self.labels, "labels")
        return image, labels


@dataclass(frozen=True)
class Place:
    """Where new images go, and how.

    Parameters
    ----------
    corner : tuple of float
        Upper left corner, y and x, for images beside their source.
    over : (mapping, mapping), or None
        Attributes that put one image, and its labels, over their source.
    is_rgb : bool
        Whether the example's channels are red, green and blue.
    is_separate : bool
        Whether each image gets a layer of its own.
    """

    corner: tuple[float, ...] = (0.0, 0.0)
    over: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
    is_rgb: bool = False
    is_separate: bool = False

    def bases(
        self, spec: ImageSpec, shift: float
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the attributes of an image and of its labels, moved along x."""
        image, labels = self.over or (own := _base(spec, self.corner), own)
        return _shifted(image, shift), _shifted(labels, shift)


def _base(spec: ImageSpec, corner: tuple[float, ...]) -> Mapping[str, Any]:
    return {
        "scale": spec.sampling,
        "translate": (0.0,) * (spec.n_space - 2) + corner,
        "units": (spec.unit,) * spec.n_space,
        "axis_labels": tuple(spec.space_axes),
    }


def _shifted(place: Mapping[str, Any], shift: float) -> Mapping[str, Any]:
    if shift == 0:
        return place
    *first, x = (float(t) for t in place["translate"])
    return {**place, "translate": (*first, x + shift)}


def _led(place: Mapping[str, Any], letters: str) -> dict[str, Any]:
    """Put further axes before those of `place`; then without turns and shears."""
    if not letters:
        return dict(place)
    n = len(letters)
    return {
        "scale": (1.0,) * n + tuple(place["scale"]),
        "translate": (0.0,) * n + tuple(place["translate"]),
        "units": ("pixel",) * n + tuple(place["units"]),
        "axis_labels": (*letters, *place["axis_labels"]),
    }


def learning_to_generate(
    run_steps: RunSteps,
    model: Any,
    source: Source,
    labels: Any,
    task: str,
    grey: GreyValues | None,
) -> Steps[Any]:
    """Fit a generator to an image, and to its labels if there are any.

    With `grey`, its images take over those values.
    """
    image = yield from reading(source.data, "image")
    painted = None
    if labels is not None:
        painted = yield from copying(labels, "labels")
    options = {"spec": source.spec, "task": task}
    if grey is not None:
        options["match_to"] = yield from grey.reading(is_preview=False)
    return (yield from fitted_steps(run_steps, model, image, painted, **options))


def generating(
    run_steps: RunSteps,
    learn: Learn,
    given: Given,
    made: Made,
    place: Place,
    earlier: Mapping[str, Earlier],
) -> Steps[list[Ready]]:
    """Make what `made` asks for, as result layers."""
    made.given = yield from given.reading()
    made.model = yield from learn()
    yield from making(run_steps, made)
    return (yield from presenting(made, place, earlier))


def presenting(
    made: Made, place: Place, earlier: Mapping[str, Earlier]
) -> Steps[list[Ready]]:
    """Turn what has been made into result layers."""
    yield Step(0, 0, "Preparing the layers")
    origin = provenance_of(made.model, recipe=recipe_json(made))
    name = name_of(made)
    results: list[Result] = []
    if place.is_separate and made.n_done > 1:
        for i in range(made.n_done):
            which = slice(i, i + 1)
            results += _results(made, which, f"{name}, image {i + 1}", place)
    else:
        results = _results(made, slice(0, made.n_done), name, place)
    marked = [replace(r, provenance={**origin, **r.provenance}) for r in results]
    return ready(marked, earlier)


def name_of(made: Made) -> str:
    """Say by which method and seed images were made, and whether all of them."""
    request = made.request
    name = f"{made.model.method}, seed {request.seed}"
    if made.n_done < request.n:
        name += f", {made.n_done} of {request.n}"
    return name


def _results(made: Made, which: slice, name: str, place: Place) -> list[Result]:
    """Return the layers of the images `which`: of one image, or of a stack."""
    word = _WORDS.get(made.request.source, "generated")
    images, spec = made.images[which], spec_of_one(made)
    if made.request.source == EXAMPLE:
        width = images.shape[spec.axes.index("x") + 1]
        axes, color, is_rgb = spec.axes, "", place.is_rgb
    else:
        width = images.shape[spec.n_space]
        images, color, is_rgb = _channels_shown(images, spec)
        axes = color + spec.space_axes + CHANNEL * is_rgb
    stack = _frame_letter(axes) if len(images) > 1 else ""
    shift = 0.0 if which.start == 0 else which.start * GAP * width * spec.sampling[-1]
    over_image, over_labels = place.bases(spec, shift)
    data = images if stack else images[0]
    look: dict[str, Any] = {"rgb": is_rgb}
    if not is_rgb:
        look["contrast_limits"] = shown_range(data)
    at = _led(over_image, stack + color)
    origin = {"axes": stack + axes}
    found = [Result(f"{word} ({name})", Image, data, at, "", look, origin)]
    if made.labels is not None:
        marks = made.labels[which] if stack else made.labels[which][0]
        at = _led(over_labels, stack)
        role = f"{word} labels ({name})"
        found.append(Result(role, Labels, marks, at, "", {"opacity": 0.4}))
    return found


def _frame_letter(axes: str) -> str:
    free = [letter for letter in reversed(FRAME) if letter not in axes]
    if not free:
        raise ValueError(
            "how many: the example is a series of series already; choose 1."
        )
    return free[0]


def _channels_shown(images: Array, spec: ImageSpec) -> tuple[Array, str, bool]:
    """Return images ``(n, *S[, C])`` as a layer has them, and whether as RGB."""
    if spec.channel_axis is None:
        return images, "", False
    if spec.axes[-1] == CHANNEL and images.shape[-1] in (3, 4):
        return images, "", True
    # The last two axes of a layer are what is seen.
    return np.ascontiguousarray(np.moveaxis(images, -1, 1)), CHANNEL, False
