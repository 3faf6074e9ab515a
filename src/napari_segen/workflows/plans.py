"""What a generator is to make, image by image, from noise, labels or an example."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps
from napari_segen.generation.abilities import check_ability
from napari_segen.generation.making import label_type
from napari_segen.generation.requests import (
    check_count,
    check_shape,
    check_strength,
)
from napari_segen.workflows.generated import pairs_spec

Made = tuple[Array, Array | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Images to make.

    Parameters
    ----------
    n : int
        How many.
    shape : tuple of int
        Spatial shape of each.
    spec : ImageSpec
        Axes of each.
    itemsize, label_size : int
        Bytes of one pixel, and of its label.
    make : callable
        Makes image i, and its labels if there are any.
    try_out : callable
        Makes an image of at most the given extent, to see how long it takes.
    recipe : callable
        What makes the first n again, as JSON values.
    """

    n: int
    shape: tuple[int, ...]
    spec: ImageSpec
    itemsize: int
    label_size: int
    make: Callable[[int], Steps[Made]]
    try_out: Callable[[int], Steps[Any]]
    recipe: Callable[[int], Mapping[str, Any]]


def new_images(
    generator: Any, n: int, shape: tuple[int, ...], seed: int, *, pairs: bool
) -> Plan:
    """Plan new images, with labels or without."""
    item = generator.values_.low.dtype.itemsize
    axes = generator.spec_for(shape)
    # Before anything else is done, and not with the first image.
    shape = check_shape(shape, axes, 1, generator.n_channels_, item)
    recipe = generator.recipe(n, shape, seed, pairs=pairs)

    def make(i: int) -> Steps[Made]:
        if not pairs:
            images = yield from generator.generate_steps(1, shape, seed, first=i)
            return images[0], None
        made = yield from generator.generate_pairs_steps(1, shape, seed, first=i)
        return made[0][0], made[1][0]

    return Plan(
        check_count(n),
        shape,
        pairs_spec(generator, shape),
        item * generator.n_channels_,
        label_type(generator).itemsize if pairs else 0,
        make,
        lambda extent: generator.generate_steps(1, _at_most(shape, extent), seed),
        lambda made: {**recipe.as_json(), "n": made},
    )


def painted_images(generator: Any, labels: Array, n: int, seed: int) -> Plan:
    """Plan `n` images for a label map ``(*S)``, or one for each of ``(m, *S)``."""
    check_ability(generator.method, "can_paint", "make images for labels")
    stack = _one_for_each(labels, generator.spec_.n_space, n)
    recipe = generator.recipe_from_labels(labels, seed)

    def make(i: int) -> Steps[Made]:
        one = stack[i : i + 1]
        images = yield from generator.from_labels_steps(one, seed, first=i)
        return images[0], stack[i]

    def try_out(extent: int) -> Steps[Array]:
        corner = tuple(slice(m) for m in _at_most(stack.shape[1:], extent))
        images: Array = yield from generator.from_labels_steps(stack[0][corner], seed)
        return images

    return Plan(
        len(stack),
        stack.shape[1:],
        pairs_spec(generator),
        generator.values_.low.dtype.itemsize * generator.n_channels_,
        stack.dtype.itemsize,
        make,
        try_out,
        lambda made: {**recipe.as_json(), "n": made},
    )


def _one_for_each(labels: Array, n_space: int, n: int) -> Array:
    """Return the label map of each image, ``(n, *S)``."""
    stack = labels[np.newaxis] if labels.ndim == n_space else labels
    if len(stack) == 1:
        return np.broadcast_to(stack, (check_count(n), *stack.shape[1:]))
    if n != 1:
        raise ValueError(
            f"labels holds {len(stack)} label maps, and each gets one image: leave n "
            "out."
        )
    return stack


def variations(
    generator: Any,
    image: Array,
    labels: Array | None,
    n: int,
    strength: float,
    seed: int,
) -> Plan:
    """Plan `n` variations of an image, and of its labels; i has the seed `seed` + i."""
    check_ability(generator.method, "can_vary", "vary images")
    spec: ImageSpec = generator.spec_
    n, strength = check_count(n), check_strength(strength)
    recipe = generator.recipe_vary(image, strength, seed, labels)

    def make(i: int) -> Steps[Made]:
        made = yield from generator.vary_steps(image, strength, seed + i, labels)
        return (made, None) if labels is None else made

    def try_out(extent: int) -> Steps[Any]:
        small = image[_corner(spec, extent)]
        return (yield from generator.vary_steps(small, strength, seed))

    def as_json(made: int) -> Mapping[str, Any]:
        seeds = {"seeds": [seed + i for i in range(made)]} if n > 1 else {}
        return {**recipe.as_json(), **seeds}

    return Plan(
        n,
        spec.label_shape(image.shape),
        spec,
        image.dtype.itemsize * spec.n_channels(image.shape),
        0 if labels is None else labels.dtype.itemsize,
        make,
        try_out,
        as_json,
    )


def _corner(spec: ImageSpec, extent: int) -> tuple[slice, ...]:
    """Select at most so many pixels along each axis of space."""
    return tuple(
        slice(extent) if a in spec.space_axes else slice(None) for a in spec.axes
    )


def _at_most(shape: tuple[int, ...], extent: int) -> tuple[int, ...]:
    return tuple(min(n, extent) for n in shape)
