"""A model applied to many images, one after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import PARTS, Step, Steps, retold_steps, stretch_steps
from napari_segen.scale.folder.bad_file import BAD_FILE, NO_PLACE, said
from napari_segen.scale.folder.inputs import Input
from napari_segen.scale.folder.job import Job, Outcome
from napari_segen.scale.folder.one_image import Found, image_steps
from napari_segen.scale.folder.one_omezarr import omezarr_steps, opened
from napari_segen.scale.folder.outputs import (
    ENDS,
    Results,
    State,
    content_hash_steps,
    drop_leftovers,
    file_hash,
    made_by,
)
from napari_segen.scale.folder.summary import SUMMARY, write_measurements
from napari_segen.scale.folder.summing_up import summary_steps
from napari_segen.scale.tasks import SharedModel, each_task_steps
from napari_segen.scale.workers import check_workers
from napari_segen.workflows.files import read_image, write_tiff

T = TypeVar("T")

SHARE_OF_IMAGES = 0.95  # beside summary and sheets
SHARE_OF_HASH = 0.02  # of an image


def folder_steps(job: Job) -> Steps[Outcome]:
    """Segment images, go on past bad ones, and summarise; see `Job`.

    Raises
    ------
    ValueError
        Before anything is written: results are there that may not be replaced.
    OSError
        A result cannot be written. What is complete stays, for `resume`.
    """
    model_hash = file_hash(job.model_path)
    states = yield from _states_steps(job, model_hash)
    if job.resume or job.overwrite:
        drop_leftovers(job.out, [i.stem for i in job.inputs])
    left = [i for i, state in enumerate(states) if state is not State.COMPLETE]
    problems = yield from _images_steps(job, left, model_hash)
    summing_up = summary_steps(job, problems)
    rows, sheets = yield from stretch_steps(summing_up, SHARE_OF_IMAGES, 1)
    return Outcome(rows, states.count(State.COMPLETE), problems, sheets)


def _images_steps(
    job: Job, left: Sequence[int], model_hash: str
) -> Steps[dict[Path, str]]:
    """Segment the inputs of these numbers; returns what was wrong with some."""
    found: dict[int, str] = {}
    n = len(job.inputs)
    here = left
    if job.client is not None:
        check_workers(job.client, job.model_path, job.out)
        there = [i for i in left if not job.inputs[i].is_omezarr]
        here = [i for i in left if job.inputs[i].is_omezarr]
        model = SharedModel(job.model, job.model_path)
        small = replace(
            job, model=None, inputs=(), truth={}, client=None, home=Path.cwd()
        )
        steps = each_task_steps(
            partial(_file_steps, model, small, model_hash),
            [job.inputs[i] for i in there],
            lambda k, problem: found.__setitem__(there[k], problem),
            client=job.client,
            text="Images",
        )
        yield from stretch_steps(steps, 0, SHARE_OF_IMAGES * len(there) / n)
    for i in here:
        image = job.inputs[i]
        title = f"{i + 1} of {n}, {image.path.name}"
        steps_of_one = _titled_steps(title, _one_steps(job, image, model_hash))
        share = SHARE_OF_IMAGES / n
        found[i] = yield from stretch_steps(steps_of_one, i * share, (i + 1) * share)
    return {job.inputs[i].path: found[i] for i in sorted(found) if found[i]}


def _file_steps(
    model: SharedModel, job: Job, model_hash: str, image: Input
) -> Steps[str]:
    """Segment a file in a worker, which has read the model by itself."""
    return (yield from _one_steps(replace(job, model=model.get()), image, model_hash))


def _titled_steps(title: str, steps: Steps[T]) -> Steps[T]:
    """Say of each step which image it is about; the parts of one start from 0 again."""
    furthest = 0.0

    def titled(step: Step) -> Step:
        nonlocal furthest
        furthest = max(furthest, step.done / step.total if step.total else 0.0)
        return Step(round(PARTS * furthest), PARTS, f"{title}: {step.text}")

    return retold_steps(steps, titled)


def _states_steps(job: Job, model_hash: str) -> Steps[list[State]]:
    """Look at what is there; ValueError if it may not be replaced."""
    wanted, settings = job.settings.wanted, job.settings.as_json()
    states, kept = [], []
    for i, image in enumerate(job.inputs):
        results = job.results(image)
        there = results.existing(wanted)
        state = State.FOREIGN if there else State.NEW
        if there and job.resume and not image.problem:
            yield Step(0, PARTS, f"Looking for results, {i} of {len(job.inputs)}")
            hashing = _hash_or_none_steps(image.path, job.client)
            image_hash = yield from stretch_steps(hashing, 0, 0)
            state = results.state(wanted, made_by(model_hash, image_hash, settings))
        if state is State.FOREIGN:
            kept += there
        states.append(state)
    if not job.resume:
        kept += [p for p in [job.out / SUMMARY] if p.exists()]
    if kept and not job.overwrite:
        more = f" (and {len(kept) - 1} files more)" if len(kept) > 1 else ""
        raise ValueError(f"{kept[0]} exists{more}{_WAY_OUT[job.resume]}")
    return states


_WAY_OUT = {
    False: ". Say --resume to keep what is complete, or --overwrite to replace it, or "
    "choose another folder.",
    True: ", made by another model, with other settings or from another image, or "
    "edited since. Say --overwrite as well to replace it, or choose another folder.",
}


def _hash_or_none_steps(path: Path, client: Any) -> Steps[str]:
    """Return the hash of an image, or of none if that cannot be read: said later."""
    try:
        return (yield from content_hash_steps(path, client))
    except OSError:
        return ""


def _one_steps(job: Job, image: Input, model_hash: str) -> Steps[str]:
    """Segment an image and write its results; returns what is wrong with it."""
    if image.problem:
        return image.problem
    yield Step(0, 0, "Reading")
    results, path = job.results(image), job.home / image.path
    try:
        found, record = yield from _found_steps(job, image, results, path, model_hash)
    except ConnectionError:  # the cluster is gone, for all images
        raise
    except BAD_FILE as err:
        if isinstance(err, OSError) and err.errno in NO_PLACE:
            raise OSError(
                err.errno, f"cannot write to {job.out}: {err.strerror}."
            ) from err
        return said(err).replace(str(path), str(image.path))
    yield Step(PARTS, PARTS, "Writing")
    _write(job, results, found, record)
    return ""


def _found_steps(
    job: Job, image: Input, results: Results, path: Path, model_hash: str
) -> Steps[tuple[Found, dict[str, Any]]]:
    """Segment an image; returns what was found, and the record of it."""
    hashing = content_hash_steps(path, job.client)
    image_hash = yield from stretch_steps(hashing, 0, SHARE_OF_HASH)
    made = made_by(model_hash, image_hash, job.settings.as_json())
    if image.is_omezarr:
        # Its labels are written while they are found: it must be known before that
        # these are of this work.
        spec = opened(job.model, path, job.settings).spec
        results.begin(_record(job, image, Found(spec, {}, {"flag": ""}), made))
        steps = omezarr_steps(
            job.model,
            path,
            results,
            job.settings,
            resume=job.resume,
            client=job.client,
        )
    else:
        steps = image_steps(job.model, read_image(path), job.settings)
    found = yield from stretch_steps(steps, SHARE_OF_HASH, 1)
    return found, _record(job, image, found, made)


def _record(
    job: Job, image: Input, found: Found, made: Mapping[str, Any]
) -> dict[str, Any]:
    provenance = job.model.provenance_
    return {
        "image": str(image.path),
        "spec": found.spec.as_json(),
        "model": {
            "file": str(job.model_path),
            "kind": job.model.kind,
            "created": provenance.get("created"),
            "versions": provenance.get("versions"),
        },
        "made_by": made,
        "row": found.row,
    }


def _write(job: Job, results: Results, found: Found, record: Mapping[str, Any]) -> None:
    if not results.is_omezarr:
        results.begin(record)
    wanted = job.settings.wanted
    for what in wanted:
        path = results.path(what)
        if ENDS[what].endswith(".csv"):
            assert found.table is not None  # as `check_settings` has seen to
            write_measurements(path, found.table)
        elif what in found.arrays:
            write_tiff(path, found.arrays[what], _result_spec(found.spec, what))
    results.finish(record, wanted)


def _result_spec(spec: ImageSpec, what: str) -> ImageSpec:
    axes = ("c" if what == "posterior" else "") + spec.label_axes
    return ImageSpec(axes, spec.pixel_size, spec.unit)
