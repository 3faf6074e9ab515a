"""The two layers of the live preview: classes, and one figure as an image."""

from contextlib import suppress
from typing import Any

from napari.layers import Image, Labels
from napari.utils.colormaps import Colormap, ensure_colormap

from napari_segen.probabilistic.live.pyramid import Wanted, levels
from napari_segen.probabilistic.live.store import UNCERTAINTY, TileStore
from napari_segen.widgets.colors import color_in
from napari_segen.widgets.layers import Source
from napari_segen.widgets.looks import preview_colors
from napari_segen.widgets.results import PASSING, insert_unchosen, place_over

CLASSES, UNSURE = "classes", "uncertainty"
TITLE = "live"
_OPACITY, _FIGURE_OPACITY = 0.5, 0.75

Kind = str | int  # CLASSES, UNSURE, or a class value: its probability


class LiveLayers:
    """Shows what is in a store of tiles; the layers go by themselves.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._wanted = Wanted(UNCERTAINTY)
        self._classes: Labels | None = None
        self._figure: Image | None = None
        self._strokes: Labels | None = None
        self.kind: Kind = CLASSES

    @property
    def are_there(self) -> bool:
        """Whether both layers are in the viewer."""
        layers = (self._classes, self._figure)
        return all(x is not None and x in self._viewer.layers for x in layers)

    @property
    def shown(self) -> Labels | Image | None:
        """The layer of the kind that is shown."""
        return self._classes if self.kind == CLASSES else self._figure

    def add(self, store: TileStore, source: Source, strokes: Labels) -> None:
        """Add the layers over the image, in the colours of the strokes."""
        self.remove()
        image, layers = source.layer(), self._viewer.layers
        if image is None or image not in layers:
            return
        self._strokes = strokes
        self._make(store, source, image.name)
        self._classes.editable = False
        for layer in (self._figure, self._classes):
            insert_unchosen(layers, place_over(layers, image), layer)
        self.show(self.kind)

    def _make(self, store: TileStore, source: Source, name: str) -> None:
        axes, shape = source.spec.label_axes, source.spec.label_shape(source.shape)
        common = {
            "multiscale": True,
            "visible": False,
            "metadata": dict(PASSING),
            **source.label_placement,
        }
        self._figure = Image(
            levels(store, self._wanted, axes, shape),
            name=f"{name} {TITLE} figure",
            contrast_limits=(0, 255),
            blending="translucent",
            opacity=_FIGURE_OPACITY,
            **common,
        )
        self._classes = Labels(
            levels(store, Wanted(), axes, shape),
            name=f"{name} {TITLE}",
            colormap=preview_colors(self._strokes),
            opacity=_OPACITY,
            **common,
        )

    def show(self, kind: Kind) -> None:
        """Show another kind of answer."""
        self.kind = kind
        if not self.are_there:
            return
        self._wanted.value = kind if isinstance(kind, int) else None
        if kind != CLASSES:
            self._figure.colormap = self._colors_of(kind)
            title = UNSURE if kind == UNSURE else f"probability of {kind}"
            image = self._figure.name.split(f" {TITLE} ")[0]
            self._figure.name = f"{image} {TITLE} {title}"
        self.set_visible(True)
        self.refresh()

    def _colors_of(self, kind: Kind) -> Colormap:
        if kind == UNSURE:
            return ensure_colormap("magma")
        color = color_in(self._strokes, kind)
        return Colormap([[0, 0, 0, 1], color], name=color)

    def set_visible(self, is_visible: bool) -> None:
        """Show the layer of the kind that is chosen, or none."""
        if self.are_there:
            self._classes.visible = is_visible and self.kind == CLASSES
            self._figure.visible = is_visible and self.kind != CLASSES

    def toggle(self) -> None:
        """Hide what is shown, or show it again."""
        if self.are_there:
            self.set_visible(not self.shown.visible)
            self.refresh()

    def recolor(self) -> None:
        """Take over the colours of the strokes."""
        if self.are_there:
            self._classes.colormap = preview_colors(self._strokes)
            if isinstance(self.kind, int):
                self._figure.colormap = self._colors_of(self.kind)

    def refresh(self) -> None:
        """Read the tiles anew."""
        layer = self.shown
        if self.are_there and layer is not None and layer.visible:
            layer.refresh(extent=False, thumbnail=False, highlight=False)

    def remove(self) -> None:
        """Take the layers out."""
        gone = (self._classes, self._figure)
        self._classes = self._figure = self._strokes = None
        # RuntimeError, ValueError, KeyError: the window is being closed.
        with suppress(RuntimeError, ValueError, KeyError):
            for layer in gone:
                if layer is not None and layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
