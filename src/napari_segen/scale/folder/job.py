"""What is to be done with many images, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_segen.scale.folder.inputs import Input
from napari_segen.scale.folder.outputs import Results
from napari_segen.scale.folder.settings import Settings


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
    model_path : Path
        Its file.
    inputs : sequence of Input
    out : Path
        A folder that is there.
    settings : Settings
    truth : mapping of str to Path
        Label images by the stems of the images.
    resume, overwrite : bool
        Leave out images whose results are complete; replace files.
    client : distributed.Client, optional
        Whose workers do the work: each file as a task, OME-Zarr images part by part.
    home : Path
        From where the paths are seen: workers may have another current folder.
    """

    model: Any
    model_path: Path
    inputs: Sequence[Input]
    out: Path
    settings: Settings = field(default_factory=Settings)
    truth: Mapping[str, Path] = field(default_factory=dict)
    resume: bool = False
    overwrite: bool = False
    client: Any = None
    home: Path = Path()

    def results(self, image: Input) -> Results:
        """Return the place of one image's results."""
        return Results(self.home / self.out, image.stem, image.is_omezarr)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done.

    Parameters
    ----------
    rows : list of dict
        Of the summary, one for each image.
    skipped : int
        How many images were complete before.
    problems : dict of Path to str
        What went wrong, by image.
    sheets : list of Path
    """

    rows: list[dict[str, Any]]
    skipped: int
    problems: dict[Path, str]
    sheets: list[Path]
