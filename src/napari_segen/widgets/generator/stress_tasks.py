"""The stress test as a job.

`testing_in_child` also runs in the process for Keras, so nothing here imports napari
or Qt.
"""

from typing import Any

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps
from napari_segen.widgets.tasks import RunSteps, copying, reading
from napari_segen.workflows.stress import StressTest, stress_steps


def testing_in_child(
    model: Any, image: Array, truth: Array, spec: ImageSpec
) -> Steps[StressTest]:
    """Do what `stress_steps` does, with arguments in a row."""
    return (yield from stress_steps(model, image, truth, spec=spec))


def testing_model(
    run_steps: RunSteps, model: Any, image: Any, truth: Any, spec: ImageSpec
) -> Steps[StressTest]:
    """Load the layers' data and test the model on them where `run_steps` runs it."""
    pixels = yield from reading(image, "image")
    marks = yield from copying(truth, "labels")
    return (yield from run_steps(testing_in_child, model, pixels, marks, spec))
