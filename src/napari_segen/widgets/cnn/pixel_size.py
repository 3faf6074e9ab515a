"""Whether an image's pixels are as large as those that a model has learnt from."""

from dataclasses import replace

import numpy as np

from napari_segen.core.imagespec import ImageSpec

# Beyond this things look larger or smaller to a network than what it has learnt.
TOLERANCE = 0.2


def in_unit_of(wanted: ImageSpec, spec: ImageSpec) -> ImageSpec:
    """Write the pixel size of `spec` in the unit of `wanted`, if that can be done."""
    factor = _factor(spec.unit, wanted.unit)
    if factor is None or wanted.unit == spec.unit:
        return spec
    size = tuple(s * factor for s in spec.sampling)
    return replace(spec, pixel_size=size, unit=wanted.unit)


def is_other_size(spec: ImageSpec, trained: ImageSpec) -> bool:
    """Whether pixel sizes, where they can be compared, differ by more than a fifth."""
    spec = in_unit_of(trained, spec)
    if spec.unit != trained.unit or spec.n_space != trained.n_space:
        return False
    ratio = np.log(np.array(spec.sampling) / trained.sampling)
    return bool((np.abs(ratio) > np.log1p(TOLERANCE)).any())


def _factor(unit: str, wanted: str) -> float | None:
    """How many of `wanted` one `unit` is; None where they measure different things."""
    import pint

    registry = pint.get_application_registry()
    try:
        return float(registry.Quantity(1.0, unit).to(wanted).magnitude)
    except (pint.PintError, ValueError):
        return None
