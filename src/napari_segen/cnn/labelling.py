"""Labelling images by a network that has been trained."""

from typing import Any

import numpy as np

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.network import Labeller, Network
from napari_segen.cnn.params import PredictionParams, TrainingParams
from napari_segen.cnn.precision import settle
from napari_segen.cnn.prediction import posterior_steps
from napari_segen.cnn.registry import NETWORKS
from napari_segen.core.checks import check_new_image
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import (
    ClassInfo,
    Segmentation,
    best_class,
    entropy_over_log_k,
)
from napari_segen.core.model import Model
from napari_segen.core.normalization import Normalization, has_data
from napari_segen.core.steps import Steps, run
from napari_segen.objects.instances import instances_steps


class NetworkModel(Model):
    """A network with its weights and all that labelling needs.

    The attributes are explained at `CnnSegmenter`.
    """

    network: str
    task: str
    training: TrainingParams
    prediction: PredictionParams
    spec_: ImageSpec
    n_channels_: int
    classes_: Array
    params_: Any
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

    def network_for(self, params: Any, n_channels: int, n_classes: int) -> Network:
        """Make the network, without weights."""
        network_class = NETWORKS.get(self.network)
        patch_px = self.training.patch_px or network_class.default_patch_px
        return network_class(params, n_channels, n_classes, patch_px)

    def forget_network(self) -> None:
        """Compile the network anew when it is next needed: its weights changed."""
        self._labeller = None

    def segment(self, image: Any, *, spec: ImageSpec | None = None) -> Segmentation:
        """Return posterior, labels and uncertainty of an image."""
        return run(self.segment_steps(image, spec=spec))

    def segment_steps(
        self, image: Any, *, spec: ImageSpec | None = None
    ) -> Steps[Segmentation]:
        """Do what `segment` does, in steps."""
        self.check_fitted()
        spec = spec or self.spec_
        array = check_new_image(image, spec, self.n_channels_)
        frames, label_shape = spec.frames(array), spec.label_shape(array.shape)
        network = self.network_for(self.params_, self.n_channels_, len(self.classes_))
        found = yield from posterior_steps(
            network,
            self._labeller_of(network),
            frames,
            self.normalization_,
            memory_mb=self.prediction.memory_mb,
            flips=self.prediction.flips,
        )
        no_data = ~has_data(frames)
        found.swapaxes(0, 1)[:, no_data] = 1 / len(self.classes_)
        posterior = np.stack(
            [spec.unframe(found[:, k], label_shape) for k in range(found.shape[1])]
        )
        empty = spec.unframe(no_data, label_shape)
        uncertainty = entropy_over_log_k(posterior)
        uncertainty[empty] = 1.0
        if self.task == "instances":
            labels = yield from instances_steps(posterior, foreground=1, spec=spec)
        else:
            labels = best_class(posterior, self.classes_, empty)
        return Segmentation(posterior, labels, uncertainty)

    def _labeller_of(self, network: Network) -> Labeller:
        if self._labeller is None:
            assert self.weights_ is not None
            labeller = network.labeller(settle(self.training.precision))
            labeller.set_weights(self.weights_, self.temperature_)
            self._labeller = labeller
        return self._labeller

    def predict_proba(self, image: Any, *, spec: ImageSpec | None = None) -> Array:
        """Return the posterior ``(K, *S)``, float32, classes in ascending order."""
        return run(self.predict_proba_steps(image, spec=spec))

    def predict_proba_steps(
        self, image: Any, *, spec: ImageSpec | None = None
    ) -> Steps[Array]:
        """Do what `predict_proba` does, in steps."""
        return (yield from self.segment_steps(image, spec=spec)).posterior

    def predict(self, image: Any, *, spec: ImageSpec | None = None) -> Array:
        """Return the most probable class's value of each pixel; 0 without data."""
        return run(self.predict_steps(image, spec=spec))

    def predict_steps(
        self, image: Any, *, spec: ImageSpec | None = None
    ) -> Steps[Array]:
        """Do what `predict` does, in steps."""
        return (yield from self.segment_steps(image, spec=spec)).labels

    def uncertainty(self, image: Any, *, spec: ImageSpec | None = None) -> Array:
        """Return how undecided each pixel is: entropy over log K, 0 to 1."""
        return run(self.uncertainty_steps(image, spec=spec))

    def uncertainty_steps(
        self, image: Any, *, spec: ImageSpec | None = None
    ) -> Steps[Array]:
        """Do what `uncertainty` does, in steps."""
        return (yield from self.segment_steps(image, spec=spec)).uncertainty
