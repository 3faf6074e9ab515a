"""What objects are looked for in, and how: the upper half of the dock."""

from contextlib import suppress
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, SpinBox
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_segen.objects.instances import METHODS
from napari_segen.widgets.colors import names_in
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.jobs.timers import debounced
from napari_segen.widgets.layers import Source, level_zero
from napari_segen.widgets.objects.finding import (
    Classes,
    Listed,
    digest_of,
    listing_values,
    posterior_layers,
    record_of_classes,
)
from napari_segen.widgets.objects.order import labels_to_choose
from napari_segen.widgets.parts.panels import form, stacked
from napari_segen.widgets.parts.stack_choice import StackChoice
from napari_segen.workflows.record import ObjectsRequest

NO_LABELS = "There are no labels: segment an image first, or open its masks."
ASK_AXES = "These labels are a stack: say above what its first axis is."
NO_CLASSES = "This layer holds nothing, or numbered objects already: choose another."
LOOKING = "Looking for the classes of this layer…"
DEBOUNCE_MS = 300
_MOST_PX = 1_000_000
LABEL_PX = 92
MIN_ODDS = 8.0
_TITLES = {"distance": "at their necks", "components": "nowhere"}


class FindingForm(QObject):
    """Asks for a layer of classes, and how its objects are told apart.

    Parameters
    ----------
    viewer : napari.Viewer

    Signals
    -------
    changed()
        Something else was chosen, or is now known of the layer.

    Attributes
    ----------
    preview : CheckBox
        Whether what is in sight is previewed.
    """

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._listed: tuple[Labels, Any] | None = None
        self._titled: list[tuple[str, int]] = []
        self._is_as_found = False
        self._job = Job(is_listed=False)
        self._job.changed.connect(self._on_changed)
        self._timer = debounced(self, DEBOUNCE_MS, self._list_again)
        self._make_classes()
        self._make_cut()
        self._make_boxes()
        self._lay_out()
        self._wire()

    # -- building -------------------------------------------------------------

    def _make_classes(self) -> None:
        self._classes = ComboBox(
            label="classes",
            choices=lambda _: labels_to_choose(self._viewer.layers, "classes"),
            tooltip="The layer of classes to find objects in: the result of a "
            "segmentation, or a mask.",
        )
        self.stack = StackChoice(self._on_changed)
        self._foreground = ComboBox(
            label="objects are",
            choices=lambda _: self._titled,
            tooltip="The class that objects are of.",
        )
        self._boundary = ComboBox(
            label="boundary",
            choices=lambda _: self._titled,
            nullable=True,
            tooltip="A class that lies between objects, such as membranes: objects are "
            "cut apart where it is probable, and its pixels are shared out among them. "
            "For the best cuts run the segmentation with “probability of each class”.",
        )

    def _make_cut(self) -> None:
        self._method = ComboBox(
            label="cut",
            choices=[(_TITLES[name], name) for name in METHODS],
            tooltip="at their necks: objects that touch are cut apart where they are "
            "narrow. nowhere: what is connected is one object.",
        )
        self._min_size = _pixels(
            "min size, px",
            "Objects of fewer pixels than this are left out; 0 keeps all.",
        )
        self._fill_holes = _pixels(
            "fill holes, px",
            "Holes of up to so many pixels become part of the object around them.",
        )

    def _make_boxes(self) -> None:
        self._without_specks = CheckBox(
            text="without doubtful specks",
            value=True,
            tooltip="Leave out objects that are nowhere 8 times as probable as the "
            "other classes: they are hardly ever true ones. It takes layers with the "
            "probability of each class.",
        )
        self.preview = CheckBox(
            text="preview what is in sight",
            value=False,
            tooltip="Show at once what these settings do to the part that is in sight. "
            "Objects that reach far out of it may be cut otherwise in the whole image.",
        )

    def _lay_out(self) -> None:
        self.fields = form(
            self._classes,
            self.stack.widget,
            self._foreground,
            self._boundary,
            self._method,
            self._min_size,
            self._fill_holes,
            label_px=LABEL_PX,
        )
        self.native = stacked(
            self.fields.native, self._without_specks.native, self.preview.native
        )

    def _wire(self) -> None:
        self._classes.changed.connect(self.look_again)
        for field in (
            self._foreground,
            self._boundary,
            self._method,
            self._min_size,
            self._fill_holes,
            self._without_specks,
        ):
            field.changed.connect(self._on_changed)

    # -- the layer and its classes --------------------------------------------

    @property
    def layer(self) -> Labels | None:
        """The chosen layer."""
        return self._classes.value

    def choose(self, layer: Labels) -> None:
        """Look for objects in this layer."""
        self._classes.value = layer

    def _on_changed(self, *args: Any) -> None:
        self._method.enabled = self._boundary.value is None
        self.changed.emit()

    def look_again(self, *args: Any) -> None:
        """Follow a change of layers: list the classes of another one."""
        layer = self.layer
        self.stack.show_layer(layer)
        now = None if layer is None else (layer, layer.data)
        if now is None:
            self._forget()
        elif self._listed is None or any(
            a is not b for a, b in zip(now, self._listed, strict=True)
        ):
            self._forget()
            self._listed = now
            for event in _events(layer):
                event.connect(self._on_data)
            self._list()
        self._on_changed()

    def _on_data(self, event: Any = None) -> None:
        self._timer.start()

    def _list_again(self) -> None:
        if self.layer is not None:
            self._listed = self.layer, self.layer.data
            self._list()

    def _list(self) -> None:
        layer = self.layer
        self._job.restart(
            listing_values, level_zero(layer), digest_of(layer), done=self._on_listed
        )

    def _forget(self) -> None:
        self._job.shut_down()
        with suppress(RuntimeError):  # Qt may have deleted the timer
            self._timer.stop()
        listed, self._listed, self._titled = self._listed, None, []
        # The layer may have gone, and its connections with it.
        with suppress(RuntimeError, ValueError, AttributeError):
            for event in [] if listed is None else _events(listed[0]):
                event.disconnect(self._on_data)

    def _on_listed(self, listed: Listed) -> None:
        self._is_as_found = listed.is_as_found
        names = names_in(self.layer)
        self._titled = [(names.get(v, f"class {v}"), v) for v in listed.values if v > 0]
        was_chosen = self._foreground.value
        with self._foreground.changed.blocked(), self._boundary.changed.blocked():
            self._foreground.reset_choices()
            self._boundary.reset_choices()
            if self._titled and was_chosen not in [v for _, v in self._titled]:
                self._foreground.value = _likeliest(self._titled)

    # -- what was asked for ---------------------------------------------------

    def why_not(self) -> str:
        """Return why no objects can be found; empty if they can."""
        if self.layer is None:
            return NO_LABELS
        if self.stack.axes is None:
            return ASK_AXES
        if self._job.is_running:
            return LOOKING
        if not self._titled:
            return NO_CLASSES
        if self._foreground.value == self._boundary.value:
            return "Objects and boundary are one class: choose two."
        return ""

    @property
    def request(self) -> ObjectsRequest:
        """How objects are to be told apart."""
        boundary = self._boundary.value
        return ObjectsRequest(
            self._foreground.value,
            boundary,
            self._method.value if boundary is None else "distance",
            self._min_size.value,
            MIN_ODDS if self._without_specks.value else 1.0,
            self._fill_holes.value,
        )

    @property
    def classes(self) -> Classes:
        """What objects are to be looked for in."""
        layer, posterior, record = self.layer, {}, {}
        if self._is_as_found:
            posterior = posterior_layers(self._viewer.layers, layer)
            record = record_of_classes(layer)
        planes = {v: level_zero(plane) for v, plane in posterior.items()}
        return Classes(Source.of(layer, self.stack.axes), planes, record)

    @property
    def lacks_posterior(self) -> bool:
        """Whether the layers of probabilities are missing that a run could show."""
        return self._is_as_found and not self.classes.posterior

    def shut_down(self) -> None:
        """Let go of the layer."""
        self._forget()


def _events(layer: Labels) -> list[Any]:
    """Return what tells that somebody paints, or that the data are others."""
    return [layer.events.paint, layer.events.labels_update, layer.events.data]


def _pixels(label: str, tooltip: str) -> SpinBox:
    return SpinBox(label=label, value=0, min=0, max=_MOST_PX, step=10, tooltip=tooltip)


def _likeliest(titled: list[tuple[str, int]]) -> int:
    """Return the class that objects are probably of: the last that is no background."""
    others = [v for title, v in titled if "background" not in title.lower()]
    return others[-1] if others else titled[-1][1]
