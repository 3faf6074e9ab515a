"""What a synthetic scene holds, and through which optics and camera it is seen."""

from dataclasses import dataclass, field

from napari_segen.core.parameters import check_params, choice, span

SCENES = ("nuclei", "cells", "fibres", "membranes", "layers", "spots", "vessels")
BIT_DEPTHS = ("8 bit", "12 bit", "16 bit", "float")


@dataclass(frozen=True, slots=True)
class ShapesParams:
    """A scene, its objects, and the camera. Pixels are those along x."""

    scene: str = field(
        default="nuclei",
        metadata=choice(
            SCENES,
            "What is shown. The labels number the objects of nuclei, cells, fibres and "
            "spots; they are classes in membranes (1), vessels (1) and layers (1 to "
            "4).",
        ),
    )
    size: float | None = field(
        default=None,
        metadata=span(
            1,
            1000,
            "Diameter of nuclei, cells, spots and what membranes enclose, width of "
            "fibres and of the widest vessels, thickness of layers, in pixels. Empty: "
            "as usual for the scene.",
            empty="as usual",
        ),
    )
    density: float | None = field(
        default=None,
        metadata=span(
            0,
            1,
            "Part of the image that objects cover (as far as there is room), or part "
            "of the tissue's places that hold a cell. Membranes and layers always "
            "fill the image. Empty: as usual for the scene.",
            empty="as usual",
        ),
    )
    size_spread: float = field(
        default=0.25,
        metadata=span(0, 1, "How much sizes differ: 0 makes all objects equal."),
    )
    irregularity: float = field(
        default=0.35,
        metadata=span(
            0, 1, "How far outlines and courses depart from round or straight ones."
        ),
    )
    touching: float = field(
        default=0.3,
        metadata=span(0, 1, "Part of the nuclei that touch another one."),
    )
    walls: str = field(
        default="dark",
        metadata=choice(
            ("dark", "bright"),
            "Between cells: dark gaps, as where cells are filled with dye, or bright "
            "walls, as where membranes are stained.",
        ),
    )
    texture: float = field(
        default=0.5,
        metadata=span(
            0, 1, "How much brightness differs within and between objects; 0: not."
        ),
    )
    contrast: float = field(
        default=0.6,
        metadata=span(
            0, 1, "Brightness of typical objects above the background; 1 is white."
        ),
    )
    background: float = field(
        default=0.08,
        metadata=span(0, 1, "Brightness where there is no object; 1 is white."),
    )
    blur: float = field(
        default=1.0,
        metadata=span(
            0, 50, "Sigma of the optical blur in pixels; the labels stay sharp."
        ),
    )
    axial_blur: float = field(
        default=2.0,
        metadata=span(
            1, 10, "3D only: the blur along z is so many times that in the plane."
        ),
    )
    z_step: float = field(
        default=1.0,
        metadata=span(
            0.1, 20, "3D only: distance from plane to plane, in pixels along x."
        ),
    )
    shading: float = field(
        default=0.15,
        metadata=span(0, 1, "Uneven lighting: the light varies by up to this part."),
    )
    photons: float = field(
        default=300.0,
        metadata=span(
            1, 1e9, "Photons at the brightness of typical objects; fewer: noisier."
        ),
    )
    read_noise: float = field(
        default=0.01,
        metadata=span(
            0, 1, "Standard deviation of the camera's own noise; 1 is white."
        ),
    )
    bit_depth: str = field(
        default="8 bit",
        metadata=choice(
            BIT_DEPTHS, "Type of the pixels: white is 255, 4095, 65535 or 1.0."
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)
