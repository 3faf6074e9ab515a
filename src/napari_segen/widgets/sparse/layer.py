"""A labels layer of several resolutions that can be painted on.

napari lets only layers of one resolution be edited, and draws these whole. Here the
strokes are in sparse tiles; brush, eraser, polygon, undo and redo are napari's own,
which read and write slices of the data alone.
"""

from typing import Any

import numpy as np
from napari.layers import Labels
from napari.layers._multiscale_data import MultiScaleData
from napari.utils.notifications import show_warning

from napari_segen.core.sparse import SparseLabels

MOST_BRUSH_PX = 256
MOST_POLYGON_PX = 2**24  # of its bounding box
NO_FILL = (
    "A strokes layer of a huge image cannot be filled: that would take reading all of "
    "it. Draw a polygon, or use the brush."
)
NO_POLYGON = "This polygon is too large for strokes: zoom in, and draw smaller ones."


class _Paintable(MultiScaleData):
    """Levels by their number; the finest by slices of its pixels."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | slice):
            return self._data[key]
        return self._data[0][key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._data[0][key] = value


def strokes_in(layer: Labels) -> SparseLabels | None:
    """Return what a layer shows if that is sparse labels, or None."""
    data = layer.data[0] if isinstance(layer.data, MultiScaleData) else None
    return data if isinstance(data, SparseLabels) else None


class SparseLabelsLayer(Labels):
    """Shows sparse labels, and can be painted on.

    Parameters
    ----------
    labels : SparseLabels
        Is written to.
    **attributes
        Of the layer.
    """

    def __init__(self, labels: SparseLabels, **attributes: Any) -> None:
        super().__init__(labels.levels(), multiscale=True, **attributes)
        self._data = _Paintable(labels.levels())
        self.editable = True

    def _reset_editable(self) -> None:
        # napari: what has several resolutions cannot be edited.
        self.editable = True

    def _refresh_caches_from_region(self, *args: Any, **options: Any) -> None:
        """Leave what is drawn alone: it is a part, of another resolution."""

    def _partial_labels_refresh(self) -> None:
        if self._updated_slice is not None:
            self._updated_slice = None
            self.refresh(extent=False, thumbnail=False, highlight=False)

    @property
    def brush_size(self) -> float:
        """Diameter of the brush in data pixels."""
        return Labels.brush_size.fget(self)

    @brush_size.setter
    def brush_size(self, size: float) -> None:
        # Wider dabs take longer than a hand moves.
        Labels.brush_size.fset(self, min(size, MOST_BRUSH_PX))

    def fill(self, coord: Any, new_label: int, refresh: bool = True) -> None:
        """Refuse: a flood would read the whole plane."""
        show_warning(NO_FILL)

    def paint_polygon(self, points: Any, new_label: int) -> None:
        """Paint a polygon, if it is not huge."""
        extent = np.ptp(np.asarray(points), axis=0) + 1
        if np.prod(extent, dtype=float) > MOST_POLYGON_PX:
            show_warning(NO_POLYGON)
        else:
            super().paint_polygon(points, new_label)

    def data_setitem(self, indices: Any, value: Any, refresh: bool = True) -> None:
        """Set pixels, to be undone like any stroke."""
        labels = self.data[0]
        before = labels[indices]
        changed = before != value
        at = tuple(np.asarray(i)[changed] for i in indices)
        if not at[0].size:
            return
        now = np.broadcast_to(np.asarray(value, np.uint8), changed.shape)[changed]
        self._save_history((at, before[changed], now))
        labels[at] = now
        if refresh:
            self.refresh(extent=False, thumbnail=False, highlight=False)


# The name of its class makes a layer's type, by which napari finds its controls.
SparseLabelsLayer.__name__ = "Labels"
