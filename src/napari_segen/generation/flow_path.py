"""The straight path from noise to an image, and what a network learns of it.

At time t, from 0 to 1, a pixel is ``(1 - t) noise + t image``; it moves with the
velocity ``image - noise`` (Lipman et al. 2023; Liu et al. 2023). A network that makes
the squared error of the velocity small answers with its mean over all noise and images
that pass here; following that from new noise leads to a new image.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

# Waves over the time, the longest four times as long as it.
_N_WAVES = 4
N_TIME_MAPS = 2 * _N_WAVES


def mixture(noise: Any, image: Any, t: Any) -> Any:
    """Return the pixels at time `t`."""
    return (1 - t) * noise + t * image


def velocity(noise: Any, image: Any) -> Any:
    """Return how the pixels move, at any time."""
    return image - noise


def time_maps(t: Array) -> npt.NDArray[np.float32]:
    """Tell the network the times ``(...)``, by numbers ``(..., N_TIME_MAPS)``."""
    phases = t[..., np.newaxis] * (np.pi / 2 * 2.0 ** np.arange(_N_WAVES))
    waves = np.concatenate([np.cos(phases), np.sin(phases)], axis=-1)
    return waves.astype(np.float32)
