"""Reading a recipe, and saying whether the same bytes can come out again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.archive import FilePath
from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import Array
from napari_segen.core.provenance import array_hash, package_versions
from napari_segen.generation.recipe import Recipe

# A recipe has one or two kilobytes; with the seeds of many variations some more.
_MAX_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class StoredRecipe:
    """A recipe that a file held.

    Parameters
    ----------
    path : Path
    recipe : Recipe
    n_variations : int
        Of an image, with the seeds from the recipe's on.
    """

    path: Path
    recipe: Recipe
    n_variations: int = 1


def read_recipe(path: FilePath) -> StoredRecipe:
    """Read a ``recipe.json``.

    Raises
    ------
    ValueError
        It is none, or damaged.
    OSError
        It cannot be read.
    """
    path = Path(path)
    with open(path, "rb") as file:
        content = file.read(_MAX_BYTES + 1)
    try:
        if len(content) > _MAX_BYTES:
            raise ValueError("it is too large")
        values = json.loads(content)
        seeds = values.pop("seeds", None)
        recipe = Recipe.from_json(values)
        _check(recipe)
        return StoredRecipe(path, recipe, _n_of(seeds, recipe.seed))
    except KeyError as err:
        what = f"{path} is not a recipe or is damaged (it has no {err})."
        raise ValueError(what) from err
    except (ValueError, TypeError, AttributeError, RecursionError) as err:
        raise ValueError(f"{path} is not a recipe or is damaged ({err}).") from err


def _check(recipe: Recipe) -> None:
    """Raise TypeError where a field is of the wrong type.

    Limits are checked by who follows the recipe.
    """
    for name in ("n", "seed", "n_steps", "fit_seed"):
        if type(getattr(recipe, name)) is not int:
            raise TypeError(f"{name} is {getattr(recipe, name)!r}")
    for name in ("params", "versions"):
        if not isinstance(getattr(recipe, name), dict):
            raise TypeError(f"{name} is {getattr(recipe, name)!r}")
    for name in ("method", "model"):
        if not isinstance(getattr(recipe, name), str):
            raise TypeError(f"{name} is {getattr(recipe, name)!r}")
    if not all(type(s) is int for s in recipe.shape):
        raise TypeError(f"shape is {recipe.shape!r}")


def _n_of(seeds: Any, first: int) -> int:
    if seeds is None:
        return 1
    if not seeds or seeds != list(range(first, first + len(seeds))):
        raise ValueError("its seeds do not follow one another")
    return len(seeds)


def warn_of_differences(stored: StoredRecipe, now: Recipe) -> None:
    """Warn of all that makes other images than the recipe's, as far as it can be told.

    Parameters
    ----------
    stored : StoredRecipe
    now : Recipe
        What the same request would write down here and now.
    """
    then, path = stored.recipe, stored.path
    if now.method != then.method:
        raise ValueError(
            f"{path} is of a generator of the method {then.method!r}, but this one has "
            f"{now.method!r}. Give the generator that the images were made with."
        )
    if now.model != then.model:
        doubt(
            f"the generator is not the one that {path} was made with (its hash "
            "differs): the images will be other ones.",
            stacklevel=2,
        )
    known = package_versions()
    changed = [
        f"{name} {version} (now {known.get(name, 'missing')})"
        for name, version in sorted(then.versions.items())
        if known.get(name) != version
    ]
    if changed:
        doubt(
            f"{path} was made with {', '.join(changed)}: the images may differ a "
            "little.",
            stacklevel=2,
        )


def warn_of_source(stored: StoredRecipe, what: str, arrays: Sequence[Array]) -> None:
    """Warn unless one of `arrays` is what the images were made from.

    Parameters
    ----------
    stored : StoredRecipe
    what : str
        Which field: ``"source_sha256"`` or ``"labels_sha256"``.
    arrays : sequence of array
        The same values in the shapes that they may have had.
    """
    wanted = getattr(stored.recipe, what)
    if wanted not in (array_hash(np.asarray(a)) for a in arrays):
        word = "labels are" if what == "labels_sha256" else "source is"
        doubt(
            f"the {word} not what {stored.path} was made from (the hash differs): the "
            "images will be other ones.",
            stacklevel=2,
        )
