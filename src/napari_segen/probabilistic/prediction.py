"""A fitted classifier over a whole frame: tile by tile, then the priors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import (
    Segmentation,
    best_class,
    entropy_over_log_k,
    smallest_unsigned,
)
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.core.tiles import Tile, tile_grid
from napari_segen.features.parallel import side_by_side_steps
from napari_segen.probabilistic import potts
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.prior import apply_prior

# What one thread smooths at once: by planes and rows, long ones, within its cache.
# Thin pieces would be smoothed several times over, as halos of their neighbours.
BLOCK_2D = (128, 1024)
BLOCK_3D = (32, 64, 256)
SHARE_OF_CLASSIFYING = 0.9


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

    @classmethod
    def with_frequencies(
        cls,
        classifier: Classifier,
        shares: Array,
        frequencies: Array | None,
        smoothing: float,
    ) -> "Posterior":
        """Put frequencies of the classes in the place of the classifier's own.

        Parameters
        ----------
        shares : float array of shape (K,)
            How frequent the classifier takes each class to be.
        frequencies : float array of shape (K,), or None
            How frequent they are; None: as the classifier learnt it, if it did.
        """
        prior = classifier.frequencies_
        if frequencies is not None:
            ratio = frequencies / shares
            prior = (ratio / ratio.sum()).astype(np.float32)
        return cls(classifier, prior, smoothing)

    def by_pixel_steps(self, frame: Frame) -> Steps[npt.NDArray[np.float32]]:
        """Compute ``(K, *S)`` of a frame, each pixel by its own features alone.

        Uniform where the frame has no data.
        """
        result = np.empty((self.classifier.n_classes_, *frame.shape), np.float32)

        def classify(tile: Tile, features: Array) -> None:
            result[:, *tile.core] = self.of(features, frame.no_data(tile.core))

        yield from frame.features_steps(classify, "Classifying")
        return result

    def of(self, features: Array, no_data: Array | None) -> npt.NDArray[np.float32]:
        """Classify features ``(F, *S)``, each pixel by its own; ``(K, *S)``."""
        posterior = self.classifier.posterior(features)
        if self.prior is not None:
            posterior = apply_prior(posterior, self.prior)
        if no_data is not None:
            posterior[:, no_data] = 1 / len(posterior)
        return posterior

    def smoothed(self, by_pixel: Array, frame: Frame, block: Tile) -> Array:
        """Apply the spatial prior to a block's core; returns ``(K, *core)``."""
        if self.smoothing == 0:
            return by_pixel[:, *block.core]
        gaps = frame.no_data(block.padded)
        smooth = potts.smooth(by_pixel[:, *block.padded], self.smoothing, gaps)
        return smooth[:, *block.inner]


def segment_frame_steps(
    posterior: Posterior, frame: Frame, classes: Array
) -> Steps[Segmentation]:
    """Compute posterior, labels and uncertainty of one frame."""
    by_pixel = yield from stretch_steps(
        posterior.by_pixel_steps(frame), 0, SHARE_OF_CLASSIFYING
    )
    shape, is_smoothed = frame.shape, posterior.smoothing > 0
    found = Segmentation(
        np.empty_like(by_pixel) if is_smoothed else by_pixel,
        np.empty(shape, smallest_unsigned(int(classes.max()))),
        np.empty(shape, np.float32),
    )

    def finish(block: Tile) -> None:
        part = posterior.smoothed(by_pixel, frame, block)
        found.posterior[:, *block.core] = part
        missing = frame.no_data(block.core)
        found.labels[block.core] = best_class(part, classes, missing)
        found.uncertainty[block.core] = entropy_over_log_k(part)
        if missing is not None:
            found.uncertainty[block.core][missing] = 1

    block = BLOCK_2D if len(shape) == 2 else BLOCK_3D
    halo = (potts.HALO * is_smoothed,) * len(shape)
    jobs = [partial(finish, b) for b in tile_grid(shape, block, halo)]
    steps = side_by_side_steps(jobs, "Smoothing" if is_smoothed else "Labelling")
    yield from stretch_steps(steps, SHARE_OF_CLASSIFYING, 1)
    return found


def unframed(
    parts: Sequence[Segmentation], spec: ImageSpec, label_shape: tuple[int, ...]
) -> Segmentation:
    """Put the frames' results back to the axes of the image."""
    posterior = _joined([p.posterior for p in parts], axis=1)
    return Segmentation(
        spec.unframe(posterior, label_shape),
        spec.unframe(_joined([p.labels for p in parts], axis=0), label_shape),
        spec.unframe(_joined([p.uncertainty for p in parts], axis=0), label_shape),
    )


def _joined(parts: list[Array], axis: int) -> Array:
    # One frame, the usual case, needs no copy.
    return np.expand_dims(parts[0], axis) if len(parts) == 1 else np.stack(parts, axis)
