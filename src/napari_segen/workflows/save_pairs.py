"""Generated images, their labels and the recipe as a folder to train from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_segen.core.archive import FilePath
from napari_segen.core.imagespec import CHANNEL, SPACE, Array, ImageSpec
from napari_segen.core.steps import Step, Steps, run
from napari_segen.generation.recipe import Recipe
from napari_segen.workflows.files import make_folder, write_json, write_tiff

RECIPE = "recipe.json"


def save_pairs(
    folder: FilePath,
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
    folder: FilePath,
    images: Array | Sequence[Array],
    labels: Array | Sequence[Array] | None,
    recipe: Recipe | Mapping[str, Any] | None,
    *,
    spec: ImageSpec | None = None,
) -> Steps[list[Path]]:
    """`save_pairs` as a generator of steps, one for each pair."""
    if (n := len(images)) == 0:
        raise ValueError("images is empty: there is nothing to save.")
    if labels is not None and len(labels) != n:
        raise ValueError(
            f"labels must be given for each image: {n} images, {len(labels)} labels."
        )
    writer = ImageFolder(folder, n, PAIRS)
    for i in range(n):
        yield Step(i, n, f"Writing pair {i + 1} of {n}")
        mask = None if labels is None else labels[i]
        writer.add(images[i], mask, spec or spec_of_one(images[i], mask, recipe))
    if recipe is not None:
        writer.finish(recipe)
    return writer.written


@dataclass(frozen=True, slots=True)
class Layout:
    """Where images and masks go in a folder.

    Parameters
    ----------
    image, mask : str
        Folder and beginning of the names.
    least_digits : int
        Of the numbers in the names.
    replaces : bool
        Whether files from before are replaced.
    """

    image: str
    mask: str
    least_digits: int
    replaces: bool


PAIRS = Layout("images/", "masks/", 4, replaces=False)
FLAT = Layout("image_", "labels_", 3, replaces=True)


class ImageFolder:
    """A folder that generated images go into, one by one; the recipe comes last.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    n : int
        How many images are expected.
    layout : Layout
    """

    def __init__(self, folder: FilePath, n: int, layout: Layout = PAIRS) -> None:
        self._folder, self._layout = Path(folder), layout
        self._digits = max(layout.least_digits, len(str(n - 1)))
        self.n_images = 0
        self.written: list[Path] = []
        if not layout.replaces:
            _check_empty(self._folder)
        make_folder(self._folder)

    def add(self, image: Array, mask: Array | None, spec: ImageSpec) -> None:
        """Write the next image of the axes `spec`, and its mask if there is one."""
        name = f"{self.n_images:0{self._digits}}.tif"
        self._write(self._layout.image + name, image, spec)
        if mask is not None:
            axes = ImageSpec(spec.label_axes, spec.pixel_size, spec.unit)
            self._write(self._layout.mask + name, mask, axes)
        self.n_images += 1

    def _write(self, name: str, array: Array, spec: ImageSpec) -> None:
        path = self._folder / name
        if not path.parent.exists():
            make_folder(path.parent)
        write_tiff(path, array, spec)
        self.written.append(path)

    def finish(self, recipe: Recipe | Mapping[str, Any]) -> None:
        """Write the recipe of what was added: the folder is whole."""
        values = recipe.as_json() if isinstance(recipe, Recipe) else recipe
        path = self._folder / RECIPE
        write_json(path, values)
        self.written.append(path)


def _check_empty(folder: Path) -> None:
    """Raise FileExistsError if `folder` holds pairs from before."""
    for name in (PAIRS.image, PAIRS.mask, RECIPE):
        place = folder / name
        if place.is_dir() and not any(place.iterdir()):
            continue
        if place.exists():
            raise FileExistsError(
                f"{place} is there already, and nothing is replaced. Choose another "
                "folder, or move what is there away."
            )


def spec_of_one(
    image: Array, labels: Array | None, recipe: Recipe | Mapping[str, Any] | None
) -> ImageSpec:
    """Say what the axes of one generated image are; channels are the last.

    Without labels and a recipe every axis is taken for space.
    """
    n_space = image.ndim
    if labels is not None:
        n_space = labels.ndim
    elif recipe is not None:
        values = recipe.as_json() if isinstance(recipe, Recipe) else recipe
        n_space = len(values.get("shape") or image.shape)
    return ImageSpec(SPACE[-n_space:] + CHANNEL * (image.ndim - n_space))
