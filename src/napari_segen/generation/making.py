"""Answering what a generator is asked for, in the types and axes of its images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.core.checks import check_labels, check_new_image, check_pairs
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import numbered, smallest_unsigned
from napari_segen.core.steps import Step, Steps, retold_steps
from napari_segen.generation.abilities import check_ability, check_value_range
from napari_segen.generation.method import GeneratorMethod, Source, sources_of
from napari_segen.generation.requests import (
    check_count,
    check_first,
    check_painted,
    check_seed,
    check_shape,
    check_sizes,
    check_strength,
)

if TYPE_CHECKING:
    from napari_segen.generation.generator import ImageGenerator

_ID_TYPE = np.int32


def make_steps(
    model: "ImageGenerator",
    method: GeneratorMethod,
    n: int,
    shape: Sequence[int],
    seed: int,
    *,
    with_labels: bool,
    first: int = 0,
) -> Steps[tuple[Array, Array | None]]:
    """Make `n` images ``(n, *S[, C])``, and their labels ``(n, *S)`` if asked for."""
    n, seed, first = check_count(n), check_seed(seed), check_first(first)
    check_sizes(shape)
    spec, dtype = model.spec_for(shape), model.values_.low.dtype
    shape = check_shape(shape, spec, n, model.n_channels_, dtype.itemsize)
    images = np.empty((n, model.n_channels_, *shape), dtype)
    labels = np.empty((n, *shape), label_type(model)) if with_labels else None
    for i in range(n):
        rng = np.random.default_rng([seed, first + i])
        steps = method.make_steps(shape, rng, with_labels=with_labels)
        made: Source = yield from _relay(steps, i, n)
        images[i] = model.values_.fitted(made.image)
        if labels is not None and made.labels is not None:
            is_ids = model.task_ == "instances"
            labels[i] = numbered(made.labels) if is_ids else made.labels
    return channels_last(images, spec), labels


def label_type(model: "ImageGenerator") -> np.dtype[Any]:
    """Return the type of generated labels: of objects, or the smallest for classes."""
    if model.classes_ is None:
        return np.dtype(_ID_TYPE)
    return np.dtype(smallest_unsigned(int(model.classes_.max())))


def channels_last(images: Array, spec: ImageSpec) -> Array:
    """Turn ``(n, C, *S)`` into ``(n, *S, C)``, without C where `spec` has none."""
    if spec.channel_axis is None:
        return images[:, 0]
    return np.ascontiguousarray(np.moveaxis(images, 1, -1))


def paint_steps(
    model: "ImageGenerator",
    method: GeneratorMethod,
    labels: Any,
    seed: int,
    *,
    first: int = 0,
) -> Steps[Array]:
    """Make an image ``(*S[, C])`` for labels ``(*S)``, or n of them for ``(n, *S)``."""
    check_ability(model.method, "can_paint", "make images for labels")
    marks = check_labels(labels, "labels")
    seed, first = check_seed(seed), check_first(first)
    check_known_labels(model, marks)
    n_space = model.spec_.n_space
    stack = check_painted(marks, n_space)
    n, dtype = len(stack), model.values_.low.dtype
    shape = check_shape(
        stack.shape[1:], model.spec_, n, model.n_channels_, dtype.itemsize
    )
    images = np.empty((n, model.n_channels_, *shape), dtype)
    for i, one in enumerate(stack):
        rng = np.random.default_rng([seed, first + i])
        made: Array = yield from _relay(method.paint_steps(one, rng), i, n)
        images[i] = model.values_.fitted(made)
    painted = channels_last(images, model.spec_)
    return painted[0] if marks.ndim == n_space else painted


def vary_steps(
    model: "ImageGenerator",
    method: GeneratorMethod,
    image: Any,
    strength: float,
    seed: int,
    labels: Any,
) -> Steps[Array | tuple[Array, Array]]:
    """Make a variation of an image, and of its labels if given."""
    check_ability(model.method, "can_vary", "vary images")
    array = check_new_image(image, model.spec_, model.n_channels_)
    strength, seed = check_strength(strength), check_seed(seed)
    marks = None if labels is None else check_labels(labels, "labels")
    if marks is not None and method.max_label_values is not None:
        check_known_labels(model, marks)
        if model.classes_ is not None:
            marks = marks.astype(np.promote_types(marks.dtype, label_type(model)))
    _, pairs = check_pairs(array, marks, model.spec_, labels_name="labels")
    if strength == 0:
        copy = array.copy()
        return copy if marks is None else (copy, marks.copy())
    made = []
    for i, source in enumerate(sources := sources_of(pairs[0])):
        rng = np.random.default_rng([seed, i])
        steps = method.vary_steps(source, strength, rng)
        one: Source = yield from _relay(steps, i, len(sources))
        kept = method.varied_range(source.image).fitted(one.image)
        made.append(Source(kept, one.labels))
    frames = np.stack([m.image for m in made])
    varied = np.ascontiguousarray(model.spec_.unframe_image(frames, array.shape))
    if marks is None:
        return varied
    stacked = np.stack([m.labels for m in made if m.labels is not None])
    unframed = model.spec_.unframe(stacked, marks.shape)
    # More objects than before may need a larger type.
    held = np.iinfo(marks.dtype).max
    dtype = marks.dtype if unframed.max() <= held else unframed.dtype
    return varied, np.ascontiguousarray(unframed.astype(dtype))


def check_known_labels(model: "ImageGenerator", labels: Array) -> None:
    """Raise ValueError unless the fit has seen labels, and all of these values."""
    if not model.has_labels_:
        raise ValueError(
            "labels mean nothing to this generator: it was fitted without. "
            "Fit it with labels."
        )
    if model.classes_ is not None:
        check_value_range(labels, model.classes_)


def _relay(steps: Steps[Any], i: int, n: int) -> Steps[Any]:
    """Pass the steps of one of n images on, as steps of the whole."""

    def retold(step: Step) -> Step:
        return Step(i, n, f"Image {i + 1} of {n}: {step.text}", step.figures)

    return retold_steps(steps, retold)


def own_spec(n_space: int, n_channels: int) -> ImageSpec:
    """Return the axes of images of a method that needs none to learn from."""
    axes = {2: "yx", 3: "zyx"}[n_space]
    return ImageSpec(axes if n_channels == 1 else f"{axes}c")
