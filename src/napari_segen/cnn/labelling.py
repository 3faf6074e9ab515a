"""Labelling images by a network that has been trained."""

from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.network import Labeller, Network
from napari_segen.cnn.params import PredictionParams, TrainingParams
from napari_segen.cnn.precision import settle
from napari_segen.cnn.prediction import check_axes, posterior_steps
from napari_segen.cnn.problem import size_text
from napari_segen.cnn.registry import NETWORKS
from napari_segen.cnn.rescaling import (
    is_other_size,
    rescaled_frames,
    rescaled_posterior,
    scale_factors,
)
from napari_segen.core.checks import check_new_image
from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import (
    ClassInfo,
    Segmentation,
    best_class,
    entropy_over_log_k,
)
from napari_segen.core.model import Model
from napari_segen.core.normalization import Normalization, has_data
from napari_segen.core.steps import Step, Steps, run
from napari_segen.core.tiles import Reach
from napari_segen.objects.instances import instances_steps


class NetworkModel(Model):
    """A network with its weights and all that labelling needs.

    The attributes are explained at `CnnSegmenter`.
    """

    network: str
    params: Any
    task: str
    training: TrainingParams
    prediction: PredictionParams
    spec_: ImageSpec
    n_channels_: int
    classes_: Array
    normalization_: Normalization
    temperature_: float

    def __init__(self) -> None:
        self.class_info_: dict[int, ClassInfo] = {}
        self.weights_: Weights | None = None
        self._labeller: Labeller | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The compiled network cannot be pickled; it is made again from the weights.
        return self.__dict__ | {"_labeller": None}

    @property
    def is_fitted(self) -> bool:
        """Whether `fit` has succeeded."""
        return self.weights_ is not None

    def network_for(self, n_channels: int, n_classes: int) -> Network:
        """Make the network, without weights."""
        network_class = NETWORKS.get(self.network)
        patch_px = self.training.patch_px or network_class.default_patch_px
        return network_class(self.params, n_channels, n_classes, patch_px)

    def forget_network(self) -> None:
        """Compile the network anew when it is next needed: its weights changed."""
        self._labeller = None

    def reach(self, spec: ImageSpec) -> Reach:
        """Say what a part of an image of these axes needs around it."""
        network = self.network_for(self.n_channels_, len(self.classes_))
        check_axes(network, spec.n_space)
        # What a pixel depends on begins and ends with boxes of `multiple` pixels, and
        # beyond the border lies what the image has within it.
        halo = tuple(
            m * (-(-(max(sides) + 1) // m) + 1)
            for sides, m in zip(network.halo, network.multiple, strict=True)
        )
        alone = spec.n_space - network.ndim  # planes that it looks at one by one
        return Reach((0,) * alone + halo, (1,) * alone + network.multiple)

    def seen_channels(self, frames: Array) -> Array:
        """Return what of frames ``(N, C, *S)`` it looks at, and takes the range of."""
        return frames

    def with_normalization(self, normalization: Normalization) -> Self:
        """Return the same model with another scale of grey values."""
        network = self.network_for(self.n_channels_, len(self.classes_))
        labeller = self._labeller_of(network)  # which is slow to make
        twin = copy(self)
        twin.normalization_, twin._labeller = normalization, labeller
        return twin

    def segment(
        self, image: Any, *, spec: ImageSpec | None = None, rescale: bool = False
    ) -> Segmentation:
        """Return posterior, labels and uncertainty of an image.

        Parameters
        ----------
        image : array
            Of the axes of `spec`.
        spec : ImageSpec, optional
            Its axes and pixel size; None: those of the training.
        rescale : bool
            Bring the image to the pixel size of the training, and the result back.

        Returns
        -------
        Segmentation
            ``posterior`` float32 ``(K, *S)``, ``labels`` ``(*S)``, ``uncertainty``
            float32 ``(*S)``: as `predict_proba`, `predict` and `uncertainty` say.

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit.
        MissingBackend
            Where TensorFlow is not installed.
        """
        return run(self.segment_steps(image, spec=spec, rescale=rescale))

    def segment_steps(
        self, image: Any, *, spec: ImageSpec | None = None, rescale: bool = False
    ) -> Steps[Segmentation]:
        """Do what `segment` does, in steps."""
        posterior, empty = yield from self._seen_steps(image, spec, rescale)
        uncertainty = entropy_over_log_k(posterior)
        uncertainty[empty] = 1.0
        if self.task == "instances":
            spec = spec or self.spec_
            labels = yield from instances_steps(posterior, foreground=1, spec=spec)
        else:
            labels = best_class(posterior, self.classes_, empty)
        return Segmentation(posterior, labels, uncertainty)

    def _seen_steps(
        self, image: Any, spec: ImageSpec | None, rescale: bool
    ) -> Steps[tuple[Array, Array]]:
        """Compute the posterior ``(K, *S)`` of an image, and where it has no data."""
        self.check_fitted()
        spec = spec or self.spec_
        array = check_new_image(image, spec, self.n_channels_)
        frames, label_shape = spec.frames(array), spec.label_shape(array.shape)
        found = yield from self._posterior_steps(frames, spec, rescale)
        no_data = ~has_data(frames)
        found.swapaxes(0, 1)[:, no_data] = 1 / len(self.classes_)
        if found.shape[2:] == label_shape:  # one frame; a copy would cost memory
            posterior = found[0]
        else:
            posterior = np.stack(
                [spec.unframe(found[:, k], label_shape) for k in range(found.shape[1])]
            )
        return posterior, spec.unframe(no_data, label_shape)

    def _posterior_steps(
        self, frames: Array, spec: ImageSpec, rescale: bool
    ) -> Steps[npt.NDArray[np.float32]]:
        """Compute the posterior ``(N, K, *S)`` of frames ``(N, C, *S)``."""
        factors = scale_factors(spec, self.spec_)
        rescale = rescale and any(f != 1 for f in factors)
        if not rescale and is_other_size(factors):
            doubt(
                f"the image's pixels are {size_text(spec)}, but the network learned at "
                f"{size_text(self.spec_)}: things look larger or smaller to it than "
                "they are. Use rescale=True to bring the image to the learned size and "
                "the result back.",
                stacklevel=2,
            )
        if rescale:
            yield Step(0, 0, "Rescaling")
        found = yield from self._answer_steps(
            rescaled_frames(frames, factors) if rescale else frames
        )
        return rescaled_posterior(found, frames.shape[2:]) if rescale else found

    def _answer_steps(self, frames: Array) -> Steps[npt.NDArray[np.float32]]:
        """Compute the posterior ``(N, K, *S)`` of frames at the size they have."""
        network = self.network_for(self.n_channels_, len(self.classes_))
        return posterior_steps(
            network,
            self._labeller_of(network),
            frames,
            self.normalization_,
            memory_mb=self.prediction.memory_mb,
            flips=self.prediction.flips,
        )

    def _labeller_of(self, network: Network) -> Labeller:
        if self._labeller is None:
            assert self.weights_ is not None
            labeller = network.labeller(settle(self.training.precision))
            labeller.set_weights(self.weights_, self.temperature_)
            self._labeller = labeller
        return self._labeller

    def predict_proba(
        self, image: Any, *, spec: ImageSpec | None = None, rescale: bool = False
    ) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        image : array
            Of the axes of `spec`.
        spec : ImageSpec, optional
            Its axes and pixel size; None: those of the training.
        rescale : bool
            Bring the image to the pixel size of the training, and the result back.

        Returns
        -------
        float32 array of shape (K, *S)
            Classes ascending; sums to 1 over them. Uniform where the image has no data.

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit.
        MissingBackend
            Where TensorFlow is not installed.
        """
        return run(self.predict_proba_steps(image, spec=spec, rescale=rescale))

    def predict_proba_steps(
        self, image: Any, *, spec: ImageSpec | None = None, rescale: bool = False
    ) -> Steps[Array]:
        """Do what `predict_proba` does, in steps."""
        return (yield from self._seen_steps(image, spec, rescale))[0]

    def predict(
        self, image: Any, *, spec: ImageSpec | None = None, rescale: bool = False
    ) -> Array:
        """Return the most probable class of each pixel, or the objects.

        Parameters
        ----------
        image : array
            Of the axes of `spec`.
        spec : ImageSpec, optional
            Its axes and pixel size; None: those of the training.
        rescale : bool
            Bring the image to the pixel size of the training, and the result back.

        Returns
        -------
        integer array of shape (*S)
            The training's label values, 0 where the image has no data; with the task
            ``instances`` the numbers of the objects, 0 for the background.

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit.
        MissingBackend
            Where TensorFlow is not installed.
        """
        return run(self.predict_steps(image, spec=spec, rescale=rescale))

    def predict_steps(
        self, image: Any, *, spec: ImageSpec | None = None, rescale: bool = False
    ) -> Steps[Array]:
        """Do what `predict` does, in steps."""
        return (yield from self.segment_steps(image, spec=spec, rescale=rescale)).labels

    def uncertainty(
        self, image: Any, *, spec: ImageSpec | None = None, rescale: bool = False
    ) -> Array:
        """Return how undecided each pixel is.

        Parameters
        ----------
        image : array
            Of the axes of `spec`.
        spec : ImageSpec, optional
            Its axes and pixel size; None: those of the training.
        rescale : bool
            Bring the image to the pixel size of the training, and the result back.

        Returns
        -------
        float32 array of shape (*S)
            Entropy of the posterior over log K, 0 to 1; 1 where there is no data.

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit.
        MissingBackend
            Where TensorFlow is not installed.
        """
        return run(self.uncertainty_steps(image, spec=spec, rescale=rescale))

    def uncertainty_steps(
        self, image: Any, *, spec: ImageSpec | None = None, rescale: bool = False
    ) -> Steps[Array]:
        """Do what `uncertainty` does, in steps."""
        return (
            yield from self.segment_steps(image, spec=spec, rescale=rescale)
        ).uncertainty
