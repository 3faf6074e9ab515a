"""Saving and loading of models as jobs."""

from pathlib import Path
from typing import Any

from napari_segen.core.steps import Step, Steps


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
