"""Saving and loading of models as jobs, and the dialogs that ask for the file."""

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_segen.core.archive import SUFFIX
from napari_segen.core.steps import Step, Steps

_FILTER = f"napari-segen model (*{SUFFIX})"


def path_to_save(parent: QWidget) -> str:
    """Ask where to save a model; empty if the user thinks better of it."""
    dialog = QFileDialog(parent, "Save the model", "", _FILTER)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    # With it the dialog also asks before "model" replaces model.segen.
    dialog.setDefaultSuffix(SUFFIX.removeprefix("."))
    dialog.selectFile(f"model{SUFFIX}")
    return dialog.selectedFiles()[0] if dialog.exec() else ""


def path_to_load(parent: QWidget) -> str:
    """Ask which model to load; empty if the user thinks better of it."""
    path, _ = QFileDialog.getOpenFileName(
        parent, "Load a model", "", f"{_FILTER};;All files (*)"
    )
    return path


def saving_model(model: Any, path: Path) -> Steps[None]:
    """Write `model` to `path`, or say why that cannot be."""
    yield Step(0, 0, f"Saving to {path}")
    try:
        model.save(path)
    except OSError as err:
        reason = err.strerror or str(err)
        raise OSError(
            f"cannot save the model to {path}: {reason}. Choose another folder; the "
            "model is still here."
        ) from err


def loading_model(path: Path) -> Steps[Any]:
    """Read a model from `path`."""
    from napari_segen.workflows.models import load

    yield Step(0, 0, f"Loading {path}")
    try:
        return load(path)
    except OSError as err:
        reason = err.strerror or str(err)
        raise OSError(
            f"cannot load a model from {path}: {reason}. Choose a file that Save… "
            "wrote."
        ) from err
