"""The dock that makes new images, with labels if it has learnt from some."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox
from napari.layers import Image

from napari_segen.widgets.cnn.pairs import LayerPair
from napari_segen.widgets.generator.check import CheckPanel, checking
from napari_segen.widgets.generator.handover import (
    NO_LABELS,
    NOTHING_MADE,
    MadeLayers,
    folder_to_save,
    layers_to_hand_over,
    open_cnn_dock,
    saving_pairs,
)
from napari_segen.widgets.generator.making import MakingDock
from napari_segen.widgets.generator.stress_panel import StressPanel
from napari_segen.widgets.layers import Source, level_zero
from napari_segen.widgets.parts.panels import (
    Fold,
    form,
    heading,
    side_by_side,
    stacked,
)


class GeneratorDock(MakingDock):
    """Learn what an image looks like, then make new ones.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._make_file_actions()
        self._make_handover()
        self._make_check()
        self._stress = StressPanel(self._viewer, self._child)
        self._lay_out_all()
        self._reset_layer_choices()
        self._on_input()
        # Selected layers can be saved and trained on.
        self._viewer.layers.selection.events.changed.connect(self._on_selected)

    # -- building -------------------------------------------------------------

    def _make_file_actions(self) -> None:
        self._save = self._action(
            "Save…",
            "Write the generator to a file.",
            self._why_no_model,
            self._ask_save,
        )
        self._load = self._action(
            "Load…", "Read a generator from a file.", self._why_busy, self._ask_load
        )

    def _make_handover(self) -> None:
        self._save_pairs = self._action(
            "Save pairs…",
            "Write the selected generated layers, or else those made last, into a "
            "folder: images, masks, and the recipe that makes them again.",
            self._why_no_pairs_to_save,
            self._ask_save_pairs,
        )
        self._train = self._action(
            "Train on these",
            "Open the CNN dock with the generated pairs: press Train there.",
            self._why_no_training_pairs,
            self.train_on_generated,
        )
        self._add_real = CheckBox(
            text="add the real pair, too",
            value=True,
            tooltip="Train on these: put the image and the labels chosen above into "
            "the list, too.",
        )
        self._real_row = form(self._add_real).native

    def _make_check(self) -> None:
        check = self._action(
            "Check",
            "Compare what was made with the image that was learnt from, and look for "
            "copies.",
            self._why_no_check,
            self.check,
        )
        self._unseen = self._layer_choice(
            Image,
            "unseen",
            "Optional: a real image that was not learnt from. Only beside one can it "
            "be told whether what was made is copied.",
            nullable=True,
        )
        self._checked = CheckPanel(check.button, self._unseen)

    def _lay_out_all(self) -> None:
        face = self._form
        self._training = stacked(
            form(face.budget).native,
            side_by_side(self._fit.button, self._stop.button),
            self._plot,
        )
        asked = form(face.count, face.size, face.seed_row, face.strength, face.output)
        self._lay_out(
            self._inputs.native,
            form(face.method.choice).native,
            self._training,
            heading("New images"),
            self._preview.native(),
            Fold(
                "Settings of the method",
                face.method.native,
                tooltip="How new images are made: the amounts and sizes.",
            ),
            asked.native,
            form(face.pairs).native,
            self._extent,
            self._run_panel((self._generate,)),
            side_by_side(self._save_pairs.button, self._train.button),
            self._real_row,
            side_by_side(self._save.button, self._load.button),
            *self._folds(),
            self._keras,
        )

    def _folds(self) -> tuple[Fold, Fold]:
        """Return what tells how good new images, and segmenters, are."""
        check = Fold(
            "Check: like real ones, or copies?",
            self._checked,
            tooltip="Figures and pictures that say how far to trust new images.",
        )
        stress = Fold(
            "Stress test of a segmenter",
            self._stress,
            tooltip="How a model's score falls while an image gets worse.",
        )
        return check, stress

    # -- state ----------------------------------------------------------------

    def _reset_layer_choices(self) -> None:
        super()._reset_layer_choices()
        if self._is_there:
            self._checked.choices.reset_choices()
            self._stress.reset_choices()

    def _show_what_applies(self) -> None:
        super()._show_what_applies()
        if self._is_there:
            self._real_row.setVisible(self._has_real_pair)

    def _on_loaded(self, model: Any) -> None:
        super()._on_loaded(model)
        if self._model is model:
            self._is_loaded = True
            self._form.show_method(model.method)
            self._show_what_applies()

    def _said_of_loaded(self, model: Any) -> str:
        return "Generator loaded: press Generate."

    def _on_selected(self, event: Any) -> None:
        self.refresh()

    # -- handing over ---------------------------------------------------------

    @property
    def _has_real_pair(self) -> bool:
        takes_labels = self._chosen.takes_images and self._labels.value is not None
        return takes_labels and not self._chosen.why_no_learning()

    def _handed_over(self) -> list[MadeLayers]:
        return layers_to_hand_over(self._viewer, self._last)

    def _why_no_pairs_to_save(self) -> str:
        return self._why_busy() or ("" if self._handed_over() else NOTHING_MADE)

    def _why_no_training_pairs(self) -> str:
        if reason := self._why_no_pairs_to_save():
            return reason
        return (
            "" if all(m.labels is not None for m in self._handed_over()) else NO_LABELS
        )

    def _ask_save_pairs(self) -> None:
        if folder := folder_to_save(self.native):
            self.save_pairs(folder)

    def save_pairs(self, folder: str | Path) -> None:
        """Write generated layers into a folder, on a thread."""
        if self._why_no_pairs_to_save():
            return
        self._start(
            saving_pairs,
            Path(folder),
            self._handed_over(),
            done=lambda n: self.say(f"{n} images saved to {folder}"),
        )

    def train_on_generated(self) -> None:
        """Open the CNN dock with the generated pairs, and the real one if asked."""
        if self._why_no_training_pairs():
            return
        pairs = [made.as_pair() for made in self._handed_over()]
        if self._add_real.value and self._has_real_pair:
            pairs.insert(0, LayerPair(self._image.value, self._labels.value))
        finds_objects = getattr(self._model, "task_", "classes") == "instances"
        open_cnn_dock(self._viewer, pairs, finds_objects=finds_objects)
        self.say("The CNN dock has these pairs: press Train there.")

    # -- checking -------------------------------------------------------------

    def _real(self) -> Source | None:
        return self._learnt_from if self._has_learnt_here else self._chosen.source()

    @property
    def _has_learnt_here(self) -> bool:
        return self._learnt_from is not None and self._learnt_from.data is not None

    def _why_no_check(self) -> str:
        if reason := self._why_no_pairs_to_save():
            return reason
        if self._real() is None:
            return "Choose the image that was learnt from, to compare with."
        return ""

    def check(self) -> None:
        """Compare what was made with what was learnt from."""
        if self._why_no_check():
            return
        unseen = self._unseen.value
        self._checked.clear()
        self._start(
            checking,
            self._handed_over(),
            self._real(),
            None if unseen is None else level_zero(unseen),
            done=self._on_checked,
        )

    def _on_checked(self, outcome: tuple[Any, bool]) -> None:
        self._checked.show_found(*outcome)
        self.say("Checked: see the figures under Check.")

    def shut_down(self) -> None:
        """End all that runs: the dock was closed, or the viewer."""
        if not self._is_shut:
            super().shut_down()
            self._stress.shut_down()
            # As in `Dock`: the viewer may have gone first.
            with suppress(RuntimeError, ValueError, AttributeError):
                changed = self._viewer.layers.selection.events.changed
                changed.disconnect(self._on_selected)
