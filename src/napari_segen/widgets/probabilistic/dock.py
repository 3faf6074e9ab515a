"""The dock in which strokes become class probabilities."""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any

from magicgui.widgets import Container
from napari.layers import Labels

from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.widgets.guide.fold import Guide
from napari_segen.widgets.guide.inputs import GuideInputs
from napari_segen.widgets.huge.dock import TOO_HUGE, HugeDock
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.layers import Source
from napari_segen.widgets.live.controls import LiveControls
from napari_segen.widgets.live.sessions import LiveInputs
from napari_segen.widgets.parts.curves import CurvePlot
from napari_segen.widgets.parts.method_form import MethodForm
from napari_segen.widgets.parts.panels import WIDE_LABEL_PX, Fold, form, side_by_side
from napari_segen.widgets.parts.record_block import RecordFold
from napari_segen.widgets.probabilistic.choices import (
    features_choice,
    normalization_choice,
    novelty_box,
    smoothing_choice,
)
from napari_segen.widgets.probabilistic.class_figures import ClassFigures
from napari_segen.widgets.probabilistic.class_frequencies import (
    ClassFrequencies,
    FrequencyFold,
)
from napari_segen.widgets.probabilistic.class_table import ClassTable
from napari_segen.widgets.probabilistic.earlier_strokes import EarlierStrokes
from napari_segen.widgets.probabilistic.feature_cache import LazyCache
from napari_segen.widgets.probabilistic.score_block import ScoreBlock
from napari_segen.widgets.probabilistic.tasks import learning_from_strokes
from napari_segen.widgets.results import Ready
from napari_segen.widgets.segment_results import fractions_in
from napari_segen.widgets.tasks import RunSteps, run_here


class ProbabilisticDock(HugeDock):
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
        self._table = ClassTable()
        self._table.picked.connect(self.paint_with)
        self._score = ScoreBlock()
        self._frequencies = ClassFrequencies()
        # Whose classes are shown, and how frequent they were taken to be.
        self._shown: tuple[Source, Mapping[int, float] | None] | None = None
        about = "How features become probabilities."
        self._method = MethodForm(CLASSIFIERS, "auto", about, self._on_parameter)
        self._method.choice.changed.connect(self._on_method)
        self._smoothing = smoothing_choice()
        self._features = features_choice()
        self._normalization = normalization_choice()
        self._novelty = novelty_box()
        self._earlier = EarlierStrokes(self._why_no_learning, self._on_input)
        self._plot = CurvePlot()
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
        for choice in (self._smoothing, self._features, self._normalization):
            choice.changed.connect(self._live.look_again)
        self._run = self._action(
            "Run",
            "Learn from the strokes, if the method needs any, and segment the whole "
            "image.",
            self._why_no_fit,
            self.run,
        )
        of_model = [action.button for action in self._model_row()]
        options = Container(
            widgets=[self._uncertainty, self._novelty, self._posterior], labels=False
        )
        options.margins = (0, 0, 0, 0)
        self._lay_out(
            self._input_widget(),
            self._new_strokes.button,
            self._table,
            form(self._method.choice, self._smoothing).native,
            self._live.native,
            self._run_panel((self._run,)),
            self._score.native,
            options.native,
            side_by_side(*of_model),
            self._earlier.box,
            self._frequency_fold(),
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
        self._kept = (options,)

    def _frequency_fold(self) -> Fold:
        update = self._action(
            "Update result",
            "Segment the chosen image again with these frequencies, without learning.",
            self._why_no_update,
            self.apply_model,
        )
        self._frequencies.changed.connect(self._on_input)
        self._fold = FrequencyFold(self._frequencies, update)
        self._table.listed.connect(self._list_frequencies)
        self._list_frequencies()
        return self._fold

    def _on_input(self, *args: Any) -> None:
        super()._on_input()
        if hasattr(self, "_live") and not self._is_shut:
            # What a method without strokes finds are no classes of the strokes.
            self._table.show_layer(self._labels_to_learn())
            self._live.look_again()
            self._guide.look_again()

    def refresh(self) -> None:
        """Enable what can be pressed, and say why the rest cannot."""
        super().refresh()
        if hasattr(self, "_live") and not self._is_shut:
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

    def _on_huge_fit(self, model: Any) -> None:
        super()._on_huge_fit(model)
        self._table.show_figures(ClassFigures.of(model, {}))
        self._show_model()

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

    def _on_parameter(self, *args: Any) -> None:
        if hasattr(self, "_live"):
            self._live.look_again()

    def _live_lists_classes(self) -> None:
        self._live.bar.show_classes(self._table.titles)

    # -- class frequencies ----------------------------------------------------

    def _list_frequencies(self) -> None:
        """Offer a field for each class that is listed or that the model knows."""
        self._frequencies.show_known(self._table.titles, self._model)
        self._fold.entitle()

    def _why_no_model(self) -> str:
        reason = super()._why_no_model()
        return reason or self._frequencies.problem(self._model.classes_)

    def _why_no_update(self) -> str:
        if reason := self._why_no_apply():
            return reason
        if self._shown is not None:
            source, prior = self._shown
            same = source.layer() is self._image.value
            if same and prior == self._prior_wanted():
                return "The result has these frequencies: change one."
        return ""

    def _model_to_apply(self) -> Any:
        # A copy: until the job has succeeded, the result is that of the model at hand.
        model = copy(self._model)
        model.class_prior = self._prior_wanted()
        return model

    def _prior_wanted(self) -> dict[int, float] | None:
        model = self._model
        return self._frequencies.prior(model.classes_, model.class_shares_)

    def _model_to_save(self) -> Any:
        return self._model_to_apply()

    # -- results --------------------------------------------------------------

    def _on_result(
        self, source: Source, items: Sequence[Ready], labels: Labels | None
    ) -> None:
        self._shown = source, self._model.class_prior
        fractions = fractions_in(items)
        # Another strokes layer may have been chosen meanwhile: its classes are others.
        if labels is None or labels is self._labels.value:
            self._table.show_figures(
                ClassFigures.of(self._model, fractions, source.name)
            )
        self._show_model()
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
            self._frequencies.set_prior(model.class_prior)
            self._table.show_figures(ClassFigures.of(model, {}))
            self._show_model()

    def _show_model(self) -> None:
        self._score.show_model(self._model)
        self._list_frequencies()
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
        self._table.shut_down()
