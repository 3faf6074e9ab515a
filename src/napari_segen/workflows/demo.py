"""The three tasks on a sample image, without a window, into a folder of files."""

import importlib.util
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.errors import MissingBackend
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import ClassInfo, Segmentation
from napari_segen.core.metrics import class_iou, mean_iou
from napari_segen.sample_data import (
    COINS_CHECK,
    COINS_CLASSES,
    coins_with_strokes,
    paint,
)
from napari_segen.workflows.comparison import comparison_steps
from napari_segen.workflows.figure import Panel, write_figure
from napari_segen.workflows.files import make_folder, write_json, write_tiff, writing
from napari_segen.workflows.progress import run_with_progress, start_tensorflow

CNN_SECONDS = 20.0
GENERATOR_SECONDS = 25.0
MADE_SHAPE = (256, 320)
COIN = 2
TITLE = "napari-segen: three tasks on one image"
TASKS = ("probabilistic", "cnn", "transform", "flow")
_QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")


def why_headless() -> str | None:
    """Say why no window can be opened here; None where one can."""
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, displays)):
        return "No display: neither DISPLAY nor WAYLAND_DISPLAY is set."
    if not any(map(importlib.util.find_spec, _QT_BINDINGS)):
        return 'No Qt for the window: python -m pip install "napari[all]".'
    return None


@dataclass
class Demo:
    """What the demo works on, and what it has found so far.

    Parameters
    ----------
    out : Path
        The folder of files.
    image, strokes, check : array of shape (y, x)
        `check` are strokes that nothing is trained on.
    panels : dict of str to list of Panel
        The pictures of each task.
    metrics : dict of JSON values
    """

    out: Path
    image: Array
    strokes: Array
    check: Array
    panels: dict[str, list[Panel]] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def timed(self, task: str, what: str) -> Iterator[None]:
        """Note how many seconds the work inside took."""
        started = time.perf_counter()
        yield
        seconds = round(time.perf_counter() - started, 3)
        self.metrics.setdefault(task, {})[f"{what}_seconds"] = seconds

    def score(self, task: str, labels: Array) -> None:
        """Compare labels with the check strokes and say how well they agree."""
        classes = np.array(sorted(COINS_CLASSES))
        marked = self.check > 0
        accuracy = float((labels[marked] == self.check[marked]).mean())
        iou = class_iou(labels, self.check, classes)
        self.metrics[task] |= {
            "check_accuracy": round(accuracy, 4),
            "check_mean_iou": round(mean_iou(labels, self.check, classes), 4),
            "check_iou": {
                COINS_CLASSES[int(c)]: round(float(v), 4)
                for c, v in zip(classes, iou, strict=True)
            },
        }
        print(f"{task}: {accuracy:.1%} of the check strokes' pixels are right")

    def in_order(self) -> list[Panel]:
        """Return the panels as a reader wants them, whatever was done first."""
        return [p for task in TASKS for p in self.panels.get(task, [])]

    def write(self, name: str, array: Array, axes: str = "yx") -> None:
        """Write an array of the demo as TIFF."""
        write_tiff(self.out / f"{name}.tif", array, ImageSpec(axes))

    def save(self, name: str, model: Any) -> None:
        """Write a model of the demo."""
        path = self.out / f"{name}.segen"
        with writing(path):
            model.save(path)


def run_demo(out: Path) -> list[str]:
    """Do all three tasks on the coins and write results, figure and scores.

    Parameters
    ----------
    out : Path
        A folder, made if it is not there.

    Returns
    -------
    list of str
        Where what is, for a person.
    """
    started = time.perf_counter()
    make_folder(out)
    (image, *_), (strokes, *_) = coins_with_strokes()
    check = paint(COINS_CHECK, (image.shape[0], image.shape[1]))
    demo = Demo(out, image, strokes, check)
    demo.write("image", image)
    demo.write("strokes", strokes)
    labels = _segment(demo)
    _vary(demo, labels)
    try:
        with demo.timed("tensorflow", "start"):
            start_tensorflow()
        _train_cnn(demo)
        _imagine(demo, labels)
    except MissingBackend as err:
        print(f"Left out: {err}", file=sys.stderr)
    write_figure(out / "figure.png", TITLE, demo.in_order())
    demo.metrics["total_seconds"] = round(time.perf_counter() - started, 1)
    write_json(out / "metrics.json", demo.metrics)
    return [
        f"Labels, posterior, uncertainty, generated images, models: {out.absolute()}",
        f"Figure: {out.absolute() / 'figure.png'}",
        f"Scores and times: {out.absolute() / 'metrics.json'}",
    ]


def _segment(demo: Demo) -> Array:
    """Strokes to probabilities; returns the labels."""
    from napari_segen.features.cache import FeatureCache
    from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

    cache = FeatureCache()
    model = ProbabilisticSegmenter()
    with demo.timed("probabilistic", "fit"):
        steps = model.fit_steps(demo.image, demo.strokes, cache=cache)
        run_with_progress(steps, "Probabilistic, fit")
    with demo.timed("probabilistic", "segment"):
        segment = model.segment_steps(demo.image, cache=cache)
        result = run_with_progress(segment, "Probabilistic, segment")
    _name_classes(model)
    demo.score("probabilistic", result.labels)
    _write_segmentation(demo, "", result)
    demo.save("probabilistic", model)
    demo.panels["probabilistic"] = [
        Panel("Image: Greek coins", demo.image),
        Panel("Strokes: background, coin", demo.image, demo.strokes, opacity=1.0),
        Panel("Probability of coin", share=_coin(model, result)),
        Panel("Uncertainty", share=result.uncertainty),
        Panel("Probabilistic: labels", demo.image, result.labels),
    ]
    return result.labels


def _train_cnn(demo: Demo) -> None:
    from napari_segen.cnn.segmenter import CnnSegmenter

    model = CnnSegmenter(time_limit_s=CNN_SECONDS)
    with demo.timed("cnn", "fit"):
        steps = model.fit_steps(demo.image, demo.strokes, unlabelled=0)
        run_with_progress(steps, "CNN, training")
    with demo.timed("cnn", "segment"):
        result = run_with_progress(model.segment_steps(demo.image), "CNN, segment")
    _name_classes(model)
    demo.score("cnn", result.labels)
    with demo.timed("cnn", "compare"):
        compare = comparison_steps(model, demo.image, demo.strokes, unlabelled=0)
        found = run_with_progress(compare, "CNN, comparing")
    demo.metrics["cnn"]["comparison"] = found.as_json()
    print(f"cnn: {found.sentence}")
    _write_segmentation(demo, "cnn_", result)
    demo.save("cnn", model)
    demo.panels["cnn"] = [
        Panel("CNN: labels", demo.image, result.labels),
        Panel("CNN: probability of coin", share=_coin(model, result)),
        _learning_curve(model.history_),
    ]


def _learning_curve(history: Mapping[str, Sequence[float | None]]) -> Panel:
    curves = {}
    for name in ("loss", "val_loss"):
        known = [
            (step, value)
            for step, value in zip(history["step"], history[name], strict=True)
            if step is not None and value is not None
        ]
        if known:
            curves[name] = ([s for s, _ in known], [v for _, v in known])
    return Panel("CNN: learning curve", curves=curves, x_name="training step")


def _vary(demo: Demo, labels: Array) -> None:
    """Make a new image from the old one, its labels moved along."""
    from napari_segen.generation.generator import ImageGenerator

    model = ImageGenerator("transform")
    with demo.timed("transform", "generate"):
        model.fit(demo.image, labels)
        images, masks = model.generate_pairs(1, MADE_SHAPE, seed=1)
    _keep_made(demo, model, images[0], masks[0], "Generated by transform")


def _imagine(demo: Demo, labels: Array) -> None:
    """Make new images and labels from noise."""
    from napari_segen.generation.generator import ImageGenerator

    model = ImageGenerator("flow", time_limit_s=GENERATOR_SECONDS)
    with demo.timed("flow", "fit"):
        steps = model.fit_steps(demo.image, labels)
        run_with_progress(steps, "Generator, training")
    with demo.timed("flow", "generate"):
        make = model.generate_pairs_steps(1, MADE_SHAPE, seed=1)
        images, masks = run_with_progress(make, "Generator, from noise")
    _keep_made(demo, model, images[0], masks[0], "Generated from noise by flow")


def _keep_made(demo: Demo, model: Any, image: Array, labels: Array, title: str) -> None:
    """Write a generator, and an image that it made with labels; show both."""
    demo.write(f"{model.method}_image", image)
    demo.write(f"{model.method}_labels", labels)
    demo.save(model.method, model)
    demo.panels[model.method] = [
        Panel(title, image),
        Panel("... and its labels", image, labels),
    ]


def _name_classes(model: Any) -> None:
    model.class_info_ = {v: ClassInfo(name) for v, name in COINS_CLASSES.items()}


def _coin(model: Any, result: Segmentation) -> Array:
    coin: Array = result.posterior[list(model.classes_).index(COIN)]
    return coin


def _write_segmentation(demo: Demo, prefix: str, result: Segmentation) -> None:
    demo.write(f"{prefix}labels", result.labels)
    demo.write(f"{prefix}posterior", result.posterior, "cyx")
    demo.write(f"{prefix}uncertainty", result.uncertainty)
