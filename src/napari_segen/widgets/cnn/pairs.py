"""The list of images with labels that a network learns from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from napari_segen.core.imagespec import FRAME, same_sizes
from napari_segen.widgets.layers import axes_of, image_shape, is_huge, mismatch, spec_of

_NAMED = re.compile(r"\b(images|labels)\[(\d+)\]")


@dataclass(frozen=True, eq=False)
class LayerPair:
    """An image layer and the labels layer that belongs to it."""

    image: Image
    labels: Labels

    def is_same(self, other: "LayerPair") -> bool:
        """Whether both are the same two layers."""
        return self.image is other.image and self.labels is other.labels


def why_unusable(pairs: Sequence[LayerPair]) -> str:
    """Say which of the pairs cannot be trained on, alone or together; empty if all can.

    The first pair sets axes, channels and pixel size.
    """
    for pair in pairs:
        axes = axes_of(pair.image)
        if axes is None:
            return (
                f"“{pair.image.name}” is a stack: choose it as the image, and say what "
                "its first axis is."
            )
        if reason := mismatch(pair.image, axes, pair.labels):
            return reason
        if is_huge(image_shape(pair.labels)):
            return f"“{pair.image.name}” is too large to train on: choose a part of it."
    for pair in pairs[1:]:
        if reason := _why_apart(pairs[0].image, pair.image):
            return reason
    return ""


def _why_apart(first: Image, other: Image) -> str:
    wanted, got = (spec_of(x, axes_of(x)) for x in (first, other))
    names = f"“{other.name}” has {{}}, but “{first.name}” has {{}}: "
    together = "images of one training must be alike. Remove one of them."
    if common_axes((wanted.axes, got.axes)) is None:
        return names.format(f"axes {got.axes}", wanted.axes) + together
    counts = [s.n_channels(image_shape(x)) for s, x in ((got, other), (wanted, first))]
    if counts[0] != counts[1]:
        return names.format(f"{counts[0]} channels", counts[1]) + together
    sizes = [_in_words(s) for s in (got, wanted)]
    alike = same_sizes(got.sampling, wanted.sampling)
    if wanted.unit != got.unit or not alike:
        return names.format(f"pixels of {sizes[0]}", sizes[1]) + together
    return ""


def common_axes(axes: Sequence[str]) -> str | None:
    """Return the axes of all images of a training, None if they are too different.

    A single image can stand beside a stack of images or times: as a stack of one.
    """
    longest = max(axes, key=len)
    alike = (longest, longest[1:]) if longest[0] in FRAME else (longest,)
    return longest if all(a in alike for a in axes) else None


def _in_words(spec: Any) -> str:
    size = " x ".join(f"{s:g}" for s in spec.sampling)
    return f"{size} {spec.unit}"


def with_layer_names(text: str, images: Sequence[str], labels: Sequence[str]) -> str:
    """Put the layers' names where a message says ``images[2]`` or ``labels[2]``."""

    def name(match: re.Match[str]) -> str:
        names = images if match[1] == "images" else labels
        at = int(match[2])
        return f"“{names[at]}”" if at < len(names) else match[0]

    return _NAMED.sub(name, text)


class PairList(QWidget):
    """The pairs that were added, each with a button that takes it out again.

    Signals
    -------
    changed()
        A pair was added or removed.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pairs: list[LayerPair] = []
        self._rows: list[tuple[QLabel, QToolButton]] = []
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.setColumnStretch(0, 1)
        self.hide()

    @property
    def pairs(self) -> list[LayerPair]:
        """The pairs, in the order in which they were added."""
        return list(self._pairs)

    def add(self, pair: LayerPair) -> None:
        """Put a pair into the list, unless it is there."""
        if not any(pair.is_same(p) for p in self._pairs):
            self._pairs.append(pair)
            self._fill()

    def remove(self, pair: LayerPair) -> None:
        """Take a pair out of the list."""
        self._pairs = [p for p in self._pairs if p is not pair]
        self._fill()

    def drop_missing(self, layers: Sequence[Any]) -> list[str]:
        """Drop pairs of which a layer is not among `layers`; return their names."""
        gone = [
            p for p in self._pairs if p.image not in layers or p.labels not in layers
        ]
        if gone:
            self._pairs = [p for p in self._pairs if p not in gone]
            self._fill()
        return [p.image.name for p in gone]

    def show_names(self) -> None:
        """Bring the rows up to date with the layers' names."""
        for pair, (label, _) in zip(self._pairs, self._rows, strict=True):
            text = f"{pair.image.name}  +  {pair.labels.name}"
            label.setText(text)
            label.setToolTip(
                f"The network learns “{pair.labels.name}” on “{pair.image.name}”."
            )

    def _fill(self) -> None:
        for row in self._rows:
            for widget in row:
                self.layout().removeWidget(widget)
                widget.hide()
                widget.deleteLater()
        self._rows = [self._row(i, pair) for i, pair in enumerate(self._pairs)]
        self.show_names()
        self.setVisible(bool(self._pairs))
        self.changed.emit()

    def _row(self, i: int, pair: LayerPair) -> tuple[QLabel, QToolButton]:
        label = QLabel()
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        label.setTextFormat(Qt.TextFormat.PlainText)
        button = QToolButton()
        button.setText("✕")
        button.setToolTip("Take this pair out of the list; its layers stay.")
        button.clicked.connect(lambda: self.remove(pair))
        self.layout().addWidget(label, i, 0)
        self.layout().addWidget(button, i, 1)
        return label, button
