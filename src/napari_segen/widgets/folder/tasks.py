"""The job of applying a model to a folder.

It also runs in the process for Keras, so nothing here imports napari or Qt.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_segen.core.archive import SUFFIX
from napari_segen.core.steps import Step, Steps, retold_steps
from napari_segen.scale.cluster import connected
from napari_segen.scale.folder.command import job_of
from napari_segen.scale.folder.job import Job, Outcome
from napari_segen.scale.folder.run import folder_steps
from napari_segen.scale.folder.settings import Settings
from napari_segen.widgets.jobs.kept_model import key_of
from napari_segen.widgets.tasks import RunSteps
from napari_segen.workflows.models import load, needs_tensorflow

MODEL = f"model{SUFFIX}"
KEEP, REPLACE, REFUSE = "keep what is complete", "replace", "stop"
# What the command line's options are called in the window.
WORDS = {
    "--overwrite": f"“{REPLACE}”",
    "--resume": f"“{KEEP}”",
    "--posterior": "“probability of each class”",
    "--uncertainty": "“uncertainty”",
    "--measurements": "“measurements”",
    "--objects": "“objects of”",
    "--boundary": "“boundary”",
    "--truth": "“truth”",
    "--out": "“results”",
    "--axes": "“axes”",
    "--rescale": "“rescale”",
    "--scheduler": "“cluster”",
}


@dataclass(frozen=True)
class Request:
    """What is to be done.

    Parameters
    ----------
    model_path : Path, optional
        None: the model has no file yet, and is saved beside the results.
    images : Path
        A folder, a file or a pattern.
    out : Path
    settings : Settings
    truth : Path, optional
    resume, overwrite : bool
        As in `Job`.
    scheduler : str, optional
        Address of a Dask cluster that does the work.
    """

    model_path: Path | None
    images: Path
    out: Path
    settings: Settings
    truth: Path | None = None
    resume: bool = False
    overwrite: bool = False
    scheduler: str | None = None

    def job(self, model: Any) -> Job:
        """Check what can be checked before any work; makes the folder of results."""
        return job_of(
            model,
            self.model_path or self.out / MODEL,
            [self.images],
            self.out,
            self.settings,
            truth=self.truth,
            resume=self.resume,
            overwrite=self.overwrite,
        )


def applying_to_folder(
    run_keras: Callable[[], RunSteps], model: Any, request: Request
) -> Steps[Outcome]:
    """Apply a model to many images: here, in the process for Keras, or on a cluster."""
    yield Step(0, 0, "Looking for images")
    try:
        job = request.job(model)
        if request.model_path is None:
            yield Step(0, 0, f"Saving the model to {job.model_path}")
            _keep_model(model, job.model_path, request.overwrite)
            request = replace(request, model_path=job.model_path)
        if request.scheduler is not None:
            return (yield from _on_cluster_steps(job, request.scheduler))
        if not needs_tensorflow(model):
            return (yield from folder_steps(job))
        return (yield from run_keras()(applying_from_file, request))
    except ValueError as err:
        raise ValueError(in_words_of_the_window(str(err))) from err
    except OSError as err:
        where = f": {err.filename}" if err.filename else ""
        said = f"{err.strerror}{where}" if err.strerror else str(err)
        raise OSError(in_words_of_the_window(said)) from err


def _on_cluster_steps(job: Job, scheduler: str) -> Steps[Outcome]:
    yield Step(0, 0, f"Connecting to {scheduler}")
    with connected(scheduler, None) as client:
        link = client.dashboard_link

        def told(step: Step) -> Step:
            return Step(step.done, step.total, f"{step.text} (dashboard: {link})")

        return (
            yield from retold_steps(folder_steps(replace(job, client=client)), told)
        )


def applying_from_file(request: Request) -> Steps[Outcome]:
    """Apply the model in a file: all of the job, in whatever process this is."""
    assert request.model_path is not None
    return (yield from folder_steps(request.job(load(request.model_path))))


def _keep_model(model: Any, path: Path, overwrite: bool) -> None:
    """Save a model beside its results, so that these can be made again."""
    if path.exists() and not overwrite:
        try:
            same = key_of(load(path)) == key_of(model)
        except (ValueError, OSError):
            same = False
        if same:
            return
        raise ValueError(
            f"{path} is another model than the dock's, and its results are beside it. "
            f"Choose “{REPLACE}”, or another folder for the results."
        )
    model.save(path)


def in_words_of_the_window(text: str) -> str:
    """Put what the window calls them for the command line's options."""
    return re.sub(
        r"--[a-z]+(-[a-z]+)*", lambda found: WORDS.get(found[0], found[0]), text
    )
