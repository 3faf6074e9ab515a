"""The files of each image's results, and the record that says how they were made.

The record is written twice: before the results, as incomplete, and after them, with
their hashes. So after a crash at any moment it is known which files are whole, and
which may be written anew because this very work left them behind.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import Any

from napari_segen import __version__
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import Step, Steps, run
from napari_segen.scale.omezarr.image import drop_labels
from napari_segen.scale.tasks import each_task_steps
from napari_segen.workflows.files import write_json

ENDS = {
    "labels": "_labels.tif",
    "posterior": "_posterior.tif",
    "uncertainty": "_uncertainty.tif",
    "objects": "_objects.tif",
    "measurements": "_measurements.csv",
}
# Of an OME-Zarr image labels are, too, where the standard has them.
ZARR = ".ome.zarr"
ZARR_ENDS = {
    "labels": f"{ZARR}/labels/segmentation",
    "objects": f"{ZARR}/labels/objects",
}
RECORD = "_record.json"

READING = "Reading what is to be told from other images"
BATCH = 16  # files that one task reads


class State(Enum):
    """What there is of an image's results."""

    NEW = "nothing"
    UNFINISHED = "part of what this work makes"
    COMPLETE = "all that this work makes"
    FOREIGN = "something else"


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash_steps(path: Path, client: Any = None) -> Steps[str]:
    """SHA-256 of a file, or of the files in an OME-Zarr folder, but for its labels.

    Those are read by the workers of `client`, a `distributed.Client`, if there is one.
    """
    if not path.is_dir():
        return file_hash(path)
    files: list[Path] = []
    for folder, folders, names in os.walk(path):
        if Path(folder) == path and "labels" in folders:
            folders.remove("labels")
        files += [Path(folder) / name for name in names]
    files.sort()
    batches = [files[i : i + BATCH] for i in range(0, len(files), BATCH)]
    hashes: list[list[str]] = [[]] * len(batches)
    yield from each_task_steps(
        _hashed_steps,
        [[file.absolute() for file in batch] for batch in batches],
        hashes.__setitem__,
        client=client,
        text=READING,
    )
    whole = hashlib.sha256()
    for file, found in zip(files, chain(*hashes), strict=True):
        whole.update(f"{file.relative_to(path).as_posix()}\0{found}\n".encode())
    return whole.hexdigest()


def _hashed_steps(files: Sequence[Path]) -> Steps[list[str]]:
    hashes = []
    for done, file in enumerate(files):
        yield Step(done, len(files), READING)
        hashes.append(file_hash(file))
    return hashes


def _content_hash(path: Path) -> str:
    return run(content_hash_steps(path))


def made_by(model: str, image: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that an image's results depend on, as JSON values.

    Parameters
    ----------
    model, image : str
        Hashes of the two.
    settings : mapping of JSON values
    """
    values = {"model": model, "image": image, "settings": settings}
    values["napari-segen"] = __version__
    plain: dict[str, Any] = json.loads(json.dumps(values))  # tuples are lists there
    return plain


@dataclass(frozen=True, slots=True)
class Results:
    """The files of one image's results.

    Parameters
    ----------
    folder : Path
    stem : str
        What their names begin with.
    is_omezarr : bool
        Whether labels are OME-Zarr.
    """

    folder: Path
    stem: str
    is_omezarr: bool = False

    def path(self, what: str) -> Path:
        """Return the place of one of `ENDS`."""
        end = ZARR_ENDS.get(what) if self.is_omezarr else None
        return self.folder / f"{self.stem}{end or ENDS[what]}"

    @property
    def record_path(self) -> Path:
        """Where the record is."""
        return self.folder / f"{self.stem}{RECORD}"

    def record(self) -> dict[str, Any] | None:
        """Read the record; None where there is none of ours."""
        try:
            found = json.loads(self.record_path.read_bytes())
            ImageSpec.from_json(found["spec"])
            is_ours = isinstance(found["row"]["flag"], str)
            is_ours = is_ours and isinstance(found["outputs"], dict)
        # A file of this name may hold anything.
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return found if is_ours else None

    def existing(self, wanted: Sequence[str]) -> list[Path]:
        """List the files that writing these results would replace."""
        places = [*(self.path(what) for what in wanted), self.record_path]
        return [p for p in places if p.exists() or p.is_symlink()]

    def state(self, wanted: Sequence[str], made: Mapping[str, Any]) -> State:
        """Say what there is of the `wanted` results that are `made_by` this."""
        if not self.existing(wanted):
            return State.NEW
        record = self.record()
        if record is None or record.get("made_by") != made:
            return State.FOREIGN
        hashes = record["outputs"]
        if not hashes:
            return State.UNFINISHED
        is_whole = set(hashes) == set(wanted)
        for what in wanted:
            path = self.path(what)
            if not path.exists():
                is_whole = False
            elif _content_hash(path) != hashes.get(what):
                return State.FOREIGN  # edited since
        return State.COMPLETE if is_whole else State.UNFINISHED

    def begin(self, record: Mapping[str, Any]) -> None:
        """Say that files without further record are of this work."""
        earlier = self.record()
        write_json(self.record_path, {**record, "outputs": {}})
        # What earlier work made besides would pass for a result of this.
        for what in earlier["outputs"] if earlier else ():
            if what in ENDS and (path := self.path(what)).is_dir():
                drop_labels(path)
            elif what in ENDS:
                path.unlink(missing_ok=True)

    def finish(self, record: Mapping[str, Any], wanted: Sequence[str]) -> None:
        """Say that the `wanted` files are complete."""
        hashes = {what: _content_hash(self.path(what)) for what in wanted}
        write_json(self.record_path, {**record, "outputs": hashes})


def drop_leftovers(folder: Path, stems: Sequence[str]) -> None:
    """Remove the passing files that a kill in the middle of writing left behind."""
    ends = (*ENDS.values(), RECORD)
    names = {f".{stem}{end}" for stem in stems for end in ends}
    for path in folder.iterdir():
        # As `written_whole` calls them: the name, a dot, letters.
        if path.name.startswith(".") and path.name.rpartition(".")[0] in names:
            path.unlink(missing_ok=True)
