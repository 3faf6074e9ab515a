"""The dock in which strokes become class probabilities."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from napari.layers import Labels

from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.widgets.guide.fold import Guide
from napari_segen.widgets.guide.inputs import GuideInputs
from napari_segen.widgets.huge.dock import TOO_HUGE
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.layers import Source
from napari_segen.widgets.live.controls import LiveControls
from napari_segen.widgets.live.sessions import LiveInputs
from napari_segen.widgets.parts.curves import CurvePlot
from napari_segen.widgets.parts.method_form import MethodForm
from napari_segen.widgets.parts.panels import (
    WIDE_LABEL_PX,
    Fold,
    checks,
    form,
    side_by_side,
)
from napari_segen.widgets.parts.record_block import RecordFold
from napari_segen.widgets.probabilistic.choices import (
    features_choice,
    normalization_choice,
    novelty_box,
    smoothing_choice,
)
from napari_segen.widgets.probabilistic.classes_dock import ClassesDock
from napari_segen.widgets.probabilistic.earlier_strokes import EarlierStrokes
from napari_segen.widgets.probabilistic.feature_cache import LazyCache
from napari_segen.widgets.probabilistic.tasks import learning_from_strokes
from napari_segen.widgets.results import Ready
from napari_segen.widgets.tasks import RunSteps, run_here


class ProbabilisticDock(ClassesDock):
    """Paint strokes, press Run: classes, probabilities, uncertainty.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    labels_tooltip = "The layer with your strokes: 0 is unlabelled, 1, 2, … classes."
    _how_to_get_one = "press Run, or Load… a model."
    _no_strokes = (
        "There are no strokes: press New strokes and paint two classes, or choose the "
        "method that needs none."
    )
    _model_class = "ProbabilisticSegmenter"

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._feature_cache = LazyCache()
        self._make_settings()
        self._earlier = EarlierStrokes(self._why_no_learning, self._on_input)
        self._plot = CurvePlot()
        self._make_live()
        self._run = self._action(
            "Run",
            "Learn from the strokes, if the method needs any, and segment the whole "
            "image.",
            self._why_no_fit,
            self.run,
        )
        self._lay_out_all()

    # -- building -------------------------------------------------------------

    def _make_settings(self) -> None:
        about = "How features become probabilities."
        self._method = MethodForm(CLASSIFIERS, "auto", about, self._on_setting)
        self._method.choice.changed.connect(self._on_method)
        self._smoothing = smoothing_choice()
        self._features = features_choice()
        self._normalization = normalization_choice()
        for choice in (self._smoothing, self._features, self._normalization):
            choice.changed.connect(self._on_setting)
        self._novelty = novelty_box()

    def _make_live(self) -> None:
        self._live = LiveControls(
            self._viewer,
            self._live_inputs,
            self._why_no_live,
            self._action,
            self.paint_with,
            self._result_layer,
        )
        self._guide = Guide(
            self._viewer, self._live.preview, self._guide_inputs, self._action
        )
        self._guide.said.connect(self.say)
        self._table.listed.connect(self._live_lists_classes)

    def _lay_out_all(self) -> None:
        of_model = [action.button for action in self._model_row()]
        self._lay_out(
            self._inputs.native,
            self._new_strokes.button,
            self._table,
            form(self._method.choice, self._smoothing).native,
            self._live.native,
            self._run_panel((self._run,)),
            self._score.native,
            checks(self._uncertainty, self._novelty, self._posterior).native,
            side_by_side(*of_model),
            self._earlier.box,
            self._fold,
            self._guide.fold,
            RecordFold(self._action, self._result_layer, self.say, "press Run"),
            Fold(
                "More",
                form(
                    self._features, self._normalization, label_px=WIDE_LABEL_PX
                ).native,
                self._method.native,
                self._plot,
            ),
        )

    # -- state ----------------------------------------------------------------

    def _on_input(self, *args: Any) -> None:
        super()._on_input()
        if self._is_there:
            # What a method without strokes finds are no classes of the strokes.
            self._table.show_layer(self._labels_to_learn())
            self._live.look_again()
            self._guide.look_again()

    def refresh(self) -> None:
        """Enable what can be pressed, and say why the rest cannot."""
        super().refresh()
        if self._is_there:
            self._live.bar.refresh()
            self._earlier.refresh()

    def _on_progress(self, progress: Progress) -> None:
        super()._on_progress(progress)
        self._plot.add(progress.figures)

    def _on_method(self, name: str | None) -> None:
        if name is None:  # for a moment, while the list changes
            return
        self._on_input()
        if not (self._needs_strokes or self._why_no_fit()):
            self.say("This method needs no strokes: press Run.")

    @property
    def _needs_strokes(self) -> bool:
        return self._method.method_class.needs_strokes

    def _labels_to_learn(self) -> Labels | None:
        return super()._labels_to_learn() if self._needs_strokes else None

    def _why_no_learning(self) -> str:
        if self._needs_strokes:
            return ""
        return "This method takes no strokes: choose one that learns from them."

    def _why_no_fit(self) -> str:
        if not self._needs_strokes:
            reason = self._why_busy() or self._why_no_image()
            return reason or TOO_HUGE * self._is_huge
        painted = [v for v in self._table.values if v in self._table.counts]
        classes = {*painted, *self._earlier.classes}
        return super()._why_no_fit() or self._frequencies.problem(classes)

    def run(self) -> None:
        """Learn from the strokes, if the method needs any, and segment the image."""
        if self._why_no_fit():
            return
        self._live.preview.turn_off()
        # Imported when first needed: the filters' module is not small.
        from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

        try:
            model = ProbabilisticSegmenter(**self._settings())
        except ValueError as err:
            self.say(str(err), "error")
            return
        cache = self._feature_cache()
        self._plot.clear()
        expected, earlier = self._frequencies.expected(), self._earlier.model
        if self._is_huge:
            self._learn_huge(model, cache, expected, earlier)
            return
        fit = partial(learning_from_strokes, init_from=earlier)
        self._start_fit(model, fit, cache, expected, self._segment_options())

    def _settings(self) -> dict[str, Any]:
        """Return the arguments of `ProbabilisticSegmenter` that are chosen."""
        return {
            "method": self._method.choice.value,
            "params": self._method.values(),
            "features": self._features.value,
            "smoothing": self._smoothing.value,
            "normalization": self._normalization.value,
        }

    # -- the live preview -----------------------------------------------------

    def _why_no_live(self) -> str:
        if not self._needs_strokes:
            return "This method looks at the whole image: press Run."
        return self._why_no_fit()

    def _live_inputs(self) -> LiveInputs | str:
        if reason := self._why_no_live():
            return reason
        try:
            settings = self._settings()
        except ValueError as err:
            return str(err)
        return LiveInputs(
            self._image.value,
            self._source(),
            self._labels.value,
            settings,
            self._frequencies.expected(),
            self._feature_cache,
            self._earlier.model,
        )

    def _guide_inputs(self) -> GuideInputs | str:
        if reason := self._why_no_labels():
            return reason
        image, strokes = self._image.value, self._labels.value
        return GuideInputs(image, self._source(), strokes, self._feature_cache)

    def _on_setting(self, *args: Any) -> None:
        self._live.look_again()

    def _live_lists_classes(self) -> None:
        self._live.bar.show_classes(self._table.titles)

    # -- results --------------------------------------------------------------

    def _on_result(
        self, source: Source, items: Sequence[Ready], labels: Labels | None
    ) -> None:
        super()._on_result(source, items, labels)
        if labels is not None and labels is self._labels.value:
            self._guide.show_model(self._model)

    def _said_of_loaded(self, model: Any) -> str:
        more = " Or tick “add to the loaded strokes”, and paint on."
        return super()._said_of_loaded(model) + more * (model.strokes_ is not None)

    def _note_of(self, model: Any) -> str:
        if "earlier" not in model.provenance_:
            return ""
        return f"Learnt from {model.strokes_}, the loaded ones among them."

    def _on_loaded(self, model: Any) -> None:
        super()._on_loaded(model)
        if self._model is model:
            self._earlier.show_loaded(model)
            self.refresh()

    # -- jobs -----------------------------------------------------------------

    def _run_steps(self) -> RunSteps:
        return run_here

    def _segment_options(self) -> Mapping[str, Any]:
        return {"cache": self._feature_cache(), "novelty": self._novelty.value}

    def shut_down(self) -> None:
        """End all that runs: the dock was closed, or the viewer."""
        if not self._is_shut:
            self._live.shut_down()
            self._guide.shut_down()
        super().shut_down()
