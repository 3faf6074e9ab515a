"""What share of generated patches is suspiciously near, and how sure that is."""

from dataclasses import dataclass

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.generation.patches import Corners

# A patch this near to a training patch is suspect: so are 5 % of real ones.
QUANTILE = 0.05
# Of as many the quantile lies between the fifth and the sixth; of fewer its own error
# exceeds 2 %, and the share tells of the few patches, not of copies.
LEAST_PATCHES = 100
_RESAMPLES = 400
_ENDS = (0.025, 0.975)
_LEAST_IMAGES = 4


@dataclass(frozen=True, slots=True)
class Share:
    """The share of patches that lie nearer than 95 % of unseen real ones.

    Parameters
    ----------
    value : float
        0.05 is expected without copying.
    low, high : float
        95 % interval by drawing anew the images that the patches are from, or blocks
        of these where there are fewer than four images. It does not hold how another
        training of the generator, or another training image, would have fared.
    n_generated, n_unseen : int
        How many patches were compared.
    """

    value: float
    low: float
    high: float
    n_generated: int
    n_unseen: int


@dataclass(frozen=True, slots=True)
class Grouped:
    """Distances of N patches, and which of them belong together.

    Parameters
    ----------
    distance : float array of shape (N,)
    unit : int array of shape (N,)
        From 0 without gaps.
    """

    distance: Array
    unit: Array

    @classmethod
    def of(
        cls, distance: Array, where: Corners, owners: Array, patch_px: int
    ) -> "Grouped":
        """Group patches by image, or by place: neighbours overlap.

        Parameters
        ----------
        distance : float array of shape (N,)
        where : Corners
            Of the N patches.
        owners : int array
            The image that each plane is from.
        patch_px : int
        """
        owner = owners[where.plane]
        places = [owner]
        if len(np.unique(owner)) < _LEAST_IMAGES:
            side = 2 * patch_px
            places += [where.y // side, where.x // side]
        _, unit = np.unique(np.stack(places), axis=1, return_inverse=True)
        return cls(distance, unit.ravel())

    def __len__(self) -> int:
        return len(self.distance)

    def drawn_anew(self, rng: np.random.Generator) -> Array:
        """Return the distances in as many units, drawn with repetition."""
        n = int(self.unit.max()) + 1
        times = np.bincount(rng.integers(n, size=n), minlength=n)
        return np.repeat(self.distance, times[self.unit])


def share_of(generated: Grouped, unseen: Grouped, rng: np.random.Generator) -> Share:
    """Tell the share of generated patches below the quantile of unseen ones."""
    drawn = [
        _below(generated.drawn_anew(rng), unseen.drawn_anew(rng))
        for _ in range(_RESAMPLES)
    ]
    low, high = (float(v) for v in np.quantile(drawn, _ENDS))
    value = _below(generated.distance, unseen.distance)
    return Share(value, low, high, len(generated), len(unseen))


def _below(distance: Array, usual: Array) -> float:
    return float(np.mean(distance < np.quantile(usual, QUANTILE)))


def why_untold(n_training: int, n_generated: int, n_unseen: int | None) -> str:
    """Say why patches tell no share, and what to do; empty where they do.

    Parameters
    ----------
    n_training, n_generated, n_unseen : int
        How many patches with something on them there are; the last is None where no
        real images were held out.
    """
    if n_unseen is None:
        return "that takes real images which the generator has not seen."
    if n_training == 0:
        return "nothing in the training images stands out from its surroundings."
    for name, n in (("generated", n_generated), ("unseen", n_unseen)):
        if n < LEAST_PATCHES:
            return (
                f"the {name} images have {n} patches with something on them, and a "
                f"share of {QUANTILE:.0%} cannot be told from fewer than "
                f"{LEAST_PATCHES}. Take more {name} images, or larger ones."
            )
    return ""
