"""Make the documentation's pictures: open napari, drive the docks, save PNGs.

Needs a display, real or virtual::

    xvfb-run -a -s "-screen 0 1500x1000x24" python docs/make_screenshots.py

``--seconds`` is how long the network trains, and the generator.
"""

import argparse
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
import tifffile
from PIL import Image
from qtpy.QtWidgets import QApplication, QScrollArea

import napari_segen as ns

IMAGES = Path(__file__).parent / "images"
PLUGIN = "napari-segen"
LONGEST_JOB_SECONDS = 1800.0
WIDTH, HEIGHT = 1280, 900
COIN = 2  # the value of the sample's strokes on coins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=150, help="of each training")
    parser.add_argument("--only", nargs="+", choices=DOCKS, default=list(DOCKS))
    options = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    viewer = napari.Viewer(title="napari-segen")
    viewer.window.resize(WIDTH, HEIGHT)
    try:
        for name in options.only:
            DOCKS[name](viewer, options.seconds)
    finally:
        viewer.close()


def probabilistic(viewer, seconds: float) -> None:
    dock = opened(viewer, "Probabilistic segmentation")
    dock._posterior.value = True
    save(viewer, "strokes")
    dock._live.preview.turn_on()
    dock._live.bar.show_next()
    while dock._live.preview.is_busy:
        settle(0.05)
    save(viewer, "live")
    fold = dock._guide.fold
    fold.open()
    settle()
    dock.native.findChild(QScrollArea).ensureWidgetVisible(fold)
    save(viewer, "guide")
    fold._button.setChecked(False)
    dock.run()
    wait_for(dock)
    save(viewer, "probabilistic")
    show_only(viewer, "uncertainty")
    save(viewer, "uncertainty")
    objects(viewer)


def objects(viewer) -> None:
    """Go on from the classes that `probabilistic` left."""
    for layer in viewer.layers:
        layer.visible = False
    classes = viewer.layers["coins classes"]
    viewer.window.remove_dock_widget("all")
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Objects")
    settle()
    dock._finding.choose(classes)
    dock._finding._min_size.value = 50
    dock._finding._fill_holes.value = 200
    dock.find()
    wait_for_job(dock)
    viewer.layers["coins"].visible = True
    dock._correcting._image.value = viewer.layers["coins"]
    save(viewer, "objects")


def compare(viewer, seconds: float) -> None:
    """Show where two methods differ on the same strokes."""
    image, strokes, dock = beside_sample(viewer, "Compare labels")
    strokes.visible = False
    for choice, method in ((dock._first, "bayes"), (dock._second, "forest")):
        model = ns.ProbabilisticSegmenter(method).fit(image.data, strokes.data)
        labels = model.predict(image.data)
        choice.value = viewer.add_labels(labels, name=method, visible=False)
    dock.compare()
    wait_for_job(dock)
    save(viewer, "compare")


def folder(viewer, seconds: float) -> None:
    """Apply a model of the coins to a folder of parts of them."""
    image, strokes, dock = beside_sample(viewer, "Apply to folder")
    dock.take_model(ns.ProbabilisticSegmenter().fit(image.data, strokes.data))
    with tempfile.TemporaryDirectory() as place:
        images = Path(place) / "coins"
        images.mkdir()
        for i, part in enumerate(np.array_split(image.data, 3)):
            tifffile.imwrite(images / f"row_{i + 1}.tif", part)
        dock._form._images.value = images
        dock.run()
        wait_for_job(dock)
        viewer.layers.clear()
        dock.open_row(0)
        wait_for_job(dock)
        save(viewer, "folder")


def cnn(viewer, seconds: float) -> None:
    dock = opened(viewer, "CNN segmentation")
    set_nearest(dock._form.budget, seconds)
    dock.train()
    wait_for(dock)
    save(viewer, "cnn")


def generator(viewer, seconds: float) -> None:
    """Learn from the coins and a number for each."""
    dock = opened(viewer, "Image generator")
    image, strokes = dock._image.value.data, dock._labels.value
    segmenter = ns.ProbabilisticSegmenter().fit(image, strokes.data)
    coins = segmenter.classes_.tolist().index(COIN)
    ids = ns.instances(
        segmenter.predict_proba(image), foreground=coins, min_size=50, fill_holes=200
    )
    viewer.layers.remove(strokes)
    dock._labels.value = viewer.add_labels(ids, name="coins numbered", visible=False)
    dock._form.task.value = "instances"
    set_nearest(dock._form.budget, seconds)
    dock.fit()
    wait_for(dock)
    dock.generate()
    wait_for(dock)
    while dock._preview.is_running:
        settle(0.05)
    dock._image.value.visible = True
    for layer in viewer.layers:
        if isinstance(layer, napari.layers.Labels) and layer.visible:
            layer.contour = 2
            viewer.layers.selection.active = layer
    save(viewer, "generator")


DOCKS = {
    "probabilistic": probabilistic,
    "compare": compare,
    "folder": folder,
    "cnn": cnn,
    "generator": generator,
}


def opened(viewer, name: str):
    """Open a dock that learns beside the sample image, and give it the strokes."""
    image, strokes, dock = beside_sample(viewer, name)
    dock._image.value, dock._labels.value = image, strokes
    settle()
    return dock


def beside_sample(viewer, name: str):
    """Start from the sample image with strokes, and open one dock beside it."""
    viewer.window.remove_dock_widget("all")
    viewer.layers.clear()
    image, strokes = viewer.open_sample(PLUGIN, "coins")
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    settle()
    viewer.reset_view()
    return image, strokes, dock


def set_nearest(box, seconds: float) -> None:
    box.value = min(box.choices, key=lambda choice: abs(choice - seconds))


def show_only(viewer, word: str) -> None:
    for layer in viewer.layers:
        layer.visible = word in layer.name
        if layer.visible:
            viewer.layers.selection.active = layer


def wait_for(dock) -> None:
    """Let the window live until the dock has a model and its result is shown."""
    wait_for_job(dock)
    if dock.model is None:
        raise RuntimeError(f"{type(dock).__name__} says: {dock.message}")


def wait_for_job(dock) -> None:
    end = time.monotonic() + LONGEST_JOB_SECONDS
    while dock._job.is_running:
        if time.monotonic() > end:
            raise TimeoutError(f"the job of {type(dock).__name__} does not end")
        settle(0.05)
    settle()


def settle(seconds: float = 1.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def save(viewer, name: str) -> None:
    settle()
    viewer.reset_view()
    settle()
    pixels = np.asarray(viewer.screenshot(canvas_only=False, flash=False))
    picture = Image.fromarray(pixels[..., :3])
    picture.quantize(256).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
