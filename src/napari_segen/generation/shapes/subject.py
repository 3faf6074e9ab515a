"""What a scene is asked to hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """Objects of a scene, every number given; see `ShapesParams` for their meaning.

    Parameters
    ----------
    size : float
        In pixels along x.
    density, spread, irregularity, touching, texture : float
        From 0 to 1.
    walls : {"dark", "bright"}
    """

    size: float
    density: float
    spread: float
    irregularity: float
    touching: float
    texture: float
    walls: str
