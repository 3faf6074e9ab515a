"""Panels of images, probabilities, labels and curves on one page, as a PNG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_segen.core.archive import FilePath, written_whole
from napari_segen.core.imagespec import Array
from napari_segen.workflows.files import writing

COLUMNS = 4
# Classes 1, 2, ... in colours that most colour-blind people tell apart.
_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7")


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a figure.

    Parameters
    ----------
    title : str
    image : array of shape (y, x), optional
        Shown in grey.
    labels : array of shape (y, x), optional
        Class values over the image; 0 is not drawn.
    share : array of shape (y, x), optional
        Values from 0 to 1, shown in colour with a scale.
    curves : mapping of str to (x, y), optional
        Named curves over `x_name`.
    x_name : str
    opacity : float
        Of the labels.
    """

    title: str
    image: Array | None = None
    labels: Array | None = None
    share: Array | None = None
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]] = field(
        default_factory=dict
    )
    x_name: str = ""
    opacity: float = 0.35


def write_figure(path: FilePath, title: str, panels: list[Panel]) -> None:
    """Draw the panels in rows of four and write the page as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = math.ceil(len(panels) / COLUMNS)
    # Room between the rows for the scales, which are no part of the layout.
    layout = ConstrainedLayoutEngine(hspace=0.06)
    figure = Figure(figsize=(4.2 * COLUMNS, 3.6 * rows + 0.5), layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=15)
    places = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for place, panel in zip(places, panels, strict=False):
        _draw(figure, place, panel)
    for place in places[len(panels) :]:
        place.axis("off")
    with writing(path), written_whole(path) as file:
        figure.savefig(file, format="png", dpi=100)


def _draw(figure: Any, place: Any, panel: Panel) -> None:
    place.set_title(panel.title, fontsize=11)
    if panel.curves:
        for name, (x, y) in panel.curves.items():
            place.plot(x, y, label=name)
        place.set_xlabel(panel.x_name)
        place.grid(alpha=0.3)
        # As large as the pictures beside it: the numbers go inside.
        place.set_box_aspect(0.79)
        place.tick_params(axis="y", direction="in", pad=-32)
        place.legend(fontsize=9)
        return
    place.set_xticks([])
    place.set_yticks([])
    if panel.image is not None:
        place.imshow(panel.image, cmap="gray")
    if panel.labels is not None:
        _draw_labels(place, panel.labels, panel.opacity)
    if panel.share is not None:
        shown = place.imshow(panel.share, cmap="magma", vmin=0, vmax=1)
        _draw_scale(figure, place, shown)


def _draw_scale(figure: Any, place: Any, shown: Any) -> None:
    """Draw a small colour scale below the picture: all pictures stay one size."""
    below = place.inset_axes((0.0, -0.06, 0.4, 0.035))
    figure.colorbar(shown, cax=below, orientation="horizontal", ticks=[0, 0.5, 1])
    below.tick_params(labelsize=8, length=2, pad=1)


def _draw_labels(place: Any, labels: Array, opacity: float) -> None:
    from matplotlib.colors import ListedColormap

    place.imshow(
        np.ma.masked_equal(labels, 0),
        cmap=ListedColormap(_COLORS),
        vmin=0.5,
        vmax=len(_COLORS) + 0.5,
        alpha=opacity,
        interpolation="nearest",
    )
