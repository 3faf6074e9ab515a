"""An image in a viewer without a window, looked at from anywhere."""

import numpy as np
from napari.components import ViewerModel

from napari_segen.widgets.layers import Source, remember_axes
from napari_segen.widgets.visible import visible_part


class Bench:
    """A viewer model whose canvas has a size, and one image in it."""

    most = None

    def __init__(self, shape, axes, **more):
        self.viewer = ViewerModel()
        self.layer = self.viewer.add_image(np.zeros(shape), name="i", **more)
        remember_axes(self.layer, axes)
        self.source = Source.of(self.layer, axes)
        self.look((0, 0), 1.0)

    def look(self, center, zoom, size=(100, 200)):
        self.viewer.canvas.size = size
        self.viewer.scene.camera.center = center
        self.viewer.scene.camera.zoom = zoom

    @property
    def part(self):
        return visible_part(self.viewer, self.layer, self.source, self.most)
