"""The settings of a training, in the CNN dock."""

import math
from copy import copy
from dataclasses import replace
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, FileEdit, SpinBox
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_segen.cnn.augmentation import Augmentation
from napari_segen.cnn.params import PredictionParams, TrainingParams
from napari_segen.cnn.registry import NETWORKS
from napari_segen.core.imagespec import ImageSpec
from napari_segen.widgets.parts.forms import ParamsForm
from napari_segen.widgets.parts.method_form import MethodForm
from napari_segen.widgets.parts.panels import (
    WIDE_LABEL_PX,
    Fold,
    fit_narrow,
    form,
    heading,
)

EPOCHS = math.inf
BUDGETS = (
    ("15 s", 15.0),
    ("1 min", 60.0),
    ("5 min", 300.0),
    ("30 min", 1800.0),
    ("epochs…", EPOCHS),
)
STROKES, MASKS = 0, -1
CLASSES, OBJECTS = "classes", "instances"
_CHOOSE_PX = 32
# Asked for by `budget`, `epochs` and `augment`.
_ELSEWHERE = ("time_limit_s", "epochs", "augment")


class CnnForm(QObject):
    """What a network is to learn, how long, and how.

    Signals
    -------
    changed()
        Something was chosen.

    Attributes
    ----------
    zero, task, budget, epochs : ComboBox or SpinBox
        Of the dock's face.
    network : MethodForm
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._make_labels()
        self.network = MethodForm(NETWORKS, "unet", "The network that is trained.")
        self.network.choice.label = "network"
        self._make_budget()
        self._make_rare()
        for choice in (
            self.budget,
            self.task,
            self.zero,
            self.augment,
            self.network.choice,
        ):
            choice.changed.connect(self._on_changed)
        self._refresh()

    # -- building -------------------------------------------------------------

    def _make_labels(self) -> None:
        self.zero = ComboBox(
            label="value 0",
            choices=[("is unlabelled", STROKES), ("is a class", MASKS)],
            value=STROKES,
            tooltip="What 0 means in the labels. Unlabelled: strokes, nothing is "
            "learnt where nothing is painted. A class: finished masks, 0 is the "
            "background.",
        )
        self.task = ComboBox(
            label="learn",
            choices=[("classes", CLASSES), ("objects", OBJECTS)],
            value=CLASSES,
            tooltip="Classes: each label value is a class. Objects: each label value "
            "is one object, such as a nucleus, and 0 is the background; the result "
            "numbers the objects, touching ones too.",
        )

    def _make_budget(self) -> None:
        self.budget = ComboBox(
            label="train for",
            choices=BUDGETS,
            value=60.0,
            tooltip="How long it trains at most. Stop ends it earlier and keeps the "
            "best so far.",
        )
        self.epochs = SpinBox(
            label="epochs",
            value=20,
            min=1,
            max=100_000,
            tooltip="So many passes over all labelled pixels, however long they take.",
        )

    def _make_rare(self) -> None:
        self._training = ParamsForm(TrainingParams, without=_ELSEWHERE)
        self._prediction = ParamsForm(PredictionParams)
        self.augment = CheckBox(
            text="vary the patches (augmentation)",
            value=True,
            tooltip="Also train on turned, scaled, bent, brighter, noisier patches: "
            "the network then knows what does not matter. Show patches shows them.",
        )
        self._augmentation = ParamsForm(Augmentation)
        self._teacher = CheckBox(
            text="also learn from the pixel classifier",
            value=True,
        )
        self._log_dir = FileEdit(
            label="TensorBoard",
            mode="d",
            nullable=True,
            tooltip="A folder for logs that TensorBoard can show; empty: none.",
        )
        # Its usual words leave no room for the path.
        self._log_dir.choose_btn.text = "…"
        self._log_dir.choose_btn.max_width = _CHOOSE_PX
        for box in (self._training, self._prediction, self._augmentation):
            fit_narrow(box, WIDE_LABEL_PX)

    def rare(self, *buttons: QWidget) -> QWidget:
        """Return what is rarely needed, with `buttons` for patches in their place."""
        return Fold(
            "More",
            heading("Network and training"),
            self.network.native,
            self._training.native,
            self._teacher.native,
            form(self._log_dir, label_px=WIDE_LABEL_PX).native,
            heading("What the network gets to see"),
            self.augment.native,
            self._augmentation.native,
            *buttons,
            heading("When the network is applied"),
            self._prediction.native,
        )

    # -- what is chosen -------------------------------------------------------

    @property
    def finds_objects(self) -> bool:
        """Whether the labels are numbered objects."""
        return bool(self.task.value == OBJECTS)

    @property
    def unlabelled(self) -> int | None:
        """Which label value is to be left out, for `CnnSegmenter.fit`."""
        return 0 if self.zero.value == STROKES and not self.finds_objects else None

    @property
    def wants_teacher(self) -> bool:
        """Whether the pixel classifier teaches where nothing is painted."""
        return bool(self._teacher.value and not self._why_no_teacher())

    @property
    def log_dir(self) -> str | None:
        """Folder for TensorBoard, or None."""
        path = self._log_dir.value
        return None if path is None or str(path) in ("", ".") else str(path)

    def _why_no_teacher(self) -> str:
        if self.unlabelled is None:
            return "For strokes only: in finished masks nothing is left to teach."
        return ""

    def why_no_network(self, spec: ImageSpec) -> str:
        """Say why the chosen network cannot look at such images; empty if it can."""
        network = self.network.method_class
        if network.ndim > spec.n_space:
            return (
                f"The {network.title} looks at volumes, and this image has no depth: "
                "choose another network."
            )
        return ""

    def expect_strokes(self) -> None:
        """Take 0 in the labels for unlabelled."""
        self.zero.value = STROKES

    def expect_masks(self, are_objects: bool) -> None:
        """Take 0 in the labels for a class, or for the background of objects."""
        self.task.value = OBJECTS if are_objects else CLASSES
        self.zero.value = MASKS

    def _on_changed(self, *_: object) -> None:
        self._refresh()
        self.changed.emit()

    def _refresh(self) -> None:
        """Show what belongs to the choices, and say why something is disabled."""
        self.epochs.visible = self.budget.value == EPOCHS
        self.zero.visible = not self.finds_objects
        self._augmentation.enabled = self.augment.value
        reason = self._why_no_teacher()
        self._teacher.enabled = not reason
        self._teacher.tooltip = reason or (
            "Where nothing is painted the network learns, with less weight, what the "
            "pixel classifier of the same strokes says there. Helps with few strokes."
        )

    # -- models ---------------------------------------------------------------

    def model(self) -> Any:
        """Make a network that has learnt nothing; ValueError says what is wrong."""
        return self._model(
            self.network.choice.value,
            params=self.network.values(),
            task=self.task.value,
        )

    def model_to_train_on(self, model: Any) -> Any:
        """Copy a fitted network, to go on with the form's settings where it stands."""
        fresh = self._model(model.network, params=model.params, task=model.task)
        made = self.with_settings(model)
        made.augmentation = fresh.augmentation
        # What a patch network sees is as large as its patches.
        made.training = replace(fresh.training, patch_px=model.training.patch_px)
        return made

    def with_settings(self, model: Any) -> Any:
        """Copy a fitted network, to label images as the form says."""
        made = copy(model)
        made.prediction = self._prediction.values()
        return made

    def _model(self, network: str, **given: Any) -> Any:
        from napari_segen.cnn.segmenter import CnnSegmenter

        is_timed = self.budget.value != EPOCHS
        augment = Augmentation(**self._augmentation.given())
        return CnnSegmenter(
            network,
            time_limit_s=self.budget.value if is_timed else None,
            epochs=None if is_timed else self.epochs.value,
            augment=augment if self.augment.value else False,
            **self._training.given(),
            **self._prediction.given(),
            **given,
        )
