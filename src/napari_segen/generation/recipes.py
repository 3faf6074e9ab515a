"""Writing down what a generator was asked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.core.checks import check_new_image
from napari_segen.core.parameters import as_json
from napari_segen.core.provenance import array_hash, package_versions
from napari_segen.generation.method import GeneratorMethod
from napari_segen.generation.modelfile import state_hash
from napari_segen.generation.recipe import Recipe
from napari_segen.generation.requests import (
    check_count,
    check_painted,
    check_seed,
    check_sizes,
    check_strength,
)

if TYPE_CHECKING:
    from napari_segen.generation.generator import ImageGenerator


def recipe_of(
    model: "ImageGenerator",
    method: GeneratorMethod,
    n: int,
    shape: Sequence[int],
    seed: int,
    **more: Any,
) -> Recipe:
    """Return the recipe of `n` images; `more` are fields of `Recipe`."""
    return Recipe(
        method=model.method,
        params=as_json(model.params),
        fit_seed=model.seed,
        n_steps=method.n_steps,
        n=check_count(n),
        shape=check_sizes(shape),
        seed=check_seed(seed),
        model=state_hash(method),
        versions=package_versions(),
        **{"pairs": False, **more},
    )


def recipe_of_painted(
    model: "ImageGenerator", method: GeneratorMethod, labels: Any, seed: int
) -> Recipe:
    """Return the recipe of images made for labels."""
    marks = np.asarray(labels)
    stack = check_painted(marks, model.spec_.n_space)
    return recipe_of(
        model,
        method,
        len(stack),
        stack.shape[1:],
        seed,
        source="labels",
        source_sha256=array_hash(marks),
    )


def recipe_of_varied(
    model: "ImageGenerator",
    method: GeneratorMethod,
    image: Any,
    strength: float,
    seed: int,
    labels: Any,
) -> Recipe:
    """Return the recipe of a variation of an image, and of its labels if given."""
    array = check_new_image(image, model.spec_, model.n_channels_)
    frames = model.spec_.frames(array)
    return recipe_of(
        model,
        method,
        len(frames),
        frames.shape[2:],
        seed,
        pairs=labels is not None,
        source="image",
        source_sha256=array_hash(array),
        labels_sha256=None if labels is None else array_hash(np.asarray(labels)),
        strength=check_strength(strength),
    )
