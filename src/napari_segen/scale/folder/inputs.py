"""Which images are to be segmented, and how their results are called."""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_segen.scale.omezarr.image import is_omezarr
from napari_segen.workflows.files import is_image, list_images

KINDS = "TIFF, PNG, JPEG or OME-Zarr image"


@dataclass(frozen=True, slots=True)
class Input:
    """An image file, or the folder of an OME-Zarr image.

    Parameters
    ----------
    path : Path
    problem : str
        Why it is not read; empty if it is.
    """

    path: Path
    problem: str = ""

    @property
    def stem(self) -> str:
        """What the names of its results begin with."""
        return stem_of(self.path)

    @property
    def is_omezarr(self) -> bool:
        """Whether it is a folder, of any size, that is not read as a whole."""
        return is_omezarr(self.path)


def stem_of(path: Path) -> str:
    """Return a file's name without its ending, such as ``.ome.tif``, ``.ome.zarr``."""
    stem = path.stem
    return stem[:-4] if stem.lower().endswith(".ome") and len(stem) > 4 else stem


def list_inputs(given: Sequence[Path]) -> list[Input]:
    """List the images that files, folders and patterns stand for, each once.

    What a folder holds is only read if it really lies there: a link that leads out of
    the folder becomes a problem of its own. A link that was given by name is followed.
    """
    found: dict[str, Input] = {}
    for place in given:
        folder = place if place.is_dir() and not is_omezarr(place) else None
        for path in list_images([place], _is_input, KINDS):
            problem = "" if folder is None else _why_outside(path, folder)
            found.setdefault(os.path.abspath(path), Input(path, problem))
    return list(found.values())


def _is_input(path: Path) -> bool:
    return is_image(path) or is_omezarr(path)


def _why_outside(path: Path, folder: Path) -> str:
    if not path.is_symlink():
        return ""
    if not path.exists():
        return f"it is a link to {os.readlink(path)}, where nothing is."
    target = path.resolve()
    if not target.is_relative_to(folder.resolve()):
        return (
            f"it is a link to {target}, outside of {folder}. To have it segmented, "
            "give that file itself."
        )
    return ""


def check_names(
    inputs: Sequence[Input], folders: Sequence[Path], out: Path, ends: Sequence[str]
) -> None:
    """Raise ValueError where two results, or a result and an input, would collide.

    Parameters
    ----------
    inputs : sequence of Input
    folders : sequence of Path
        Where they come from, as given.
    out : Path
        The folder of the results.
    ends : sequence of str
        What may follow the stem in a result's name, such as ``"_labels.tif"``.
    """
    for folder in folders:
        if folder.is_dir() and folder.resolve() == out.resolve():
            raise ValueError(
                f"--out {out} is a folder of inputs: its results would be taken for "
                "inputs the next time. Choose another folder."
            )
    sources = {os.path.realpath(i.path) for i in inputs}
    for place in (Path(os.path.realpath(out)), *Path(os.path.realpath(out)).parents):
        if os.fspath(place) in sources:
            raise ValueError(f"--out {out} is inside of an input. Choose another.")
    seen: dict[str, Path] = {}
    for image in inputs:
        # Some file systems do not tell A from a, or two ways to write one letter.
        name = unicodedata.normalize("NFC", image.stem).casefold()
        if name in seen:
            raise ValueError(
                f"{seen[name]} and {image.path} would get the same output name. "
                "Segment them into different folders."
            )
        seen[name] = image.path
        for end in ends:
            if os.path.realpath(out / f"{image.stem}{end}") in sources:
                raise ValueError(
                    f"{image.stem}{end}, a result of {image.path}, would overwrite an "
                    "input. Choose another output folder."
                )


def truth_of(inputs: Sequence[Input], folder: Path) -> Mapping[str, Path]:
    """Find the ground truth of each image: the file of the same stem.

    Returns
    -------
    mapping of str to Path
        By stem; images without truth are left out.
    """
    if not folder.is_dir():
        raise ValueError(f"--truth must be a folder of label images, got {folder}.")
    wanted = {i.stem for i in inputs}
    found: dict[str, Path] = {}
    for path in list_images([folder]):
        stem = stem_of(path)
        if stem in found and stem in wanted:
            raise ValueError(
                f"{found[stem]} and {path} could both be the truth of {stem!r}. "
                "Leave one of them."
            )
        found[stem] = path
    known = {stem: path for stem, path in found.items() if stem in wanted}
    if not known:
        raise ValueError(
            f"--truth {folder} holds no file that is named like an image, such as "
            f"{inputs[0].stem}.tif."
        )
    return known
