"""How soon a Cancel is answered, whatever runs.

Run: QT_QPA_PLATFORM=offscreen python -m benchmarks.cancelling

Each kind of work runs as in a dock, and is cancelled at random moments of its first
seconds. Times are from the call to the signal that lets the dock say "Cancelled". Where
the work does not answer in time the job is left behind, and that counts as an answer.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

import napari_segen as ns
from napari_segen.core.steps import Step, Steps, run
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.jobs.keras_child import keras_child
from napari_segen.widgets.tasks import fit_in_child

N_CANCELS = 20
FIRST_SECONDS = 3.0


def hanging() -> Steps[None]:
    """Do not say a word for a minute."""
    yield Step(0, 0, "")
    time.sleep(60)


def blobs(size: int) -> np.ndarray:
    rows, columns = np.indices((size, size)) / 9
    noise = np.random.default_rng(0).normal(0, 0.2, (size, size))
    return (np.sin(rows) + np.sin(columns) + noise).astype(np.float32)


def segmenting() -> Steps[Any]:
    image = blobs(4096)
    model = ns.ProbabilisticSegmenter("forest")
    strokes = np.zeros(image.shape, np.uint8)
    strokes[::64] = (image[::64] > 0) + np.uint8(1)
    yield from model.fit_steps(image, strokes)
    return (yield from model.segment_steps(image))


def quilting() -> Steps[Any]:
    image = blobs(512)
    generator = ns.ImageGenerator("texture")
    yield from generator.fit_steps(image)
    return (yield from generator.generate_steps(20, (1024, 1024), seed=0))


def training() -> Steps[Any]:
    image = blobs(512)
    model = ns.CnnSegmenter(epochs=1000)
    labels = (image > 0) + np.uint8(1)
    return (yield from keras_child().run_steps(fit_in_child, model, image, labels))


def fitting() -> Steps[Any]:
    model = ns.ImageGenerator("flow", time_limit_s=60)
    return (yield from keras_child().run_steps(fit_in_child, model, blobs(512)))


def wait(milliseconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(milliseconds), loop.quit)
    loop.exec()


def seconds_to_cancel(job: Job, work: Callable[[], Steps[Any]], after: float) -> float:
    """Start the work, cancel it after so many seconds, and wait for the answer."""
    answered, loop = [], QEventLoop()
    job.cancelled.connect(lambda: (answered.append(time.perf_counter()), loop.quit()))
    job.start(work, done=lambda _: None)
    wait(1000 * after)
    assert job.is_running, "it was too short"
    asked = time.perf_counter()
    job.cancel()
    if not answered:
        loop.exec()
    job.cancelled.disconnect()
    return answered[0] - asked


def main() -> None:
    app = QApplication([])
    child, moments = keras_child(), np.random.default_rng(0)
    child.open()
    works = {
        "features, forest and classes of 4096²": segmenting,
        "20 quilted images of 1024²": quilting,
        "a U-Net trains": training,
        "flow is fitted": fitting,
        "a process that says nothing": partial(child.run_steps, hanging),
    }
    print(f"| what is cancelled, {N_CANCELS} times | median | longest |\n|---|---|---|")
    for name, work in works.items():
        job, found = Job(is_listed=False), []
        for after in moments.uniform(0.2, FIRST_SECONDS, N_CANCELS):
            run(child.warm_up_steps())  # as the docks do after a cancel
            found.append(seconds_to_cancel(job, work, after))
        print(f"| {name} | {np.median(found):.2f} s | {max(found):.2f} s |", flush=True)
    child.close()
    app.quit()


if __name__ == "__main__":
    # The process for Keras finds functions by the name of their module.
    from benchmarks.cancelling import main as importable

    importable()
