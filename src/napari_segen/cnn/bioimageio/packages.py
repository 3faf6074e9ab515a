"""The packages that only this needs, imported when they are first asked for."""

import importlib
from typing import Any

from napari_segen.core.errors import MissingBackend

INSTALL_LINE = 'python -m pip install "napari-segen[bioimageio]"'


def spec() -> Any:
    """Import `bioimageio.spec`, or say how to install it."""
    return _import("bioimageio.spec")


def ruyaml() -> Any:
    """Import `ruyaml`, with which `bioimageio.spec` reads descriptions."""
    return _import("ruyaml")


def onnx() -> Any:
    """Import `onnx`, or say how to install it."""
    return _import("onnx")


def onnxruntime() -> Any:
    """Import `onnxruntime`, or say how to install it."""
    return _import("onnxruntime")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as err:
        raise MissingBackend(
            f"BioImage.IO packages need {name}, which cannot be imported ({err}). "
            f"Install it with: {INSTALL_LINE}"
        ) from err
