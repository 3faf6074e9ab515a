"""How far generated images are from real ones, and whether they are copies."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Step, Steps, run, stretch_steps
from napari_segen.generation.copies import Neighbours, Training
from napari_segen.generation.likeness import Blocks, Looks
from napari_segen.generation.patches import Basis, turn
from napari_segen.generation.planes import Planes, canonical, patch_side
from napari_segen.generation.shares import (
    QUANTILE,
    Grouped,
    Share,
    share_of,
    why_untold,
)

_SPLITS = 32
_PATCHES = 1500
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """A distance between generated and real images.

    Parameters
    ----------
    value : float
        Generated against real.
    yardstick : float
        Real against real, of as many pixels: what an excellent generator reaches.
    """

    value: float
    yardstick: float


@dataclass(frozen=True, slots=True)
class NearestPatch:
    """A generated patch beside the training patch nearest to it.

    Parameters
    ----------
    generated, real : array of shape (P, P) or (P, P, C)
        In the images' types; the generated one is turned and mirrored to lie like
        the real one.
    source : int
        Which frame of the real images.
    corner : tuple of int
        First pixel of the patch there.
    distance : float
        0 is a copy, up to brightness and contrast; unlike patches have 1.4.
    """

    generated: Array
    real: Array
    source: int
    corner: tuple[int, ...]
    distance: float


@dataclass(frozen=True, slots=True)
class Honesty:
    """What is to be said about generated images before they are believed.

    Parameters
    ----------
    spectrum : Figure
        Root mean square difference of the radial spectra, in decibels.
    histogram : Figure
        1-Wasserstein distance of the grey values, in ranges of the real images.
    patch_distance : Figure
        Energy distance of patches, 0 to 1, by their 64 first principal components.
    memorised : Share or None
        Share of generated patches nearer to a training patch than 95 % of held-out
        real ones are; 0.05 is expected without copying.
    untold : str
        Why there is no such share; empty where there is one.
    nearest : list of NearestPatch
        From the most to the least suspect, evenly spread.
    patch_px : int
        Side of the patches.
    """

    spectrum: Figure
    histogram: Figure
    patch_distance: Figure
    memorised: Share | None
    untold: str
    nearest: list[NearestPatch]
    patch_px: int

    @property
    def sentence(self) -> str:
        """The figures in words."""
        s, h, p = self.spectrum, self.histogram, self.patch_distance
        likeness = (
            f"Spectrum {s.value:.2g} dB from real images (real ones from each other: "
            f"{s.yardstick:.2g}), grey values {h.value:.2%} of the range "
            f"({h.yardstick:.2%}), patches {p.value:.2g} ({p.yardstick:.2g})."
        )
        m = self.memorised
        if m is None:
            return (
                f"{likeness} Whether patches are copies cannot be told: {self.untold}"
            )
        return (
            f"{likeness} {m.value:.1%} of the patches ({m.low:.1%} to {m.high:.1%}) "
            "are as near to a training patch as "
            f"{QUANTILE:.0%} of unseen real ones are."
        )

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON values, without the patches' pixels."""
        return {
            "spectrum_db": asdict(self.spectrum),
            "histogram": asdict(self.histogram),
            "patch_distance": asdict(self.patch_distance),
            "memorised": None if self.memorised is None else asdict(self.memorised),
            "untold": self.untold,
            "nearest": [
                {"source": n.source, "corner": list(n.corner), "distance": n.distance}
                for n in self.nearest
            ],
            "patch_px": self.patch_px,
        }


def honesty(
    generated: Array,
    real: Sequence[Array],
    *,
    patch_px: int = 33,
    seed: int = 0,
    held_out: Sequence[Array] | None = None,
    spec: ImageSpec | None = None,
) -> Honesty:
    """Compare generated images with the real ones that the generator was fitted on.

    Parameters
    ----------
    generated : array of shape (n, *S) or (n, *S, C)
        What `ImageGenerator.generate` returns.
    real : list of arrays
        The training images, with the axes of `spec`.
    patch_px : int
        Side of a patch; one less if even, and less where the images are small.
    seed : int
        Of the draws of blocks and patches.
    held_out : list of arrays, optional
        Real images of the same kind that the generator has not seen.
    spec : ImageSpec, optional
        Axes of the real images, such as the generator's `spec_`; where None all are
        space.
    """
    steps = honesty_steps(
        generated, real, patch_px=patch_px, seed=seed, held_out=held_out, spec=spec
    )
    return run(steps)


def honesty_steps(
    generated: Array,
    real: Sequence[Array],
    *,
    patch_px: int = 33,
    seed: int = 0,
    held_out: Sequence[Array] | None = None,
    spec: ImageSpec | None = None,
) -> Steps[Honesty]:
    """`honesty` as a generator of steps."""
    made, known, unseen = canonical(generated, real, held_out or [], spec)
    rng = np.random.default_rng(seed)
    p = patch_side(patch_px, made, known, unseen)
    yield Step(0, 1, "Comparing spectra, grey values and patches")
    basis = Basis.fit(known.planes, p, rng)
    figures = _figures(made, known, basis, rng)
    memorised, untold, nearest = yield from stretch_steps(
        _copies_steps(made, known, unseen, basis, rng), 0.3, 1
    )
    return Honesty(*figures, memorised, untold, nearest, p)


def _figures(
    made: Planes, known: Planes, basis: Basis, rng: np.random.Generator
) -> tuple[Figure, Figure, Figure]:
    p = basis.patch_px
    side = max(p, min(known.least_side // 4, made.least_side, 4 * p))
    real = Blocks.of(known.planes, known.owners, side, rng)
    new = Blocks.of(made.planes, made.owners, side, rng)
    if real.units.max() == 0:
        raise ValueError(
            f"real has only one block of {side} x {side} pixels with data, and nothing "
            "to compare it with. Give larger images or more."
        )
    pixels = np.concatenate([real.pixels, new.pixels])
    spread = np.ptp(real.pixels, axis=(0, 2, 3)).astype(np.float64)
    spread[spread == 0] = 1
    looks = Looks.of(pixels, basis, spread, rng)
    groups = list(_groups(real, len(new), rng))
    measures: list[Callable[[Array, Array], float]] = [
        looks.spectrum_distance,
        looks.histogram_distance,
        looks.patch_distance,
    ]
    a, b, c = (
        Figure(
            float(np.mean([measure(g, first) for first, _, g in groups])),
            float(np.mean([measure(other, first) for first, other, _ in groups])),
        )
        for measure in measures
    )
    return a, b, c


def _groups(
    real: Blocks, n_new: int, rng: np.random.Generator
) -> "list[tuple[Array, Array, Array]]":
    """Draw groups of as many blocks: real ones, other real ones, generated ones."""
    drawn = []
    for _ in range(_SPLITS):
        first, other = real.halves(rng)
        m = min(len(first), len(other), n_new)
        new = len(real) + np.arange(n_new)
        a, b, c = (rng.permutation(g)[:m] for g in (first, other, new))
        drawn.append((a, b, c))
    return drawn


def _copies_steps(
    made: Planes,
    known: Planes,
    unseen: Planes | None,
    basis: Basis,
    rng: np.random.Generator,
) -> Steps[tuple[Share | None, str, list[NearestPatch]]]:
    p, training = basis.patch_px, Training.of(known.planes, basis, rng)
    found = yield from training.neighbours_steps(made.planes, _PATCHES, rng)
    nearest = _nearest(found, made, known, p)
    if unseen is None:
        return None, why_untold(len(training), len(found), None), nearest
    usual = yield from training.neighbours_steps(unseen.planes, _PATCHES, rng)
    untold = why_untold(len(training), len(found), len(usual))
    if untold:
        return None, untold, nearest
    new, old = (
        Grouped.of(n.distance, n.patches, planes.owners, p)
        for n, planes in ((found, made), (usual, unseen))
    )
    return share_of(new, old, rng), "", nearest


def _nearest(
    found: Neighbours, made: Planes, known: Planes, p: int
) -> list[NearestPatch]:
    order = np.argsort(found.distance, kind="stable")
    shown = order[np.linspace(0, len(order) - 1, min(_SHOWN, len(order))).astype(int)]
    result = []
    for k in shown:
        i, y, x = (
            int(v[k]) for v in (found.nearest.plane, found.nearest.y, found.nearest.x)
        )
        j, v, u = (
            int(w[k]) for w in (found.patches.plane, found.patches.y, found.patches.x)
        )
        new = turn(made.planes[j][:, v : v + p, u : u + p], int(found.turns[k]))
        old = known.planes[i][:, y : y + p, x : x + p]
        result.append(
            NearestPatch(
                _channels_last(new),
                _channels_last(old),
                int(known.owners[i]),
                (*known.z[i], y, x),
                float(found.distance[k]),
            )
        )
    return result


def _channels_last(patch: Array) -> Array:
    if len(patch) == 1:
        return np.array(patch[0])
    return np.ascontiguousarray(np.moveaxis(patch, 0, -1))
