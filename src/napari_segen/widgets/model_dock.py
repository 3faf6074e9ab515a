"""What docks with a model have in common: it is saved, loaded, and asked for."""

from pathlib import Path
from typing import Any, ClassVar

from napari_segen.core.archive import SUFFIX
from napari_segen.widgets.dock import Dock
from napari_segen.widgets.model_files import (
    loading_model,
    path_to_load,
    path_to_save,
    saving_model,
)


class ModelDock(Dock):
    """A dock that holds at most one model."""

    _model_class: ClassVar[str]
    _how_to_get_one: ClassVar[str]

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that was last fitted or loaded, or None."""
        return self._model

    def _why_no_model(self) -> str:
        if self._model is None:
            return self._why_busy() or f"There is no model yet: {self._how_to_get_one}"
        return self._why_busy()

    def _why_no_stop(self) -> str:
        if self._job.is_running and self._job.can_finish:
            return ""
        return "No training is running."

    # -- files ----------------------------------------------------------------

    def save_model(self, path: str | Path) -> None:
        """Write the model to a file, on a thread."""
        target = Path(path)
        if not target.suffix:
            target = target.with_suffix(SUFFIX)
        said = f"Saved to {target}"
        model = self._model_to_save()
        self._start(saving_model, model, target, done=lambda _: self.say(said))

    def _model_to_save(self) -> Any:
        return self._model

    def load_model(self, path: str | Path) -> None:
        """Read a model from a file, on a thread."""
        self._start(loading_model, Path(path), done=self._on_loaded)

    def _on_loaded(self, model: Any) -> None:
        if type(model).__name__ != self._model_class:
            self.say(
                f"This file holds a model of another dock ({type(model).__name__}, "
                f"not {self._model_class}): load it there.",
                "error",
            )
            return
        self._model = model
        self.say(self._said_of_loaded(model))

    def _said_of_loaded(self, model: Any) -> str:
        return "Model loaded."

    def _ask_save(self) -> None:
        if path := path_to_save(self.native):
            self.save_model(path)

    def _ask_load(self) -> None:
        if path := path_to_load(self.native):
            self.load_model(path)
