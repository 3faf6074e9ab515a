"""A segmenting dock that can label images too large to be held."""

from collections.abc import Callable, Mapping
from typing import Any

from napari_segen.widgets.huge.runs import HugeRuns
from napari_segen.widgets.layers import level_zero
from napari_segen.widgets.looks import remembered_look
from napari_segen.widgets.segment_dock import SegmentDock

TOO_HUGE = (
    "This method looks at the whole image, which is too large for that: choose one "
    "that learns from strokes."
)


class HugeDock(SegmentDock):
    """Runs on huge images go to a file, after saying what they take."""

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._look: Callable[[Any], Any] = remembered_look(None)
        self._huge = HugeRuns(
            self._viewer, self.native, self._start, self.say, self._on_huge_fit
        )

    @property
    def _is_huge(self) -> bool:
        return not self._why_no_image() and self._source().is_huge

    def _learn_huge(
        self, model: Any, cache: Any, expected: Mapping[int, float], earlier: Any
    ) -> None:
        """Learn from the strokes on a huge image, and label it."""
        labels = self._labels.value
        self._look = remembered_look(labels)
        self._huge.learn(
            self._source(), level_zero(labels), model, cache, expected, earlier
        )

    def _on_huge_fit(self, model: Any) -> None:
        """Take over a model that has learnt from strokes on a huge image."""
        model.class_info_ = self._look(model)
        self._model = model

    def apply_model(self) -> None:
        """Segment the chosen image with the model there is."""
        if self._why_no_apply() or not self._is_huge:
            super().apply_model()
        else:
            self._huge.apply(self._source(), self._model_to_apply())
