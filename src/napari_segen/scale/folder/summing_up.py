"""Summary and contact sheets of all images, made from the files that are there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.model import finds_objects
from napari_segen.core.steps import Step, Steps
from napari_segen.scale.folder.bad_file import BAD_FILE, said
from napari_segen.scale.folder.inputs import Input
from napari_segen.scale.folder.job import Job
from napari_segen.scale.folder.one_omezarr import pictured, whole
from napari_segen.scale.folder.outputs import Results
from napari_segen.scale.folder.sheet import TILE_PX, Sheets, Tile, overlay
from napari_segen.scale.folder.summary import SUMMARY, in_order, score, write_summary
from napari_segen.workflows.files import read_image, read_labels


def summary_steps(
    job: Job, problems: dict[Path, str]
) -> Steps[tuple[list[dict[str, Any]], list[Path]]]:
    """Write summary and contact sheets from the files that are there by now.

    So an image that was complete before counts like one that was just segmented.
    Adds to `problems` what is wrong with the ground truth.
    """
    sheets, rows = Sheets(job.out, len(job.inputs)), []
    for i, image in enumerate(job.inputs):
        yield Step(i, len(job.inputs), f"Summary: {image.path.name}")
        row: dict[str, Any] = {"image": str(image.path), "status": "failed"}
        tile = Tile(f"{image.path.name}: failed", is_flagged=True)
        if image.path in problems:
            row["error"] = problems[image.path]
        else:
            results = job.results(image)
            record = results.record()
            assert record is not None
            row |= {"status": "done", **record["row"]}
            try:
                tile = _tile(job, image, results, record)
                row |= _score(job, image, results, record)
            except BAD_FILE as err:
                row["error"] = problems[image.path] = said(err)
        rows.append(row)
        sheets.add(tile)
    sheets.drop_others()
    write_summary(job.out / SUMMARY, rows)
    return rows, sheets.paths


def _tile(job: Job, image: Input, results: Results, record: Mapping[str, Any]) -> Tile:
    shown = "labels" if job.settings.objects is None else "objects"
    path = results.path(shown)
    if results.is_omezarr:
        array, labels, spec = pictured(image.path, path, 2 * TILE_PX)
    else:
        spec = ImageSpec.from_json(record["spec"])
        array = read_image(image.path).array
        labels = in_order(read_image(path), spec.label_axes)
    is_classes = shown == "labels" and not finds_objects(job.model)
    info = job.model.class_info_ if is_classes else {}
    picture = overlay(array, labels, spec, info)
    flag = record["row"]["flag"]
    caption = f"{image.path.name}: {flag}" if flag else image.path.name
    return Tile(caption, picture, bool(flag))


def _score(
    job: Job, image: Input, results: Results, record: Mapping[str, Any]
) -> dict[str, float]:
    if image.stem not in job.truth:
        return {}
    spec = ImageSpec.from_json(record["spec"])
    is_objects = job.settings.objects is not None or finds_objects(job.model)
    path = results.path("labels" if job.settings.objects is None else "objects")
    found = whole(path, spec) if results.is_omezarr else read_labels(path)
    classes = None if is_objects else job.model.classes_
    return score(found, job.truth[image.stem], spec, classes)
