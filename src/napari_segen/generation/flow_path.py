"""The straight path from noise to an image, and what a network learns of it.

At time t, from 0 to 1, a pixel is ``(1 - t) noise + t image``; it moves with the
velocity ``image - noise`` (Lipman et al. 2023; Liu et al. 2023). If noise and image
were independent numbers of variance 1, the best guess of the velocity from the pixel
alone would be a multiple of it, with an error of variance ``1 / spread``. The network
learns the rest, scaled to variance 1, from the pixel scaled to variance 1, as Karras
et al. (2022) do for diffusion: it need not learn at each time anew what noise is.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

N_TIME_MAPS = 5


def spread(t: Any) -> Any:
    """Variance of a pixel at time `t`."""
    return t * t + (1 - t) * (1 - t)


def mixture(noise: Any, image: Any, t: Any) -> Any:
    """Return the pixels at time `t`."""
    return (1 - t) * noise + t * image


def answer_for(noise: Any, image: Any, t: Any) -> Any:
    """Return what the network should answer: the velocity's unguessable part."""
    return ((1 - t) * image - t * noise) / spread(t) ** 0.5


def velocity(pixels: Any, answer: Any, t: Any) -> Any:
    """Return the velocity that an answer means."""
    return (2 * t - 1) / spread(t) * pixels + answer / spread(t) ** 0.5


def time_maps(t: Array) -> npt.NDArray[np.float32]:
    """Tell the network the times ``(...)``, by numbers ``(..., N_TIME_MAPS)``."""
    waves = [f(np.pi * k * t) for k in (1, 2) for f in (np.cos, np.sin)]
    return np.stack([2 * t - 1, *waves], axis=-1).astype(np.float32)
