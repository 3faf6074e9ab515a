"""Named choices of families with their sigmas."""

from collections.abc import Iterable
from dataclasses import dataclass

from napari_segen.features.families import FAMILIES


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Families that go together, the sigmas that suit them, and what they see."""

    families: tuple[str, ...]
    sigmas: tuple[float, ...]
    summary: str


SETS: dict[str, FeatureSet] = {
    "default": FeatureSet(
        # Not the gradient's magnitude: the structure tensor says the same and more.
        ("intensity", "gaussian", "laplacian", "hessian", "structure_tensor"),
        # Wider ones see the stroke's surroundings, which few strokes cannot tell apart
        # from its class.
        (1.0, 2.0, 4.0),
        "Brightness, edges, blobs, ridges and texture from 1 to 4 pixels.",
    ),
    "gradient": FeatureSet(
        ("gradient_magnitude",),
        (1.0, 2.0, 4.0, 8.0),
        "Edge strength alone: shows what a classifier can do without brightness.",
    ),
    "intensity": FeatureSet(
        ("intensity", "gaussian"),
        (1.0, 2.0, 4.0),
        "Brightness alone, as it is and smoothed: for objects that differ in it.",
    ),
}


def chosen_families(
    features: str | tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the families meant, and the sigmas that go with them."""
    if isinstance(features, str):
        if features not in SETS:
            raise ValueError(
                f"features must be one of {', '.join(SETS)}, or a tuple of "
                f"{', '.join(FAMILIES)}, got {features!r}."
            )
        return SETS[features].families, SETS[features].sigmas
    if not isinstance(features, Iterable):
        raise TypeError(f"features must be a string or a tuple, got {features!r}.")
    names = tuple(features)
    if not names or len(set(names)) != len(names) or set(names) - set(FAMILIES):
        raise ValueError(
            f"features must name some of {', '.join(FAMILIES)}, each once, "
            f"got {features!r}."
        )
    return names, SETS["default"].sigmas
