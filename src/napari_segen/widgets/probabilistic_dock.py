"""The dock in which strokes become class probabilities."""

from collections.abc import Mapping
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox
from napari.layers import Labels

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.widgets.class_table import ClassTable
from napari_segen.widgets.curves import CurvePlot
from napari_segen.widgets.method_form import MethodForm
from napari_segen.widgets.panels import WIDE_LABEL_PX, Fold, form, side_by_side
from napari_segen.widgets.segment_dock import SegmentDock
from napari_segen.widgets.steps_worker import Progress
from napari_segen.widgets.tasks import (
    RunSteps,
    fitted_steps,
    run_here,
    segmented_steps,
)

FEATURE_SETS = ("default", "gradient", "intensity")
_CACHE_BYTES = 2 * 2**30


class ProbabilisticDock(SegmentDock):
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
        self._cache: Any = None
        self._table = ClassTable()
        self._table.picked.connect(self.paint_with)
        self._method = MethodForm(
            CLASSIFIERS, "auto", "How features become probabilities."
        )
        self._method.choice.changed.connect(self._on_method)
        self._smoothing = FloatSpinBox(
            label="smoothing",
            value=1.0,
            min=0.0,
            max=100.0,
            step=0.5,
            tooltip="How much neighbouring pixels pull each other to the same class; "
            "0 judges each pixel alone.",
        )
        self._features = ComboBox(
            label="features",
            choices=FEATURE_SETS,
            value="default",
            tooltip="What of a pixel's neighbourhood is looked at. default: "
            "brightness, edges, blobs, texture. gradient: edge strength alone. "
            "intensity: brightness alone.",
        )
        self._normalization = ComboBox(
            label="grey values",
            choices=("auto", "training", "image", "none"),
            value="auto",
            tooltip="How brightness is made comparable. auto: each image by its own "
            "range, but noise is not blown up. training: all by the range of the "
            "training image. none: as they are.",
        )
        self._novelty = CheckBox(
            text="novelty",
            value=False,
            tooltip="Also show what is unlike anything you labelled, such as dirt or "
            "another kind of cell: 1 is entirely new. Paint there to teach it. The "
            "layer is hidden at first.",
        )
        self._plot = CurvePlot()
        self._run = self._action(
            "Run",
            "Learn from the strokes, if the method needs any, and segment the whole "
            "image.",
            self._why_no_fit,
            self.run,
        )
        apply, save, load = self._model_row()
        options = Container(
            widgets=[self._uncertainty, self._novelty, self._posterior], labels=False
        )
        options.margins = (0, 0, 0, 0)
        self._lay_out(
            self._input_widget(),
            self._new_strokes.button,
            self._table,
            form(self._method.choice, self._smoothing).native,
            self._run_panel((self._run,)),
            options.native,
            side_by_side(apply.button, save.button, load.button),
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

    def _on_input(self, *args: Any) -> None:
        super()._on_input()
        if hasattr(self, "_table") and not self._is_shut:
            self._table.show_layer(self._labels.value)

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

    def _why_no_fit(self) -> str:
        if self._needs_strokes:
            return super()._why_no_fit()
        return self._why_busy() or self._why_no_image()

    def run(self) -> None:
        """Learn from the strokes, if the method needs any, and segment the image."""
        if self._why_no_fit():
            return
        # Imported when first needed: the filters' module is not small.
        from napari_segen.features.cache import FeatureCache
        from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

        try:
            model = ProbabilisticSegmenter(
                self._method.choice.value,
                params=self._method.values(),
                features=self._features.value,
                smoothing=self._smoothing.value,
                normalization=self._normalization.value,
            )
        except ValueError as err:
            self.say(str(err), "error")
            return
        self._cache = self._cache or FeatureCache(_CACHE_BYTES)
        self._plot.clear()
        options = self._segment_options()
        self._start_fit(model, learning_from_strokes, self._cache, options)

    def _run_steps(self) -> RunSteps:
        return run_here

    def _segment_options(self) -> Mapping[str, Any]:
        return {"cache": self._cache, "novelty": self._novelty.value}

    def shut_down(self) -> None:
        """End all that runs: the dock was closed, or the viewer."""
        super().shut_down()
        self._table.shut_down()


def learning_from_strokes(
    image: Array,
    strokes: Array | None,
    spec: ImageSpec,
    model: Any,
    cache: Any,
    options: Mapping[str, Any],
) -> Steps[tuple[Any, Any]]:
    """Fit the model and segment the image, with the features computed once."""
    fitted = yield from fitted_steps(
        run_here, model, image, strokes, spec=spec, cache=cache
    )
    found = yield from segmented_steps(run_here, fitted, image, spec, **options)
    return fitted, found
