"""A fitted classifier over a whole frame: tile by tile, then the priors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import Segmentation, best_class, entropy_over_log_k
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.core.tiles import Tile, tile_grid
from napari_segen.probabilistic import potts
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.parallel import side_by_side_steps
from napari_segen.probabilistic.prior import apply_prior

SLAB_PIXELS = 2**17
SHARE_OF_FEATURES = 0.5


@dataclass(frozen=True, slots=True)
class Posterior:
    """From features to the posterior, priors included.

    Parameters
    ----------
    classifier : Classifier
        Fitted.
    prior : array of shape (K,), optional
        By what each class's probability is multiplied; None: by one.
    smoothing : float
        Strength of the spatial prior; 0 for none.
    """

    classifier: Classifier
    prior: Array | None
    smoothing: float

    @property
    def halo(self) -> int:
        """How far the result reaches beyond a pixel's own features, in pixels."""
        return potts.HALO if self.smoothing > 0 else 0

    def steps(self, frame: Frame) -> Steps[npt.NDArray[np.float32]]:
        """Compute a frame's posterior ``(K, *S)``; uniform where it has no data."""
        result = np.empty((self.classifier.n_classes_, *frame.shape), np.float32)
        tiles = frame.tiles(self.halo)
        for i, tile in enumerate(tiles):
            steps = self._tile_steps(frame, tile)
            part = yield from stretch_steps(steps, i / len(tiles), (i + 1) / len(tiles))
            result[:, *tile.core] = part[:, *tile.inner]
        return result

    def _tile_steps(self, frame: Frame, tile: Tile) -> Steps[Array]:
        features = yield from stretch_steps(
            frame.features_steps(tile.padded), 0, SHARE_OF_FEATURES
        )
        missing = frame.no_data(tile.padded)
        return (
            yield from stretch_steps(
                self._from_features_steps(features, missing), SHARE_OF_FEATURES, 1
            )
        )

    def _from_features_steps(
        self, features: Array, missing: Array | None
    ) -> Steps[Array]:
        shape = features.shape[1:]
        own = np.empty((self.classifier.n_classes_, *shape), np.float32)
        job = partial(self._classify, features, missing, own)
        yield from side_by_side_steps(_jobs(job, _slabs(shape, 0)), "Classifying")
        if self.smoothing == 0:
            return own
        result = np.empty_like(own)
        smooth = partial(self._smooth, own, missing, result)
        yield from side_by_side_steps(
            _jobs(smooth, _slabs(shape, self.halo)), "Smoothing"
        )
        return result

    def _classify(
        self, features: Array, missing: Array | None, result: Array, slab: Tile
    ) -> None:
        posterior = self.classifier.posterior(features[:, *slab.core])
        if self.prior is not None:
            posterior = apply_prior(posterior, self.prior)
        if missing is not None:
            posterior[:, missing[slab.core]] = 1 / len(posterior)
        result[:, *slab.core] = posterior

    def _smooth(
        self, own: Array, missing: Array | None, result: Array, slab: Tile
    ) -> None:
        gaps = None if missing is None else missing[slab.padded]
        smoothed = potts.smooth(own[:, *slab.padded], self.smoothing, gaps)
        result[:, *slab.core] = smoothed[:, *slab.inner]


def _jobs(work: Callable[[Tile], None], slabs: list[Tile]) -> list[Callable[[], None]]:
    return [partial(work, slab) for slab in slabs]


def _slabs(shape: tuple[int, ...], halo: int) -> list[Tile]:
    """Cut along the first axis into pieces of about `SLAB_PIXELS`."""
    per_slab = max(SLAB_PIXELS // max(int(np.prod(shape[1:])), 1), 1)
    widths = (halo, *(0 for _ in shape[1:]))
    return list(tile_grid(shape, (per_slab, *shape[1:]), widths))


def segment_frame_steps(
    posterior: Posterior, frame: Frame, classes: Array
) -> Steps[Segmentation]:
    """Compute posterior, labels and uncertainty of one frame."""
    probabilities = yield from posterior.steps(frame)
    no_data = frame.no_data((slice(None),) * len(frame.shape))
    uncertainty = entropy_over_log_k(probabilities)
    if no_data is not None:
        uncertainty[no_data] = 1
    labels = best_class(probabilities, classes, no_data)
    return Segmentation(probabilities, labels, uncertainty)


def unframed(
    parts: Sequence[Segmentation], spec: ImageSpec, label_shape: tuple[int, ...]
) -> Segmentation:
    """Put the frames' results back to the axes of the image."""
    planes = [
        spec.unframe(np.stack(plane), label_shape)
        for plane in zip(*(p.posterior for p in parts), strict=True)
    ]
    return Segmentation(
        np.stack(planes),
        spec.unframe(np.stack([p.labels for p in parts]), label_shape),
        spec.unframe(np.stack([p.uncertainty for p in parts]), label_shape),
    )
