"""Generated images, their labels and the recipe as a folder to train from."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_segen.core.archive import written_whole
from napari_segen.core.imagespec import CHANNEL, SPACE, Array, ImageSpec
from napari_segen.core.steps import Step, Steps, run
from napari_segen.generation.recipe import Recipe
from napari_segen.workflows.files import make_folder, write_tiff, writing

IMAGES, MASKS, RECIPE = "images", "masks", "recipe.json"
_LEAST_DIGITS = 4


def save_pairs(
    folder: str | os.PathLike[str],
    images: Array | Sequence[Array],
    labels: Array | Sequence[Array] | None,
    recipe: Recipe | Mapping[str, Any] | None,
    *,
    spec: ImageSpec | None = None,
) -> list[Path]:
    """Write ``images/0000.tif``, ``masks/0000.tif``, ... and ``recipe.json``.

    Parameters
    ----------
    folder : path
        Made if it is not there. Nothing in it is ever replaced.
    images : array of shape (n, *S[, C]), or n arrays (*S[, C])
    labels : array of shape (n, *S), or n arrays (*S), or None
        Without them there is no ``masks/``.
    recipe : Recipe, or what its `as_json` gave, or None
        What makes the same images again. Written last: a folder with it is whole.
    spec : ImageSpec, optional
        Axes of one image, and the pixel size that the files keep.

    Returns
    -------
    list of Path
        All files, in the order in which they were written.

    Raises
    ------
    FileExistsError
        The folder holds images, masks or a recipe from before.
    """
    return run(save_pairs_steps(folder, images, labels, recipe, spec=spec))


def save_pairs_steps(
    folder: str | os.PathLike[str],
    images: Array | Sequence[Array],
    labels: Array | Sequence[Array] | None,
    recipe: Recipe | Mapping[str, Any] | None,
    *,
    spec: ImageSpec | None = None,
) -> Steps[list[Path]]:
    """`save_pairs` as a generator of steps, one for each pair."""
    n = len(images)
    if labels is not None and len(labels) != n:
        raise ValueError(
            f"labels must be given for each image: {n} images, {len(labels)} labels."
        )
    target, written = Path(folder), []
    check_empty(target)
    make_folder(target / IMAGES)
    if labels is not None:
        make_folder(target / MASKS)
    digits = max(_LEAST_DIGITS, len(str(n - 1)))
    for i in range(n):
        yield Step(i, n, f"Writing pair {i + 1} of {n}")
        mask = None if labels is None else labels[i]
        axes = spec or spec_of_one(images[i], mask, recipe)
        name = f"{i:0{digits}}.tif"
        written.append(target / IMAGES / name)
        write_tiff(written[-1], images[i], axes)
        if mask is not None:
            written.append(target / MASKS / name)
            write_tiff(written[-1], mask, without_channels(axes))
    if recipe is not None:
        written.append(target / RECIPE)
        as_json = recipe.as_json() if isinstance(recipe, Recipe) else recipe
        write_json(written[-1], as_json)
    return written


def check_empty(folder: Path) -> None:
    """Raise FileExistsError if `folder` holds pairs from before."""
    for name in (IMAGES, MASKS, RECIPE):
        place = folder / name
        if place.is_dir() and not any(place.iterdir()):
            continue
        if place.exists():
            raise FileExistsError(
                f"{place} is there already, and nothing is replaced. Choose another "
                "folder, or move the earlier pairs away."
            )


def spec_of_one(
    image: Array, labels: Array | None, recipe: Recipe | Mapping[str, Any] | None
) -> ImageSpec:
    """Say what the axes of one generated image are; channels are the last."""
    n_space = image.ndim if labels is None else labels.ndim
    if labels is None and recipe is not None:
        shape = recipe.shape if isinstance(recipe, Recipe) else recipe["shape"]
        n_space = len(shape)
    return ImageSpec(SPACE[-n_space:] + CHANNEL * (image.ndim - n_space))


def without_channels(spec: ImageSpec) -> ImageSpec:
    """Return the axes of the labels of an image of `spec`."""
    return ImageSpec(spec.label_axes, spec.pixel_size, spec.unit)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON values to a file, whole or not at all."""
    with writing(path), written_whole(path) as file:
        file.write(json.dumps(values, indent=1).encode() + b"\n")
