"""What a decoder cannot make: noise as strong and as fine as its errors in training.

How strong depends on the decoded grey value: the dark ground of a fluorescence image
has less noise than its bright objects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.generation.field import REACH, Floats, GaussianField

_LEVELS = 24


@dataclass(frozen=True, slots=True)
class Grain:
    """Noise for images of C channels.

    Parameters
    ----------
    field : GaussianField
        Noise of standard deviation about 1.
    levels, strength : float32 arrays of shape (C, B)
        Standard deviation of the noise at decoded grey values; linear in between.
    """

    field: GaussianField
    levels: Floats
    strength: Floats

    @classmethod
    def fit(cls, decoded: Sequence[Array], errors: Sequence[Array]) -> "Grain":
        """Learn from decoded images and their errors, each ``(C, H, W)``."""
        flat, wrong = (
            np.concatenate([x.reshape(len(x), -1) for x in images], axis=1)
            for images in (decoded, errors)
        )
        curves = [_curve(d, e) for d, e in zip(flat, wrong, strict=True)]
        levels, strength = (np.array(x, np.float32) for x in zip(*curves, strict=True))
        unscaled = [
            e / np.maximum(_strength_at(d, levels, strength), 1e-6)
            for d, e in zip(decoded, errors, strict=True)
        ]
        return cls(GaussianField.fit(unscaled, REACH), levels, strength)

    def sample(self, image: Array, rng: np.random.Generator) -> Floats:
        """Draw noise for a decoded image ``(C, H, W)``."""
        noise = self.field.sample(image.shape[1:], rng)
        return noise * _strength_at(image, self.levels, self.strength)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays for a model file; `from_arrays` reads them back."""
        own = {"grain_levels": self.levels, "grain_strength": self.strength}
        return own | self.field.arrays("grain")

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], n_channels: int) -> "Grain":
        """Read what `arrays` returned."""
        levels, strength = arrays["grain_levels"], arrays["grain_strength"]
        if levels.shape != (n_channels, _LEVELS) or strength.shape != levels.shape:
            raise ValueError("the strength of the grain has an odd shape.")
        field = GaussianField.from_arrays("grain", arrays, n_channels)
        return cls(field, levels.astype(np.float32), strength.astype(np.float32))


def _curve(decoded: Array, error: Array) -> tuple[Array, Array]:
    """Mean decoded value and root mean square error, by equal parts of the pixels."""
    order = np.argsort(decoded, kind="stable")
    parts = [p if p.size else order[:1] for p in np.array_split(order, _LEVELS)]
    levels = np.array([decoded[p].mean() for p in parts])
    return levels, np.array([np.sqrt(np.mean(error[p] ** 2)) for p in parts])


def _strength_at(image: Array, levels: Array, strength: Array) -> Floats:
    """Strength at each pixel of ``(C, H, W)``."""
    curves = zip(image, levels, strength, strict=True)
    return np.stack([np.interp(p, x, y) for p, x, y in curves]).astype(np.float32)
