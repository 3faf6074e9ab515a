"""Make the filters' machine code ready, and say so: it takes seconds, once."""

from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.steps import Step, Steps
from napari_segen.features.families import FAMILIES, Window
from napari_segen.features.scratch import Scratch

_ready: set[int] = set()  # numbers of spatial axes


def compile_steps(ndim: int) -> Steps[None]:
    """Compile the filters for frames of `ndim` axes, or load them from Numba's cache.

    Yields nothing where that was done in this process already.
    """
    if ndim in _ready:
        return
    yield Step(0, 3, "Loading filters")
    text = (
        "Loading filters" if _on_disk(ndim) else "Compiling filters (first time only)"
    )
    window = Window(
        np.zeros((2,) * ndim, np.float32),
        ((0, 2),) * ndim,
        (1.0,) * ndim,
        2,
        Scratch(),
    )
    out = np.empty((ndim, *window.plane.shape), np.float32)
    for i, (family, parts) in enumerate((("laplacian", 1), ("hessian", ndim)), start=1):
        yield Step(i, 3, text)
        FAMILIES[family].compute(window, out[:parts])
    _ready.add(ndim)


def _on_disk(ndim: int) -> bool:
    """Tell whether Numba has kept the machine code of an earlier run."""
    from napari_segen.features import compiled

    last = compiled.eigenvalues_2 if ndim == 2 else compiled.eigenvalues_3
    needed: tuple[Any, ...] = (compiled.filter_rows, compiled.filter_columns, last)
    source = Path(compiled.__file__).stat().st_mtime
    return all(
        any(
            index.stat().st_mtime >= source
            for index in Path(kernel.stats.cache_path).glob(
                f"*.{kernel.__name__}-*.nbi"
            )
        )
        for kernel in needed
    )
