"""Where generated layers go next: into a folder, or to the CNN dock."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_segen.core.imagespec import CHANNEL, Array, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.cnn.pairs import LayerPair
from napari_segen.widgets.layers import level_zero, remember_axes, spec_of
from napari_segen.widgets.results import mark_of
from napari_segen.widgets.tasks import copying, reading

CNN_DOCK = ("napari-segen", "CNN segmentation")
NOTHING_MADE = "Nothing has been made yet: press Generate."
NO_LABELS = "These images have no labels: generate with labels."


@dataclass(frozen=True, eq=False)
class MadeLayers:
    """An image layer that was generated, and the labels layer that goes with it."""

    image: Image
    labels: Labels | None

    @property
    def axes(self) -> str:
        """Letters of the image's axes."""
        return str(_origin(self.image)["axes"])

    @property
    def recipe(self) -> dict[str, Any]:
        """What makes the images again."""
        return dict(_origin(self.image)["recipe"])

    def as_pair(self) -> LayerPair:
        """Return what the CNN dock learns from."""
        assert self.labels is not None
        remember_axes(self.image, self.axes)
        return LayerPair(self.image, self.labels)


def _origin(layer: Any) -> dict[str, Any]:
    found = mark_of(layer).get("provenance")
    return found if isinstance(found, dict) else {}


def layers_to_hand_over(viewer: Any, last: Sequence[MadeLayers]) -> list[MadeLayers]:
    """Return the selected generated layers, or else those that were made last."""
    selected = [
        layer
        for layer in viewer.layers.selection
        if isinstance(layer, Image) and {"recipe", "axes"} <= set(_origin(layer))
    ]
    if not selected:
        return [m for m in last if m.image in viewer.layers]
    ordered = sorted(selected, key=viewer.layers.index)
    return [MadeLayers(layer, _partner(viewer, layer)) for layer in ordered]


def _partner(viewer: Any, image: Image) -> Labels | None:
    """Return the labels that were made along with `image`.

    Those of an earlier run may have its name: the image alone was made anew since.
    """
    mark, recipe = mark_of(image), _origin(image)["recipe"]
    wanted = mark["role"].replace(" (", " labels (", 1)
    for layer in viewer.layers:
        other = mark_of(layer)
        if isinstance(layer, Labels):
            same = other.get("role") == wanted
            same = same and other.get("source") == mark["source"]
            if same and _origin(layer).get("recipe") == recipe:
                return layer
    return None


def made_layers(layers: Sequence[Any], painted: Labels | None) -> list[MadeLayers]:
    """Pair the layers of one result; an image made for labels goes with these."""
    images = [layer for layer in layers if isinstance(layer, Image)]
    labels = [layer for layer in layers if isinstance(layer, Labels)]
    partners = labels or [painted] * len(images)
    return [MadeLayers(i, p) for i, p in zip(images, partners, strict=True)]


def frames_of(made: MadeLayers) -> Steps[tuple[list[Array], list[Array]]]:
    """Load images ``(*S[, C])`` and their labels ``(*S)``, if any, one by one."""
    spec = spec_of(made.image, made.axes)
    data = yield from reading(level_zero(made.image), "images")
    images = [_channels_last(frame, spec) for frame in spec.frames(data)]
    if made.labels is None:
        return images, []
    marks = yield from copying(level_zero(made.labels), "labels")
    # Labels that several images were made for are those of each.
    whole = np.broadcast_to(marks, spec.label_shape(data.shape))
    return images, list(spec.label_frames(whole))


def saving_pairs(folder: Path, layers: Sequence[MadeLayers]) -> Steps[int]:
    """Write layers as a folder of images and masks; returns how many images."""
    from napari_segen.workflows.save_pairs import save_pairs_steps

    images: list[Array] = []
    labels: list[Array] = []
    for made in layers:
        yield Step(0, 0, "Reading the layers")
        more, masks = yield from frames_of(made)
        images += more
        labels += masks
    spec = spec_of(layers[0].image, layers[0].axes)
    color = CHANNEL * (spec.channel_axis is not None)
    one = ImageSpec(spec.space_axes + color, spec.pixel_size, spec.unit)
    all_labels = labels if len(labels) == len(images) else None
    recipe = layers[0].recipe
    yield from save_pairs_steps(folder, images, all_labels, recipe, spec=one)
    return len(images)


def _channels_last(frame: Array, spec: ImageSpec) -> Array:
    if spec.channel_axis is None:
        return frame[0]
    return np.ascontiguousarray(np.moveaxis(frame, 0, -1))


def folder_to_save(parent: QWidget) -> str:
    """Ask for a folder; empty if the user thinks better of it."""
    return QFileDialog.getExistingDirectory(
        parent, "Choose an empty folder for images/, masks/ and recipe.json"
    )


def open_cnn_dock(
    viewer: Any, pairs: Sequence[LayerPair], *, finds_objects: bool
) -> Any:
    """Open the CNN dock, or bring it to the front, with these pairs to learn from."""
    place, dock = viewer.window.add_plugin_dock_widget(*CNN_DOCK, tabify=True)
    dock.learn_from(pairs, finds_objects=finds_objects)
    place.show()
    place.raise_()
    return dock
