"""What is asked before a model is applied to a folder."""

from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, FileEdit, LineEdit, SpinBox
from qtpy.QtWidgets import QWidget

from napari_segen.core.model import finds_objects
from napari_segen.scale.folder.settings import ObjectSettings, Settings
from napari_segen.widgets.colors import class_title
from napari_segen.widgets.folder.tasks import KEEP, REFUSE, REPLACE, Request
from napari_segen.widgets.parts.panels import Fold, checks, fit_narrow, form, stacked

ENDING = "_segmented"
NO_IMAGES = "Choose the folder of the images."
NO_OUT = "Choose a folder for the results."
THERE = {KEEP: (True, False), REPLACE: (True, True), REFUSE: (False, False)}
# A file edit without a path says it is the current folder.
_NOTHING = Path()


class FolderForm:
    """Images in, results out, and which.

    Parameters
    ----------
    on_input : callable
        Called when anything was chosen.
    """

    def __init__(self, on_input) -> None:
        self._model: Any = None
        self._suggested = _NOTHING
        self._make_files()
        self._make_outputs()
        self._make_objects()
        self._make_job()
        self._lay_out()
        self._images.changed.connect(self._suggest)
        for widget in (*self._top, *self._checks, *self._rest):
            widget.changed.connect(on_input)

    # -- building -------------------------------------------------------------

    def _make_files(self) -> None:
        self._images = _folder(
            "images",
            "A folder of TIFF, PNG, JPEG or OME-Zarr images. A pattern such as "
            "images/*.tif, or one file, can be typed.",
        )
        self._out = _folder(
            "results",
            "The folder that gets a file of labels for each image, summary.csv "
            "and the contact sheets. It is made if it is not there.",
        )
        self._truth = _folder(
            "truth",
            "A folder of label images named like the images: results are "
            "scored with them.",
            nullable=True,
        )
        self._axes = LineEdit(
            label="axes",
            tooltip="The axes of each image where files do not tell, such as tyx for a "
            "series of planes. Empty: as in training.",
        )

    def _make_outputs(self) -> None:
        self._measurements = CheckBox(
            text="measurements",
            tooltip="Also write a table for each image: size, place, shape and "
            "brightness of its objects.",
        )
        self._posterior = CheckBox(
            text="probability of each class",
            tooltip="Also write each class's probability, from 0 to 1.",
        )
        self._uncertainty = CheckBox(
            text="uncertainty",
            tooltip="Also write where the method is unsure, from 0 to 1.",
        )

    def _make_objects(self) -> None:
        self._objects = ComboBox(
            label="objects of",
            choices=self._classes,
            nullable=True,
            tooltip="Also tell the objects of this class apart, number and count them. "
            "A network that tells objects apart does so in any case.",
        )
        self._boundary = ComboBox(
            label="boundary",
            choices=self._classes,
            nullable=True,
            tooltip="A class that lies between objects and cuts them apart.",
        )
        self._min_size = SpinBox(
            label="min size",
            max=10**8,
            tooltip="Objects of fewer pixels are left out.",
        )

    def _make_job(self) -> None:
        self._there = ComboBox(
            label="if there are results",
            choices=lambda _: [*THERE],
            tooltip=f"{KEEP}: images that this very model is done with are left out, "
            "as after a Cancel; results of other models are not touched. "
            f"{REPLACE}: such results are replaced. {REFUSE}: nothing is done.",
        )
        self._cluster = LineEdit(
            label="cluster",
            tooltip="The address of a Dask scheduler, such as tcp://10.0.0.1:8786: its "
            "workers do the work. They need the same files under the same path. Empty: "
            "this computer does it.",
        )

    def _lay_out(self) -> None:
        self._top = form(self._images, self._out, self._objects)
        self._checks = checks(self._measurements, self._posterior, self._uncertainty)
        self._rest = form(
            self._there,
            self._boundary,
            self._min_size,
            self._truth,
            self._axes,
            self._cluster,
        )
        self.native: QWidget = stacked(
            self._top.native, self._checks.native, Fold("More", self._rest.native)
        )

    # -- what is chosen -------------------------------------------------------

    def show_model(self, model: Any) -> None:
        """Offer the classes of a model."""
        self._model = model
        self.reset_choices()
        for choice in (self._objects, self._boundary):
            choice.enabled = bool(self._classes(None))

    def reset_choices(self) -> None:
        """Bring the lists up to date."""
        for box in (self._top, self._rest):
            box.reset_choices()
            fit_narrow(box)

    def _classes(self, _: Any) -> list[tuple[str, int]]:
        model = self._model
        if model is None or not hasattr(model, "classes_") or finds_objects(model):
            return []
        return [
            (class_title(int(v), model.class_info_), int(v)) for v in model.classes_
        ]

    def _suggest(self) -> None:
        """Fill in a folder for the results, unless the user has said one."""
        images = self._images.value
        if self._out.value in (_NOTHING, self._suggested) and images.is_dir():
            self._suggested = images.with_name(images.name + ENDING)
            self._out.value = self._suggested

    def why_not(self) -> str:
        """Say what is missing."""
        if self._images.value == _NOTHING:
            return NO_IMAGES
        return NO_OUT if self._out.value == _NOTHING else ""

    def request(self, model_path: Path | None) -> Request:
        """Return what is asked for; ValueError says what cannot be."""
        objects = None
        if self._objects.value is not None:
            objects = ObjectSettings(
                (self._objects.value,), self._boundary.value, self._min_size.value
            )
        settings = Settings(
            axes=self._axes.value.strip() or None,
            posterior=self._posterior.value,
            uncertainty=self._uncertainty.value,
            objects=objects,
            measurements=self._measurements.value,
        )
        truth = self._truth.value
        return Request(
            model_path,
            self._images.value,
            self._out.value,
            settings,
            None if truth in (None, _NOTHING) else truth,
            *THERE[self._there.value],
            self._cluster.value.strip() or None,
        )


def _folder(label: str, tooltip: str, *, nullable: bool = False) -> FileEdit:
    edit = FileEdit(label=label, mode="d", nullable=nullable, tooltip=tooltip)
    edit.choose_btn.text = "…"  # the path needs the room
    edit.choose_btn.max_width = 40
    return edit
