"""What a transformation may do to an image, and how far."""

from dataclasses import dataclass, field, replace

from napari_segen.core.parameters import check_params, flag, span


@dataclass(frozen=True, slots=True)
class TransformParams:
    """How far new images may depart from their source.

    In the order in which it happens: pixels move, then grey values change, then the
    optics blur, then the camera adds noise. Of most amounts each image draws its
    own part, between nothing and the amount.
    """

    flips: bool = field(
        default=True, metadata=flag("Mirror along each spatial axis, or not.")
    )
    quarter_turns: bool = field(
        default=True,
        metadata=flag("Turn by 0, 90, 180 or 270 degrees in the plane y, x."),
    )
    rotation: float = field(
        default=0.0,
        metadata=span(0, 180, "Turn by up to so many degrees in the plane y, x."),
    )
    scale: float = field(
        default=1.1,
        metadata=span(1, 4, "Enlarge or shrink by up to this factor."),
    )
    elastic: float = field(
        default=2.0,
        metadata=span(0, 100, "Bend: typical shift of a pixel, in pixels along x."),
    )
    smoothness: float = field(
        default=24.0,
        metadata=span(
            2, 1000, "Bend smoothly over so many pixels; small values tear fine detail."
        ),
    )
    gain: float = field(
        default=1.1,
        metadata=span(
            1, 10, "Raise or lower the contrast about the mean by up to this factor."
        ),
    )
    offset: float = field(
        default=0.02,
        metadata=span(0, 1, "Brighten or darken by up to this part of the range."),
    )
    match: float = field(
        default=0.0,
        metadata=span(
            0,
            1,
            "Give this share of the images the grey values of the one to match, or "
            "else of another fitted image: as bright and as rich in contrast.",
        ),
    )
    bleaching: float = field(
        default=0.0,
        metadata=span(
            0,
            1,
            "Fade along the depth of a volume, or towards one side of a plane: the "
            "far end loses up to this part of its light.",
        ),
    )
    shading: float = field(
        default=0.0,
        metadata=span(
            0, 1, "Light unevenly: smoothly brighter and darker by up to this part."
        ),
    )
    blur: float = field(
        default=0.0,
        metadata=span(0, 50, "Blur with a sigma of up to so many pixels along x."),
    )
    defocus: float = field(
        default=0.0,
        metadata=span(
            0,
            50,
            "Out of focus: points become discs with a radius of up to so many pixels.",
        ),
    )
    motion: float = field(
        default=0.0,
        metadata=span(
            0, 200, "Shake: smear over up to so many pixels, in any direction."
        ),
    )
    shot_noise: float = field(
        default=0.0,
        metadata=span(
            0,
            1,
            "Photon (Poisson) noise, as a part of the brightness where it is "
            "greatest: 0.1 is an image of 100 photons, 0.03 of 1000.",
        ),
    )
    noise: float = field(
        default=0.0,
        metadata=span(
            0, 1, "Camera (Gaussian) noise of this standard deviation, in ranges."
        ),
    )
    salt: float = field(
        default=0.0,
        metadata=span(
            0, 1, "Make this share of the pixels all bright or all dark, half each."
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)

    def weakened(self, strength: float) -> "TransformParams":
        """Scale every amount by `strength`; leave flips and quarter turns out.

        `match` and `smoothness` are no amounts: how far a histogram is taken over
        is for `draw_light` to know.
        """
        scaled = {name: getattr(self, name) * strength for name in _AMOUNTS}
        factors = {name: getattr(self, name) ** strength for name in ("scale", "gain")}
        return replace(self, flips=False, quarter_turns=False, **scaled, **factors)


_AMOUNTS = (
    "rotation",
    "elastic",
    "offset",
    "bleaching",
    "shading",
    "blur",
    "defocus",
    "motion",
    "shot_noise",
    "noise",
    "salt",
)
