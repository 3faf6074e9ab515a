"""Why a pixel has the posterior that it has."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Steps
from napari_segen.core.tiles import tile_at
from napari_segen.features.bank import FeatureName
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.prediction import Posterior

GROUPS = tuple(f.name for f in fields(FeatureName))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each feature of a pixel speaks for, in log odds; see `evidence`.

    Positive numbers speak for a class, negative ones against it, compared with the mean
    of all classes. The difference of two classes, `base` and all `contributions`
    summed, is the logarithm of how many times as probable the one is as the other
    before the spatial prior (smoothing).

    Parameters
    ----------
    classes : int array of shape (K,)
        Class values, ascending.
    names : tuple of FeatureName
        Of the F features. Channels are numbered from 0 among those that are used; of
        colour images 0 is the mean of the colours, and 1 to 3 are red, green and blue.
    base : float64 array of shape (K,)
        What holds for the average labelled pixel, how frequent the classes are
        included. Sums to 0.
    contributions : float64 array of shape (F, K)
        What each feature adds. Each row sums to 0.
    """

    classes: Array
    names: tuple[FeatureName, ...]
    base: npt.NDArray[np.float64]
    contributions: npt.NDArray[np.float64]

    @property
    def posterior(self) -> npt.NDArray[np.float64]:
        """Probability of each class ``(K,)`` before the spatial prior."""
        scores = self.base + self.contributions.sum(axis=0)
        powers = np.exp(scores - scores.max())
        return np.asarray(powers / powers.sum())

    def grouped(self, by: str = "family") -> dict[str, npt.NDArray[np.float64]]:
        """Sum the contributions of features that have something in common.

        Parameters
        ----------
        by : {"channel", "family", "part", "scale"}

        Returns
        -------
        dict from name to float64 array of shape (K,)
            The strongest first.
        """
        if by not in GROUPS:
            raise ValueError(f"by must be one of {', '.join(GROUPS)}, got {by!r}.")
        keys = [getattr(name, by) or "no " + by for name in self.names]
        sums = {key: np.zeros(len(self.classes)) for key in keys}
        for key, row in zip(keys, self.contributions, strict=True):
            sums[key] += row
        return dict(sorted(sums.items(), key=lambda item: -np.abs(item[1]).max()))


def explained_steps(
    posterior: Posterior, frame: Frame, pixel: Sequence[int], classes: Array
) -> Steps[Explanation]:
    """Explain a pixel of a frame, computing its features alone."""
    core = tuple(slice(i, i + 1) for i in pixel)
    if frame.no_data(core) is not None:
        raise ValueError(
            f"position {tuple(pixel)} has no data (NaN or infinite): there is nothing "
            "to explain. Choose another pixel."
        )
    tile = tile_at(core, frame.shape, frame.bank.halo)
    at = np.array([pixel], np.intp)
    features = yield from frame.features_at_steps(at, [tile])
    evidence = posterior.classifier.evidence(features[0])
    if posterior.prior is not None:
        evidence[0] += np.log(posterior.prior.astype(np.float64))
    evidence -= evidence.mean(axis=1, keepdims=True)
    names = tuple(frame.bank.described(len(frame.values)))
    return Explanation(classes, names, evidence[0], evidence[1:])


def check_position(position: Sequence[int], shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `position` is an index into labels of `shape`."""
    inside = len(position) == len(shape) and all(
        0 <= i < n for i, n in zip(position, shape, strict=True)
    )
    if not inside:
        raise ValueError(
            f"position must be a pixel of labels of shape {shape}, one number per "
            f"axis, got {tuple(position)}."
        )
