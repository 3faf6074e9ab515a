"""Centres of objects that keep clear of each other."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.shapes.canvas import Canvas

MAX_OBJECTS = 200_000
_TRIES = 6

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Places:
    """Balls in space.

    Parameters
    ----------
    centers : array of shape (n, ndim)
    radii : array of shape (n,)
    """

    centers: Points
    radii: Points

    def __len__(self) -> int:
        return len(self.radii)


def ball_volume(radius: float, ndim: int) -> float:
    """Area of a disc, volume of a ball."""
    return math.pi * radius**2 if ndim == 2 else 4 / 3 * math.pi * radius**3


def check_count(count: float) -> None:
    """Raise ValueError where there would be more objects than one can wait for."""
    if count > MAX_OBJECTS:
        raise ValueError(
            f"this scene would hold {count:.0f} objects; at most {MAX_OBJECTS} are "
            "possible. Ask for larger or fewer ones, or for a smaller image."
        )


def draw_radii(
    n: int, mean: float, spread: float, ndim: int, rng: np.random.Generator
) -> Points:
    """Draw radii that differ by about `spread`, whose balls have the mean's volume."""
    sigma = 0.6 * spread
    normal = np.clip(rng.standard_normal(n), -2.5, 2.5)
    # The mean of a lognormal's power: balls keep their volume on average.
    return mean * np.exp(sigma * normal - ndim * sigma**2 / 2)


def place(
    canvas: Canvas,
    density: float,
    radius: float,
    spread: float,
    rng: np.random.Generator,
    *,
    margin: float,
    gap: float = 0.0,
    slack: float = 1.0,
    touching: float = 0.0,
) -> Places:
    """Put balls at random places, the earlier ones first, until they cover `density`.

    Parameters
    ----------
    density : float
        Part of the canvas to cover; less is covered where there is no room.
    radius, spread : float
        Mean radius and its variation.
    margin : float
        How far centres may lie outside the canvas.
    gap : float
        Least distance between balls.
    slack : float
        Balls may come as near as if they had `slack` times their radius.
    touching : float
        Part of the balls that come so near to another that they overlap a little.
    """
    sides = canvas.extent + 2 * margin
    expected = density * float(np.prod(sides)) / ball_volume(radius, canvas.ndim)
    check_count(expected)
    n = int(expected + rng.random())
    n_partners = round(n * touching / 2)
    n_first = n - n_partners
    tries = _TRIES * n_first + 8
    centers = rng.random((tries, canvas.ndim)) * sides - margin
    radii = draw_radii(tries, radius, spread, canvas.ndim, rng)
    kept = _greedy(centers, radii * slack, gap, n_first)
    first = Places(centers[kept], radii[kept])
    if n_partners == 0 or len(first) == 0:
        return first
    return _with_partners(first, n_partners, radius, spread, gap, rng)


def _greedy(
    centers: Points,
    radii: Points,
    gap: float,
    n: int,
    parents: npt.NDArray[np.intp] | None = None,
    n_fixed: int = 0,
) -> npt.NDArray[np.intp]:
    """Choose the first n balls that are clear of those chosen before.

    The first `n_fixed` are chosen already. A ball need not be clear of its parent.
    """
    from scipy.spatial import cKDTree

    if len(radii) == 0:
        return np.zeros(0, np.intp)
    tree = cKDTree(centers)
    pairs = tree.query_pairs(2 * float(radii.max()) + gap, output_type="ndarray")
    a, b = pairs.min(axis=1, initial=len(radii)), pairs.max(axis=1, initial=0)
    near = np.linalg.norm(centers[a] - centers[b], axis=1) < radii[a] + radii[b] + gap
    near &= b >= n_fixed
    if parents is not None:
        near &= parents[b] != a
    a, b = a[near], b[near]
    order = np.lexsort((a, b))
    free = np.ones(len(radii), bool)
    for i, j in zip(a[order].tolist(), b[order].tolist(), strict=True):
        if free[i]:
            free[j] = False
    found: npt.NDArray[np.intp] = np.flatnonzero(free)[:n]
    return found


def _with_partners(
    first: Places,
    n_partners: int,
    radius: float,
    spread: float,
    gap: float,
    rng: np.random.Generator,
) -> Places:
    """Put further balls beside some of the first, overlapping by a tenth."""
    n, ndim = first.centers.shape
    parents = rng.integers(n, size=_TRIES * n_partners)
    radii = draw_radii(len(parents), radius, spread, ndim, rng)
    direction = rng.standard_normal((len(parents), ndim))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    distance = 0.9 * (radii + first.radii[parents])
    beside = first.centers[parents] + direction * distance[:, np.newaxis]
    centers = np.concatenate([first.centers, beside])
    all_radii = np.concatenate([first.radii, radii])
    own_parents = np.concatenate([np.full(n, -1), parents])
    kept = _greedy(centers, all_radii, gap, n + n_partners, own_parents, n)
    return Places(centers[kept], all_radii[kept])


def neighbours(places: Places, reach: float) -> list[Array]:
    """For each ball, the others whose centres are within `reach` times both radii."""
    from scipy.spatial import cKDTree

    found: list[list[int]] = [[] for _ in range(len(places))]
    if len(places) == 0:
        return []
    tree = cKDTree(places.centers)
    limit = 2 * reach * float(places.radii.max())
    pairs = tree.query_pairs(limit, output_type="ndarray")
    between = places.centers[pairs[:, 0]] - places.centers[pairs[:, 1]]
    distance = np.linalg.norm(between, axis=1)
    near = distance < reach * places.radii[pairs].sum(axis=1)
    for i, j in pairs[near].tolist():
        found[i].append(j)
        found[j].append(i)
    return [np.array(sorted(f), np.intp) for f in found]
