"""The filter bank: from the channels of a frame to the features of its pixels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.tiles import tile_grid
from napari_segen.features.families import (
    FAMILIES,
    PLAIN,
    TEXTURE,
    TEXTURE_WINDOWS,
    UNSCALED,
    Window,
    write_features,
)
from napari_segen.features.gaussian import Sigma, Span
from napari_segen.features.scratch import Scratch
from napari_segen.features.sets import chosen_families

SIGMA_UNITS = ("pixel", "physical")
MAX_SIGMA_PX = 200.0
MAX_SIGMAS = 64
# What one thread computes at once. Long rows, because the loops run along them; many
# rows, because a tile computes its first means from rows outside of it.
TILE_2D = (256, 1024)
TILE_3D = (32, 64, 256)

Features = npt.NDArray[np.float32]
# Channel, name of the scale, sigma in pixels, and families, in the features' order.
Plan = list[tuple[int, str, Sigma, tuple[str, ...]]]
Core = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class FeatureName:
    """What a feature is: of which channel, which family and part, at which scale."""

    channel: str
    family: str
    part: str
    scale: str

    def __str__(self) -> str:
        names = (self.channel, self.family, self.part, self.scale)
        return " ".join(filter(None, names))


@dataclass(frozen=True, init=False)
class FilterBank:
    """Which features of a pixel's neighbourhood are computed.

    The definitions are those of `scipy.ndimage` (boundary ``"reflect"``, kernels cut
    at 4 sigma, those of the structure tensor's mean at 3), to 1e-5 of the image's
    range, with each derivative multiplied by sigma
    per order of differentiation: all features are in grey values, whatever their sigma.

    Parameters
    ----------
    features : str or tuple of str
        A set (``"default"``, ``"gradient"``, ``"intensity"``) or names of families:
        ``"intensity"``, ``"gaussian"``, ``"gradient_magnitude"``, ``"laplacian"``,
        ``"hessian"``, ``"structure_tensor"``; ``"texture_energy"``, which has scales
        of its own: 8 and 16 pixels.
    sigmas : tuple of float, optional
        Widths of the Gaussian; None takes the set's own, or (1, 2, 4, 8).
    sigma_unit : str
        ``"pixel"``: the same number of pixels along each axis; ``"physical"``: the
        unit of `sampling`, so that anisotropic stacks are filtered isotropically.
    sampling : tuple of float
        Pixel size along each spatial axis; two entries for 2D, three for 3D.
    plain_channels : int
        Of that many last channels only the families in `PLAIN` are computed: colours
        beside a grey channel, which has all edges and textures already.

    Attributes
    ----------
    halo : tuple of int
        Pixels along each spatial axis that a tile needs around it.
    """

    features: tuple[str, ...]
    sigmas: tuple[float, ...]
    sigma_unit: str
    sampling: tuple[float, ...]
    plain_channels: int

    def __init__(
        self,
        features: str | tuple[str, ...] = "default",
        sigmas: tuple[float, ...] | None = None,
        sigma_unit: str = "pixel",
        sampling: tuple[float, ...] = (1.0, 1.0),
        plain_channels: int = 0,
    ) -> None:
        families, usual = chosen_families(features)
        chosen = usual if sigmas is None else _positive("sigmas", sigmas)
        if sigma_unit not in SIGMA_UNITS:
            raise ValueError(
                f"sigma_unit must be one of {', '.join(SIGMA_UNITS)}, "
                f"got {sigma_unit!r}."
            )
        size = _positive("sampling", sampling)
        if len(size) not in (2, 3):
            raise ValueError(
                f"sampling needs 2 entries (2D) or 3 (3D), got {sampling!r}."
            )
        object.__setattr__(self, "features", families)
        object.__setattr__(self, "sigmas", chosen)
        object.__setattr__(self, "sigma_unit", sigma_unit)
        object.__setattr__(self, "sampling", size)
        object.__setattr__(self, "plain_channels", plain_channels)
        self._check_widths()

    def _check_widths(self) -> None:
        if len(self.sigmas) > MAX_SIGMAS:
            raise ValueError(
                f"sigmas has {len(self.sigmas)} entries; at most {MAX_SIGMAS} are "
                "possible. Choose fewer."
            )
        widest = max(max(s) for s in self.sigmas_px)
        if widest > MAX_SIGMA_PX:
            raise ValueError(
                f"sigmas reach {widest:g} pixels, over {MAX_SIGMA_PX:g}. "
                "Choose smaller sigmas, or check the pixel size."
            )

    @property
    def sigmas_px(self) -> tuple[Sigma, ...]:
        """Each sigma in pixels along each spatial axis."""
        pixel = (1.0,) * len(self.sampling)
        unit = pixel if self.sigma_unit == "pixel" else self.sampling
        return tuple(tuple(s / u for u in unit) for s in self.sigmas)

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels along each spatial axis that a tile needs around it."""
        return tuple(
            max(FAMILIES[f].reach(s[axis]) for f in self.features for s in sigmas)
            for sigmas in [self.sigmas_px]
            for axis in range(len(self.sampling))
        )

    def described(self, n_channels: int) -> list[FeatureName]:
        """Describe each feature of an image of `n_channels`, as `compute` orders."""
        return [
            FeatureName(f"channel {channel}", family, part, scale)
            for channel, scale, _, families in self._plan(n_channels)
            for family in families
            for part in FAMILIES[family].parts(len(self.sampling))
        ]

    def names(self, n_channels: int) -> list[str]:
        """Name each feature of an image of `n_channels`, in the order of `compute`."""
        return [str(name) for name in self.described(n_channels)]

    def _plan(self, n_channels: int) -> Plan:
        ndim, n_shaped = len(self.sampling), n_channels - self.plain_channels
        unit = "px" if self.sigma_unit == "pixel" else "units"
        scales = [f"sigma {s:g} {unit}" for s in self.sigmas]
        plan: Plan = []
        for channel in range(n_channels):
            wanted = [f for f in self.features if f in PLAIN or channel < n_shaped]
            scaled = tuple(f for f in wanted if f not in (UNSCALED, TEXTURE))
            if UNSCALED in wanted:
                plan.append((channel, "", (0.0,) * ndim, (UNSCALED,)))
            plan += [
                (channel, scale, sigma, scaled)
                for scale, sigma in zip(scales, self.sigmas_px, strict=True)
            ]
        if TEXTURE in self.features:
            # Last of all, so that the others are those of the bank without it.
            plan += [
                (channel, f"within {size:g} px", (size,) * ndim, (TEXTURE,))
                for channel in range(n_shaped)
                for size in TEXTURE_WINDOWS
            ]
        return plan

    def only(self, features: tuple[str, ...]) -> Self:
        """Return the bank of these families, all else the same."""
        unit, size, plain = self.sigma_unit, self.sampling, self.plain_channels
        return type(self)(features, self.sigmas, unit, size, plain)

    def compute(self, part: Array) -> Features:
        """Compute the features of a frame, or of a tile of one, in this thread.

        Parameters
        ----------
        part : float32 array of shape (C, *S)
            Finite everywhere.

        Returns
        -------
        float32 array of shape (F, *S)
        """
        source = self._checked(part)
        count = len(self.names(len(source)))
        out = np.empty((count, *source.shape[1:]), np.float32)
        scratch, stop = Scratch(), Event()
        for tile in tile_grid(source.shape[1:], self.tile_shape, self.halo):
            core = tuple((s.start, s.stop) for s in tile.core)
            self.fill(source, core, tile.corner, out, scratch, stop)
        return out

    def _checked(self, frame: Array) -> Features:
        ndim = len(self.sampling)
        if np.ndim(frame) != ndim + 1 or np.size(frame) == 0:
            raise ValueError(
                f"a {ndim}D filter bank needs channels and {ndim} spatial axes, "
                f"got shape {np.shape(frame)}."
            )
        return np.ascontiguousarray(frame, np.float32)

    @property
    def tile_shape(self) -> tuple[int, ...]:
        """Pixels along each spatial axis that one thread best computes at once."""
        return TILE_2D if len(self.sampling) == 2 else TILE_3D

    def fill(
        self,
        part: Array,
        core: Core,
        corner: tuple[int, ...],
        out: Array,
        scratch: Scratch,
        stop: Event,
    ) -> None:
        """Write the features of some pixels, in this thread.

        Parameters
        ----------
        part : contiguous float32 array of shape (C, *S)
            The pixels and the halo around them, or all that the frame has of it.
        core : tuple of Span
            The pixels wanted, within `part`.
        corner : tuple of int
            Where in `out` the first of them goes.
        out : contiguous float32 array of shape (F, *R)
        scratch : Scratch
            Lends working memory.
        stop : Event
            Once it is set, the result is unfinished.
        """
        first = 0
        for channel, _, sigma, families in self._plan(len(part)):
            if stop.is_set():
                return
            scratch.clear()
            n = sum(len(FAMILIES[f].parts(len(core))) for f in families)
            window = Window(part[channel], core, sigma, scratch)
            write_features(window, families, corner, out[first : first + n])
            first += n

    def as_json(self) -> dict[str, Any]:
        """Return the bank's choices as JSON values."""
        return {
            "features": list(self.features),
            "sigmas": list(self.sigmas),
            "sigma_unit": self.sigma_unit,
            "sampling": list(self.sampling),
            "plain_channels": self.plain_channels,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make the bank again from `as_json`'s values, checking them."""
        known = ("features", "sigmas", "sigma_unit", "sampling", "plain_channels")
        if not isinstance(values, Mapping) or set(values) != set(known):
            raise ValueError(f"a filter bank is described by {', '.join(known)}.")
        for name in ("features", "sigmas", "sampling"):
            if not isinstance(values[name], list | tuple):
                raise ValueError(f"a filter bank's {name} must be a list.")
        return cls(
            tuple(values["features"]),
            tuple(values["sigmas"]),
            values["sigma_unit"],
            tuple(values["sampling"]),
            values["plain_channels"],
        )


def _positive(name: str, values: Any) -> tuple[float, ...]:
    entries = tuple(values) if isinstance(values, Iterable) else (None,)
    for entry in entries:
        if isinstance(entry, bool) or not isinstance(
            entry, int | float | np.integer | np.floating
        ):
            raise TypeError(f"{name} must be a tuple of numbers, got {values!r}.")
    if not entries or not all(np.isfinite(e) and e > 0 for e in entries):
        raise ValueError(f"{name} must be positive and not empty, got {values!r}.")
    return tuple(float(e) for e in entries)
