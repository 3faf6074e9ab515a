"""What the command line does with folders: ``napari-segen segment``."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from napari_segen.core.errors import SomeFailed
from napari_segen.scale.cluster import connected
from napari_segen.scale.folder.inputs import check_names, list_inputs, truth_of
from napari_segen.scale.folder.job import Job, Outcome
from napari_segen.scale.folder.outputs import ENDS, RECORD, ZARR
from napari_segen.scale.folder.run import folder_steps
from napari_segen.scale.folder.settings import (
    Settings,
    check_for_omezarr,
    check_settings,
)
from napari_segen.scale.folder.summary import SUMMARY
from napari_segen.scale.omezarr.image import zarr
from napari_segen.workflows.files import make_folder
from napari_segen.workflows.models import load, needs_tensorflow
from napari_segen.workflows.progress import run_with_progress, start_tensorflow

_MOST_SHOWN = 5


def segment(
    model_path: Path,
    inputs: Sequence[Path],
    out: Path,
    settings: Settings,
    *,
    truth: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    scheduler: str | None = None,
    workers: int | None = None,
) -> Iterator[str]:
    """Segment image files with a saved model; yields what was done, for a person.

    Parameters
    ----------
    model_path : Path
    inputs : sequence of Path
        Image files and OME-Zarr folders, folders of them, or patterns.
    out : Path
        A folder, made if it is not there, for ``<stem>_labels.tif`` and the rest, of
        an OME-Zarr image ``<stem>.ome.zarr/labels``.
    settings : Settings
    truth : Path, optional
        A folder of label images to compare with, named like the images.
    resume, overwrite : bool
        See `Job`.
    scheduler, workers
        See `connected`.

    Raises
    ------
    SomeFailed
        At the end, where a file was bad.
    """
    model = load(model_path)
    job = job_of(
        model,
        model_path,
        inputs,
        out,
        settings,
        truth=truth,
        resume=resume,
        overwrite=overwrite,
    )
    with connected(scheduler, workers) as client:
        if client is not None:
            print(f"Dashboard: {client.dashboard_link}", file=sys.stderr, flush=True)
        elif needs_tensorflow(model):
            start_tensorflow()
        steps = folder_steps(replace(job, client=client))
        outcome = run_with_progress(steps, "Segmenting")
    yield from _said(out, outcome)
    if outcome.problems:
        raise SomeFailed(failures(outcome))


def job_of(
    model: Any,
    model_path: Path,
    inputs: Sequence[Path],
    out: Path,
    settings: Settings,
    *,
    truth: Path | None,
    resume: bool,
    overwrite: bool,
) -> Job:
    """Check all that can be checked before any work, and make the folder of results.

    Parameters
    ----------
    model : segmenter
        What is in `model_path`.
    model_path, inputs, out, settings, truth, resume, overwrite
        As those of `segment`.
    """
    if not hasattr(model, "segment_steps"):
        raise ValueError(f"{model_path} is a generator: it makes images, not labels.")
    try:
        check_settings(model, settings)
    except ValueError as err:
        raise ValueError(f"{model_path}: {err}") from err
    images = list_inputs(inputs)
    if any(image.is_omezarr for image in images):
        zarr()  # or an error before there is any work
        check_for_omezarr(settings)
    check_names(images, inputs, out, [*ENDS.values(), ZARR, RECORD])
    known = {} if truth is None else truth_of(images, truth)
    make_folder(out)
    return Job(model, model_path, images, out, settings, known, resume, overwrite)


def _said(out: Path, outcome: Outcome) -> Iterator[str]:
    n_done = sum(row["status"] == "done" for row in outcome.rows)
    skipped = f", {outcome.skipped} of them before" if outcome.skipped else ""
    yield f"Segmented: {n_done} of {len(outcome.rows)} images{skipped}, in {out}"
    yield f"Summary: {out / SUMMARY}"
    yield f"Overlays: {', '.join(map(str, outcome.sheets))}"
    flagged = [row for row in outcome.rows if row.get("flag")]
    for row in flagged[:_MOST_SHOWN]:
        yield f"{row['flag'].capitalize()}: {row['image']}: {row['reason']}"
    if len(flagged) > _MOST_SHOWN:
        yield f"Blank or unlike training: {len(flagged)} images in all, see the summary"
    for name in ("mean_iou", "average_precision"):
        if scores := [row[name] for row in outcome.rows if name in row]:
            said = name.replace("_", " ").capitalize().replace("iou", "IoU")
            yield f"{said}: {fmean(scores):.3f} on average of {len(scores)} images"
    types: dict[str, int] = {}
    for row in outcome.rows:
        if "dtype" in row:
            types[row["dtype"]] = types.get(row["dtype"], 0) + 1
    if len(types) > 1:
        counts = ", ".join(f"{n} of {name}" for name, n in types.items())
        yield f"Mixed types: {counts}. Their brightness cannot be compared."


def failures(outcome: Outcome) -> str:
    """Say which images had errors, and what these are."""
    n = len(outcome.rows)
    said = [
        why if why.startswith(str(path)) else f"{path}: {why}"
        for path, why in outcome.problems.items()
    ]
    more = len(said) - _MOST_SHOWN
    end = f" And {more} more: see {SUMMARY}." if more > 0 else ""
    return f"{len(said)} of {n} images had errors. {' '.join(said[:_MOST_SHOWN])}{end}"
