"""What a user does in the viewer itself."""

from napari.layers import Labels

from napari_segen.widgets.layers import level_zero
from napari_segen.widgets.results import MARK

# napari takes 4 to 8 MB for each, and after 40 of them keeps 60 MB for itself.
MOST_LAYERS = 10


class Hand:
    """Paints, looks around and sorts layers at random; has `viewer` and `random`."""

    def _strokes(self):
        return [
            layer
            for layer in self.viewer.layers
            if isinstance(layer, Labels)
            and MARK not in layer.metadata
            and layer not in self._users
            and layer.editable
        ]

    def paint(self, layer):
        """Paint a few spots of one class."""
        layer.selected_label = self.random.choice((0, 1, 2, 3))
        for _ in range(3):
            shape = level_zero(layer).shape
            spot = [self.random.uniform(0, n - 1) for n in shape]
            layer.paint(spot, layer.selected_label)

    def do_paint(self):
        if strokes := self._strokes():
            self.paint(self.random.choice(strokes))

    def do_edit_result(self):
        results = [
            layer
            for layer in self.viewer.layers
            if isinstance(layer, Labels) and MARK in layer.metadata and layer.editable
        ]
        if results and self.random.random() < 0.3:
            self.paint(self.random.choice(results))

    def do_undo(self):
        for layer in self._strokes():
            self.random.choice((layer.undo, layer.redo))()

    def do_view(self):
        camera = self.viewer.scene.camera
        camera.zoom = self.random.choice((0.5, 1, 2, 5))
        camera.center = (0, self.random.uniform(0, 96), self.random.uniform(0, 128))

    def do_step(self):
        dims = self.viewer.dims
        dims.current_step = [self.random.randrange(int(n)) for n in dims.nsteps]

    def do_switch(self):
        self.viewer.layers.selection.active = self.random.choice(self.viewer.layers)

    def _removable(self):
        """Layers that are not the user's."""
        return [x for x in self.viewer.layers if x not in self._users]

    def do_delete(self):
        if (layers := self._removable()) and self.random.random() < 0.3:
            self.viewer.layers.remove(self.random.choice(layers))

    def remove_surplus(self):
        """Remove layers at random until they are few."""
        while len(layers := self._removable()) > MOST_LAYERS:
            self.viewer.layers.remove(self.random.choice(layers))

    def do_hide(self):
        layer = self.random.choice(self.viewer.layers)
        layer.visible = not layer.visible
