"""The demo with a window: a sample image, strokes, docks that run by themselves."""

from collections.abc import Callable
from functools import partial

import napari
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QDockWidget

from napari_segen.widgets.dock import Dock
from napari_segen.widgets.results import mark_of

PLUGIN = "napari-segen"
CNN_SECONDS = 15.0
GENERATOR_SECONDS = 15.0
PAUSE_MS = 700


def open_demo() -> None:
    """Open napari with the demo running; returns when the window is closed."""
    viewer = napari.Viewer(title="napari-segen demo")
    tour = Tour(viewer)
    tour.start()
    napari.run()


class Tour(QObject):
    """Presses the docks' buttons one after the other, as a user would.

    It ends where a job fails or the user cancels one: from there on it is his.

    Parameters
    ----------
    viewer : napari.Viewer
        The sample image and the docks are added to it.

    Signals
    -------
    ended()
        Nothing more will be pressed.
    """

    ended = Signal()

    def __init__(self, viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._image, self._strokes = viewer.open_sample(PLUGIN, "coins")
        self._places: dict[Dock, QDockWidget] = {}
        self.probabilistic = self._open("Probabilistic segmentation")
        self.cnn = self._open("CNN segmentation")
        self.generator = self._open("Image generator")
        self._stops: list[tuple[Dock, Callable[[], None]]] = [
            (self.probabilistic, self._segment),
            (self.generator, partial(self._learn, "transform")),
            (self.generator, self.generator.generate),
            (self.cnn, self._train),
            (self.generator, partial(self._learn, "flow")),
            (self.generator, self.generator.generate),
        ]
        self._at: Dock | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._go_on)
        for dock in (self.probabilistic, self.cnn, self.generator):
            dock._job.changed.connect(partial(self._on_changed, dock))
            dock._job.cancelled.connect(self.end)
            dock._job.failed.connect(self.end)

    def _open(self, name: str) -> Dock:
        place, dock = self._viewer.window.add_plugin_dock_widget(
            PLUGIN, name, tabify=True
        )
        dock._image.value, dock._labels.value = self._image, self._strokes
        self._places[dock] = place
        return dock

    def start(self) -> None:
        """Begin, once the window is shown."""
        self._pause.start(PAUSE_MS)

    def end(self, *_: object) -> None:
        """Press nothing more."""
        if self._stops or self._at is not None:
            self._stops, self._at = [], None
            self._pause.stop()
            self.ended.emit()

    def _on_changed(self, dock: Dock) -> None:
        if dock is self._at and not dock._job.is_running:
            # The result is shown after this signal.
            self._pause.start(PAUSE_MS)

    def _go_on(self) -> None:
        if self._at is not None and self._at._job.is_running:
            return  # one job of a dock may be followed by another
        if not self._stops:
            self.end()
            return
        dock, press = self._stops.pop(0)
        if dock._is_shut:  # its dock, or the viewer, was closed
            self.end()
            return
        self._at = dock
        self._places[dock].raise_()
        press()
        if not dock._job.is_running:  # it cannot, and its message line says why
            self.end()

    def _segment(self) -> None:
        self.probabilistic.run()

    def _learn(self, method: str) -> None:
        dock = self.generator
        dock._image.value = self._image
        for layer in self._marked("classes"):
            dock._labels.value = layer
        dock._form.method.choice.value = method
        dock._form.budget.value = GENERATOR_SECONDS
        dock.fit()

    def _train(self) -> None:
        for layer in self._marked("classes"):  # for the network's to be seen
            layer.visible = False
        self.cnn._form.budget.value = CNN_SECONDS
        self.cnn.train()

    def _marked(self, role: str) -> list[Layer]:
        """List the result layers of one kind."""
        layers = self._viewer.layers
        return [layer for layer in layers if mark_of(layer).get("role") == role]
