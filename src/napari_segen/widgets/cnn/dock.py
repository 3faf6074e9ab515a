"""The dock in which a convolutional network learns from labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from magicgui.widgets import CheckBox
from napari.layers import Labels

from napari_segen.core.model import finds_objects
from napari_segen.widgets.cnn.learning_dock import LearningDock
from napari_segen.widgets.cnn.pairs import LayerPair, PairList, why_unusable
from napari_segen.widgets.cnn.pixel_size import in_unit_of, is_other_size
from napari_segen.widgets.cnn.tasks import Lesson, drawing_patches
from napari_segen.widgets.jobs.job import Showing
from napari_segen.widgets.layers import Source, axes_of
from napari_segen.widgets.looks import preview_colors
from napari_segen.widgets.parts.panels import checks, form, side_by_side
from napari_segen.widgets.parts.record_block import RecordFold

TOO_HUGE = (
    "This image is too large for a network in the window. Save… the model, and label "
    "the image from the command line or a script: see “Images larger than memory”."
)


class CnnDock(LearningDock):
    """Train a network on labels, watch it learn, apply it.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    labels_label = "labels"
    labels_tooltip = "What the network learns from: strokes, or finished masks."
    _how_to_get_one = "press Train, or Load… a model."

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._pairs = PairList()
        self._make_boxes()
        self._make_actions()
        self._lay_out_all()
        self._form.changed.connect(self.refresh)
        self._pairs.changed.connect(self._on_input)

    # -- building -------------------------------------------------------------

    def _make_boxes(self) -> None:
        self._show_preview = CheckBox(
            text="live preview",
            value=True,
            tooltip="While it trains, label what is in sight every few seconds, in a "
            "layer that goes when the result comes.",
        )
        self._show_preview.changed.connect(self._preview.switch)
        self._rescale = CheckBox(
            text="rescale to the training pixel size",
            value=True,
            visible=False,
            tooltip="This image's pixels have another size than those that the model "
            "learnt from. Rescaled, things look as large to the network as in its "
            "training; the result has this image's pixels again.",
        )

    def _make_actions(self) -> None:
        self._add_pair = self._action(
            "Add pair",
            "Put this image and these labels into a list: Train then learns from all "
            "pairs of the list.",
            self._why_no_pair,
            self.add_pair,
        )
        self._train = self._action(
            "Train",
            "Learn from the labels, then segment the image.",
            self._why_no_fit,
            self.train,
        )
        self._continue = self._action(
            "Continue",
            "Train the dock's model on: the one trained last, or loaded.",
            self._why_no_continue,
            self.train_on,
        )
        self._pause = self._action(
            "Pause",
            "Let the training wait until Resume. Waiting does not count as training.",
            self._why_no_stop,
            self._pause_or_resume,
        )
        self._stop = self._action(
            "Stop",
            "End the training now and go on with the best network so far.",
            self._why_no_stop,
            self._job.finish,
        )
        self._patches = self._action(
            "Show patches",
            "Show what the network gets to see: varied patches, and their labels.",
            self._why_no_fit,
            self.show_patches,
        )

    def _lay_out_all(self) -> None:
        face = self._form
        self._inputs.append(face.zero)
        self._reset_layer_choices()
        of_model = [action.button for action in self._model_row()]
        self._lay_out(
            self._offer,
            self._inputs.native,
            side_by_side(self._new_strokes.button, self._add_pair.button),
            self._pairs,
            form(face.task, face.network.choice, face.budget, face.epochs).native,
            self._run_panel((self._train, self._continue), (self._pause, self._stop)),
            self._plot,
            checks(self._show_preview, self._uncertainty, self._posterior).native,
            checks(self._rescale).native,
            side_by_side(*of_model),
            RecordFold(self._action, self._result_layer, self.say, "press Train"),
            face.rare(self._patches.button),
            self._keras,
        )

    # -- state ----------------------------------------------------------------

    def reset_choices(self, *args: Any) -> None:
        """Bring the lists of layers up to date; napari calls it."""
        super().reset_choices(*args)
        if not self._is_there:
            return
        self._pairs.show_names()
        if dropped := self._pairs.drop_missing(self._viewer.layers):
            names = ", ".join(f"“{name}”" for name in dropped)
            self.say(f"No longer in the list, as a layer was removed: {names}.")

    def refresh(self) -> None:
        """Enable what can be pressed, and show what belongs to the choices."""
        super().refresh()
        if not self._is_there:
            return
        self._pause.button.setText("Resume" if self._job.is_paused else "Pause")
        self._offer.set_busy(self._why_busy())
        self._rescale.visible = self._is_other_size()

    def _is_other_size(self) -> bool:
        if self._model is None or self._why_no_image():
            return False
        return is_other_size(self._source().spec, self._model.spec_)

    def _chosen_pairs(self) -> list[LayerPair]:
        """Return the pairs of the list, or the chosen image with its labels."""
        if self._pairs.pairs:
            return self._pairs.pairs
        return [LayerPair(self._image.value, self._labels.value)]

    def _why_no_pair(self) -> str:
        if reason := super()._why_no_fit():
            return self._about_labels(reason)
        pair = LayerPair(self._image.value, self._labels.value)
        if any(pair.is_same(p) for p in self._pairs.pairs):
            return "This image with these labels is in the list."
        return why_unusable([*self._pairs.pairs, pair])

    def _why_no_fit(self) -> str:
        reason = self._why_busy() if self._pairs.pairs else super()._why_no_fit()
        reason = reason or why_unusable(self._chosen_pairs())
        if reason:
            return self._about_labels(reason)
        image = self._chosen_pairs()[0].image
        return self._form.why_no_network(Source.of(image, axes_of(image)).spec)

    def _about_labels(self, reason: str) -> str:
        if reason.startswith("There are no strokes"):
            return "There are no labels: open a mask, or press New strokes and paint."
        return reason

    def _why_no_apply(self) -> str:
        if reason := super()._why_no_apply():
            return reason
        return TOO_HUGE if self._source().is_huge else ""

    def _why_no_continue(self) -> str:
        return self._why_no_model() or self._why_no_fit()

    # -- what the buttons do --------------------------------------------------

    def add_strokes(self) -> Labels:
        """Add a strokes layer over the image, and choose it: its 0 is unlabelled."""
        self._form.expect_strokes()
        return super().add_strokes()

    def add_pair(self) -> None:
        """Put the chosen image and labels into the list."""
        if not self._why_no_pair():
            self._pairs.add(LayerPair(self._image.value, self._labels.value))

    def learn_from(self, pairs: Sequence[LayerPair], *, finds_objects: bool) -> None:
        """Put finished masks into the list in place of what is there.

        Parameters
        ----------
        pairs : sequence of LayerPair
        finds_objects : bool
            Whether their labels are numbered objects.
        """
        for pair in self._pairs.pairs:
            self._pairs.remove(pair)
        self._form.expect_masks(finds_objects)
        for pair in pairs:
            self._pairs.add(pair)

    def train(self) -> None:
        """Learn from the labels, then segment the image."""
        if not self._why_no_fit():
            self._learn(self._form.model, False, *self._lesson_now())

    def train_on(self) -> None:
        """Let the dock's model learn more, then segment the image."""
        if not self._why_no_continue():
            make = partial(self._form.model_to_train_on, self._model)
            self._learn(make, True, *self._lesson_now())

    def _pause_or_resume(self) -> None:
        if self._job.is_paused:
            self._job.resume()
        else:
            self._job.pause()

    def show_patches(self) -> None:
        """Show varied patches and their labels, as the network would get them."""
        if self._why_no_fit() or (model := self._made(self._form.model)) is None:
            return
        lesson, labels = self._lesson_now()
        source = lesson.sources[0]
        earlier = self._results.earlier(source)
        colors = preview_colors(labels)

        def shown(items: list[Any]) -> Showing:
            looks = [item.with_look(Labels, colormap=colors) for item in items]
            layers, said = yield from self._results.putting(source, looks, earlier)
            names = ", ".join(f"“{layer.name}”" for layer in layers)
            self.say(f"{names} beside the image: a patch for each slider position.")
            self.say(said, "warning")
            self._viewer.reset_view()

        self._start(drawing_patches, model, lesson, earlier, done=shown)

    def _lesson_now(self) -> tuple[Lesson, Labels | None]:
        """Return what to learn, and the layer with the classes' names and colours."""
        pairs = self._chosen_pairs()
        lesson = Lesson.of(pairs, self._form.unlabelled)
        return lesson, None if self._form.finds_objects else pairs[0].labels

    # -- models ---------------------------------------------------------------

    def _model_to_apply(self) -> Any:
        return self._form.with_settings(self._model)

    def _source_to_apply(self) -> Source:
        source = self._source()
        return replace(source, spec=in_unit_of(self._model.spec_, source.spec))

    def _result_role(self) -> str:
        finds = self._model is not None and finds_objects(self._model)
        return "CNN objects" if finds else "CNN classes"

    def _segment_options(self) -> Mapping[str, Any]:
        rescale = self._is_other_size() and self._rescale.value
        return {"rescale": True} if rescale else {}
