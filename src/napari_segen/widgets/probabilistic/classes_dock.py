"""What the probabilistic dock shows of classes, and how frequent they may be said."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from napari.layers import Labels

from napari_segen.widgets.huge.dock import HugeDock
from napari_segen.widgets.layers import Source
from napari_segen.widgets.probabilistic.class_figures import ClassFigures
from napari_segen.widgets.probabilistic.class_frequencies import (
    ClassFrequencies,
    FrequencyFold,
)
from napari_segen.widgets.probabilistic.class_table import ClassTable
from napari_segen.widgets.probabilistic.score_block import ScoreBlock
from napari_segen.widgets.results import Ready
from napari_segen.widgets.segment_results import fractions_in


class ClassesDock(HugeDock):
    """Lists the classes of strokes and model; the user may say how frequent they are.

    Then the result follows without learning again.
    """

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        # Whose classes are shown, and how frequent they were taken to be.
        self._shown: tuple[Source, Mapping[int, float] | None] | None = None
        self._table = ClassTable()
        self._table.picked.connect(self.paint_with)
        self._score = ScoreBlock()
        self._frequencies = ClassFrequencies()
        update = self._action(
            "Update result",
            "Segment the chosen image again with these frequencies, without learning.",
            self._why_no_update,
            self.apply_model,
        )
        self._fold = FrequencyFold(self._frequencies, update)
        self._frequencies.changed.connect(self._on_input)
        self._table.listed.connect(self._list_frequencies)
        self._list_frequencies()

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

    # -- what is known of the model -------------------------------------------

    def _on_result(
        self, source: Source, items: Sequence[Ready], labels: Labels | None
    ) -> None:
        super()._on_result(source, items, labels)
        self._shown = source, self._model.class_prior
        fractions = fractions_in(items)
        # Another strokes layer may have been chosen meanwhile: its classes are others.
        if labels is None or labels is self._labels.value:
            self._table.show_figures(
                ClassFigures.of(self._model, fractions, source.name)
            )
        self._show_model()

    def _on_huge_fit(self, model: Any) -> None:
        super()._on_huge_fit(model)
        self._table.show_figures(ClassFigures.of(model, {}))
        self._show_model()

    def _on_loaded(self, model: Any) -> None:
        super()._on_loaded(model)
        if self._model is model:
            self._frequencies.set_prior(model.class_prior)
            self._table.show_figures(ClassFigures.of(model, {}))
            self._show_model()

    def _show_model(self) -> None:
        self._score.show_model(self._model)
        self._list_frequencies()
        self.refresh()

    def shut_down(self) -> None:
        """End all that runs: the dock was closed, or the viewer."""
        super().shut_down()
        self._table.shut_down()
