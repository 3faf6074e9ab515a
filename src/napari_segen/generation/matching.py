"""Where in given images a block lies that fits to what is there already.

The squared differences at all places at once come from Fourier transforms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import fft

from napari_segen.core.imagespec import Array
from napari_segen.generation.method import Source
from napari_segen.generation.seams import Sides

Floats = npt.NDArray[np.float32]

# Below this mean squared difference, in variances, float32 cannot tell blocks apart.
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Match:
    """A block in one of several images: which image, and its corner."""

    window: int
    y: int
    x: int

    def near(
        self, corners: tuple[int, ...], block: tuple[int, int]
    ) -> tuple[slice, ...]:
        """Which of the corners are less than half a block from this one."""
        return tuple(
            slice(max(at - (b - 1) // 2, 0), max(min(at + (b - 1) // 2 + 1, n), 0))
            for at, b, n in zip((self.y, self.x), block, corners, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Window:
    """One image to take blocks from.

    Parameters
    ----------
    look : float32 array of shape (K, H, W)
        What is compared: standardised channels, and a map of the labels if there are
        some; 0 where there is no data.
    free : bool array of shape (H - h + 1, W - w + 1)
        Corners of blocks that have data everywhere.
    uses : float32 array of the shape of `free`
        How often a block near a corner was taken: it counts as a worse fit, else some
        few that fit to everything would fill the image.
    start : int
        Where its pixels start among those of all windows.
    """

    look: Floats
    free: npt.NDArray[np.bool_]
    uses: Floats
    start: int
    _known: dict[str, Array] = field(default_factory=dict, repr=False)

    def errors(self, template: Floats, mask: Array, sides: Sides) -> Floats:
        """Squared difference to `template` under `mask` for blocks at all corners.

        Energies are remembered by `sides`, which must name the mask.
        """
        height, width = self.look.shape[1:]
        big = [fft.next_fast_len(n, real=True) for n in (height, width)]
        if "image" not in self._known:
            self._known["image"] = fft.rfft2(self.look, s=big)
            self._known["square"] = fft.rfft2((self.look**2).sum(axis=0), s=big)
        name = ",".join(sorted(sides))
        corners = tuple(slice(n) for n in self.free.shape)
        if name not in self._known:
            under = fft.rfft2(mask.astype(np.float32), s=big).conj()
            total = fft.irfft2(self._known["square"] * under, s=big)
            self._known[name] = total[corners].copy()
        wanted = template * mask
        product = fft.rfft2(wanted, s=big).conj()
        common = fft.irfft2(
            np.einsum("kyx,kyx->yx", product, self._known["image"]), s=big
        )
        result = self._known[name] - 2 * common[corners] + (wanted**2).sum()
        return np.asarray(np.maximum(result, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Swatch:
    """The images that blocks are taken from.

    Parameters
    ----------
    windows : list of Window
    block : tuple of int
    image : array of shape (C, P)
        The pixels of all windows, one after another.
    labels : array of shape (P,), or None
    """

    windows: list[Window]
    block: tuple[int, int]
    image: Array
    labels: Array | None

    @classmethod
    def of(
        cls, sources: Sequence[Source], block: tuple[int, int], *, has_objects: bool
    ) -> "Swatch":
        """Take all pixels of `sources`."""
        flat = [s.image.reshape(len(s.image), -1) for s in sources]
        marks = [s.labels.ravel() for s in sources if s.labels is not None]
        starts = np.cumsum([0] + [f.shape[1] for f in flat])
        image = np.concatenate(flat, axis=1)
        labels = np.concatenate(marks) if len(marks) == len(flat) else None
        looks = [_standardised(image)]
        if labels is not None:
            looks.append(_label_map(labels, has_objects=has_objects))
        look = np.concatenate(looks)
        windows = []
        for s, a, b in zip(sources, starts[:-1], starts[1:], strict=True):
            part = look[:, a:b].reshape(-1, *s.image.shape[1:])
            free = free_corners(s.image, block)
            windows.append(Window(part, free, np.zeros(free.shape, np.float32), int(a)))
        return cls(windows, block, image, labels)

    def best(
        self,
        template: Floats,
        mask: Array,
        sides: Sides,
        avoided: Sequence[Match],
        tolerance: float,
        rng: np.random.Generator,
    ) -> Match:
        """Draw a block among those that fit best to `template` under `mask`."""
        if not sides:
            return self._drawn([w.free for w in self.windows], rng)
        errors = [w.errors(template, mask, sides) * (1 + w.uses) for w in self.windows]
        allowed = [
            w.free & ~self._avoided(i, avoided) for i, w in enumerate(self.windows)
        ]
        if not any(a.any() for a in allowed):
            allowed = [w.free for w in self.windows]
        least = min(
            float(e[a].min()) for e, a in zip(errors, allowed, strict=True) if a.any()
        )
        rounding = _ROUNDING * float(mask.sum()) * len(template)
        limit = np.float32((1 + tolerance) * max(least, rounding))
        good = [a & (e <= limit) for e, a in zip(errors, allowed, strict=True)]
        return self._drawn(good, rng)

    def _avoided(self, window: int, avoided: Sequence[Match]) -> Array:
        result = np.zeros(self.windows[window].free.shape, bool)
        for match in avoided:
            if match.window == window:
                result[match.near(result.shape, self.block)] = True
        return result

    def _drawn(self, good: Sequence[Array], rng: np.random.Generator) -> Match:
        counts = np.cumsum([g.sum() for g in good])
        k = int(rng.integers(counts[-1]))
        window = int(np.searchsorted(counts, k, side="right"))
        k -= int(counts[window - 1]) if window else 0
        y, x = np.unravel_index(np.flatnonzero(good[window])[k], good[window].shape)
        match = Match(window, int(y), int(x))
        self.windows[window].uses[match.near(good[window].shape, self.block)] += 1
        return match

    def pixels(self, match: Match) -> Array:
        """Return the places ``(h, w)`` of a block's pixels among all pixels."""
        window = self.windows[match.window]
        rows = match.y + np.arange(self.block[0])
        columns = match.x + np.arange(self.block[1])
        width = window.look.shape[2]
        return np.asarray(window.start + rows[:, np.newaxis] * width + columns)

    def look(self, match: Match) -> Floats:
        """Return what is compared of a block, ``(K, h, w)``."""
        h, w = self.block
        box = (slice(match.y, match.y + h), slice(match.x, match.x + w))
        return self.windows[match.window].look[(slice(None), *box)]


def free_corners(image: Array, block: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Corners ``(H - h + 1, W - w + 1)`` of blocks that have data everywhere."""
    missing = ~np.isfinite(image).all(axis=0)
    h, w = block
    if h > missing.shape[0] or w > missing.shape[1]:
        return np.zeros((0, 0), bool)
    total = np.pad(missing.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    count = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
    return np.asarray(count == 0)


def _standardised(image: Array) -> Floats:
    """Bring each channel of ``(C, P)`` to mean 0 and variance 1; no data to 0."""
    result = np.zeros(image.shape, np.float32)
    has_data = np.isfinite(image).all(axis=0)
    for c, values in enumerate(image):
        known = values[has_data].astype(np.float64)
        spread = known.std() or 1.0
        result[c, has_data] = (known - known.mean()) / spread
    return result


def _label_map(labels: Array, *, has_objects: bool) -> Floats:
    """Map ``(1, P)`` of what is not the commonest label; its variance is 1."""
    values, counts = np.unique(labels, return_counts=True)
    ground = 0 if has_objects else values[counts.argmax()]
    other = (labels != ground).astype(np.float32)
    spread = other.std() or np.float32(1)
    return np.asarray((other - other.mean()) / spread)[np.newaxis]
