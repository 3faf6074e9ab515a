"""Make the filters' machine code ready, and say so: it takes seconds, once."""

from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.steps import Step, Steps
from napari_segen.features.families import POINTWISE, Window, write_features
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
        np.zeros((2,) * ndim, np.float32), ((0, 2),) * ndim, (1.0,) * ndim, Scratch()
    )
    out = np.empty((3 + ndim, *window.plane.shape), np.float32)
    for i, families in enumerate((POINTWISE, ("structure_tensor",)), start=1):
        yield Step(i, 3, text)
        write_features(window, families, (0,) * ndim, out)
    _ready.add(ndim)


def _on_disk(ndim: int) -> bool:
    """Tell whether Numba has kept the machine code of an earlier run."""
    from napari_segen.features import eigenvalues, fused

    last: Any = fused.structure_tensor if ndim == 2 else eigenvalues.eigenvalues_3
    needed = (fused.derivative_features, last)
    source = Path(fused.__file__).stat().st_mtime
    return all(
        any(
            index.stat().st_mtime >= source
            for index in Path(kernel.stats.cache_path).glob(
                f"*.{kernel.__name__}-*.nbi"
            )
        )
        for kernel in needed
    )
