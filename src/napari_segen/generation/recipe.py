"""What it takes to make the same images again, byte for byte."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SOURCES = ("noise", "labels", "image")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Frozen parameters and seed of generated images.

    Parameters
    ----------
    method : str
        Name of the generator.
    params : mapping of JSON values
    fit_seed, n_steps : int
        Seed of the fit, and the optimiser steps it did (0 without training).
    n, shape, seed : int, tuple of int, int
        What was asked for: number of images, their spatial shape, seed.
    pairs : bool
        Whether labels were made with them.
    model : str
        SHA-256 over what the generator has learnt; equal models give equal images.
    versions : mapping of str to str
        Packages: bytes are promised within one version.
    source : str
        What the images were made from: ``"noise"``, ``"labels"`` or ``"image"``.
    source_sha256, labels_sha256 : str, or None
        Of the labels or the image, and of the labels that the image came with.
    strength : float, or None
        Of a variation.
    """

    method: str
    params: Mapping[str, Any]
    fit_seed: int
    n_steps: int
    n: int
    shape: tuple[int, ...]
    seed: int
    pairs: bool
    model: str
    versions: Mapping[str, str]
    source: str = "noise"
    source_sha256: str | None = None
    labels_sha256: str | None = None
    strength: float | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(
                f"source must be one of {', '.join(SOURCES)}, got {self.source!r}."
            )

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; `from_json` reads them back."""
        return {**asdict(self), "shape": list(self.shape)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Recipe":
        """Read what `as_json` wrote, in this version or an older one."""
        return cls(**{**data, "shape": tuple(data["shape"])})
