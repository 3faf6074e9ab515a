"""The jobs of the CNN dock: training, comparing, looking at training patches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.cnn.pairs import LayerPair, common_axes, with_layer_names
from napari_segen.widgets.colors import prepare_colormaps
from napari_segen.widgets.layers import Source, axes_of, beside, level_zero
from napari_segen.widgets.results import Earlier, Ready, Result, ready
from napari_segen.widgets.tasks import (
    RunSteps,
    copying,
    fitted_steps,
    provenance_of,
    reading,
    shown_range,
)

N_PATCHES = 24


@dataclass(frozen=True)
class Lesson:
    """What a network is to learn from: images and labels as they are when it begins.

    Parameters
    ----------
    sources : sequence of Source
        The images.
    labels : sequence of array-like
        Their labels layers' data.
    label_names : sequence of str
        The names of these layers.
    unlabelled : int, or None
        See `CnnSegmenter.fit`.
    is_rgb : bool
        Whether the images' channels are red, green and blue.
    """

    sources: Sequence[Source]
    labels: Sequence[Any]
    label_names: Sequence[str]
    unlabelled: int | None
    is_rgb: bool = False

    @classmethod
    def of(cls, pairs: Sequence[LayerPair], unlabelled: int | None) -> "Lesson":
        """Remember these layers."""
        return cls(
            [Source.of(p.image, axes_of(p.image)) for p in pairs],
            [level_zero(p.labels) for p in pairs],
            [p.labels.name for p in pairs],
            unlabelled,
            bool(pairs[0].image.rgb),
        )

    @property
    def spec(self) -> ImageSpec:
        """Axes and pixel size of the images, each a stack of its own if any is."""
        axes = common_axes([source.spec.axes for source in self.sources])
        return replace(self.sources[0].spec, axes=axes or self.sources[0].spec.axes)

    def in_words(self, text: str) -> str:
        """Put layers' names for the numbers of images and labels in a message."""
        names = [source.name for source in self.sources]
        return with_layer_names(text, names, self.label_names)

    def reading(self) -> Steps[tuple[list[Array], list[Array]]]:
        """Load the images, and copy the labels."""
        images, labels = [], []
        for source, marks in zip(self.sources, self.labels, strict=True):
            image = yield from reading(source.data, f"image “{source.name}”")
            masks = yield from copying(marks, "labels")
            is_plain = len(source.spec.axes) < len(self.spec.axes)
            images.append(image[np.newaxis] if is_plain else image)
            labels.append(masks[np.newaxis] if is_plain else masks)
        return images, labels


@dataclass(frozen=True)
class Learnt:
    """A fitted network, and the arrays that it learnt from."""

    model: Any
    images: list[Array]
    labels: list[Array]


def training_network(
    run_steps: RunSteps,
    model: Any,
    lesson: Lesson,
    has_teacher: bool,
    options: Mapping[str, Any],
) -> Steps[Learnt]:
    """Train `model`; `options` are further arguments of its `fit`."""
    images, labels = yield from lesson.reading()
    prepare_colormaps()
    given = dict(options, spec=lesson.spec, unlabelled=lesson.unlabelled)
    try:
        if has_teacher:
            given["teacher"] = yield from _teaching(model, images, labels, lesson)
        model = yield from fitted_steps(run_steps, model, images, labels, **given)
    except (ValueError, TypeError) as err:
        raise type(err)(lesson.in_words(str(err))) from err
    return Learnt(model, images, labels)


def _teaching(
    model: Any, images: list[Array], labels: list[Array], lesson: Lesson
) -> Steps[list[Array]]:
    from napari_segen.workflows.teacher import teacher_steps

    return (
        yield from teacher_steps(
            model, images, labels, spec=lesson.spec, unlabelled=lesson.unlabelled
        )
    )


def comparing_with_pixel_classifier(
    run_steps: RunSteps, learnt: Learnt, lesson: Lesson
) -> Steps[Any]:
    """Compare the network with the cheaper method; see `workflows.comparison`."""
    from napari_segen.workflows.comparison import comparison_steps

    return (
        yield from comparison_steps(
            answering_in(run_steps, learnt.model),
            learnt.images,
            learnt.labels,
            spec=lesson.spec,
            unlabelled=lesson.unlabelled,
        )
    )


def said_of_comparison(found: Any) -> tuple[str, str]:
    """Return the sentence about a comparison, and which kind of message it is."""
    sentence = found.sentence[:1].upper() + found.sentence[1:] + "."
    return sentence, "warning" if found.verdict == "pixel classifier" else "info"


def answering_in(run_steps: RunSteps, model: Any) -> Any:
    """Return a copy of a network that labels images where `run_steps` runs it.

    Who gets it need not know that the network must not run in this process.
    """
    from napari_segen.cnn.segmenter import CnnSegmenter

    class Elsewhere(CnnSegmenter):
        def predict_proba_steps(
            self, image: Any, *, spec: ImageSpec | None = None
        ) -> Steps[Array]:
            plain = CnnSegmenter.__new__(CnnSegmenter)
            plain.__dict__.update(self.__dict__)
            return (
                yield from run_steps(
                    partial(plain.predict_proba_steps, spec=spec), image
                )
            )

    made = Elsewhere.__new__(Elsewhere)
    made.__dict__.update(model.__dict__)
    return made


def drawing_patches(
    model: Any, lesson: Lesson, earlier: Mapping[str, Earlier]
) -> Steps[list[Ready]]:
    """Draw patches as the network would get them, as result layers."""
    images, labels = yield from lesson.reading()
    yield Step(0, 0, "Drawing patches")
    try:
        patches, marks = model.training_patches(
            images, labels, N_PATCHES, spec=lesson.spec, unlabelled=lesson.unlabelled
        )
    except (ValueError, TypeError) as err:
        raise type(err)(lesson.in_words(str(err))) from err
    patches, marks, is_rgb = _as_in_layers(patches, marks, lesson.is_rgb)
    look: dict[str, Any] = {"rgb": is_rgb}
    if not is_rgb:
        look["contrast_limits"] = shown_range(patches)
    origin = provenance_of(model, augment=str(getattr(model.training, "augment", "")))
    place, faint = _stack_place(marks.ndim, lesson.sources[0]), {"opacity": 0.4}
    results = [
        Result("training patches", Image, patches, place, "", look, origin),
        Result("training patch labels", Labels, marks, place, "", faint, origin),
    ]
    return ready(results, earlier)


def _as_in_layers(
    patches: Array, marks: Array, is_rgb: bool
) -> tuple[Array, Array, bool]:
    """Give patches ``(n, *S[, C])`` and labels ``(n, *S)`` the axes of their layers.

    Returns whether the former are shown as RGB, too.
    """
    if patches.ndim == marks.ndim:
        return patches, np.ascontiguousarray(marks), False
    if is_rgb:
        # Normalised, and varied by augmentation: napari shows 0 to 1 only.
        return np.clip(patches, 0, 1), np.ascontiguousarray(marks), True
    # The last axes of a layer are what is seen.
    patches = np.moveaxis(patches, -1, 1)
    marks = np.broadcast_to(marks[:, np.newaxis], patches.shape)
    return patches, np.ascontiguousarray(marks), False


def _stack_place(ndim: int, source: Source) -> dict[str, Any]:
    """Beside the source, in its pixel size; the patch number is the first axis."""
    spec = source.spec
    sampling = spec.sampling[-2:] if ndim < spec.n_space + 1 else spec.sampling
    n_lead = ndim - len(sampling)
    return {
        "scale": (1.0,) * n_lead + sampling,
        "translate": (0.0,) * (ndim - 2) + beside(source),
        "units": ("pixel",) * n_lead + (spec.unit,) * len(sampling),
    }
