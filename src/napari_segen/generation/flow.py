"""From noise to images by a learnt velocity, with the labels told to the network."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.network import Network
from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.conditions import MAX_CLASSES, UNKNOWN, Conditions
from napari_segen.generation.flow_batches import Example, FlowSampler
from napari_segen.generation.flow_path import mixture
from napari_segen.generation.flow_plan import FlowParams, planned
from napari_segen.generation.flow_sampling import (
    Floats,
    FlowNetwork,
    canvas_of,
    continued,
    euler_steps,
)
from napari_segen.generation.flow_training import train_steps
from napari_segen.generation.guide import Guide
from napari_segen.generation.labelmaps import LabelModel
from napari_segen.generation.method import (
    Budget,
    GeneratorMethod,
    Source,
    label_values,
)
from napari_segen.generation.scaling import Scaling


class Flow(GeneratorMethod):
    """Flow matching: a U-Net learns the velocity from noise to the images.

    Labels are conditions: the network sees a map for each class, or for background,
    inside and border of objects, and now and then none. New label maps come from a
    `LabelModel`, and an image is made for them: from noise, or where cells fill the
    plane, from noise mixed with a `Guide` to what is in them. A variation begins on
    the way, at the image mixed with noise, and keeps the labels. Pixels without data
    take no part in the fit, and stay so in variations. Every image is made a little
    larger than asked for and cut, in tiles that equal the whole.
    """

    Params = FlowParams
    title = "Flow"
    summary = (
        "A CNN that turns noise into images step by step, for labels of your own too; "
        "trains in minutes and looks most like the real ones."
    )
    needs_training = True
    makes_pairs = True
    can_vary = True
    can_paint = True
    max_label_values = MAX_CLASSES

    params: FlowParams
    scaling: Scaling
    conditions: Conditions
    label_model: LabelModel | None
    guide: Guide | None
    weights: Weights

    def __init__(self, params: FlowParams, sampling: tuple[float, ...]) -> None:
        super().__init__(params, sampling)
        self._network: FlowNetwork | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None}

    def fit_steps(
        self,
        sources: Sequence[Source],
        budget: Budget,
        seed: int,
        task: str = "classes",
    ) -> Steps[None]:
        """Learn what the labels look like, then train the network."""
        yield Step(0, 0, "Looking at the images")
        p, self.task, self._network = self.params, task, None
        self.scaling = Scaling.fit([s.image for s in sources])
        self.conditions = Conditions.of(task, label_values(sources))
        maps = [s.labels for s in sources if s.labels is not None]
        self.label_model = LabelModel.fit(maps, task) if maps else None
        makes_collages = (
            self.label_model is not None and self.label_model.makes_collages
        )
        self.guide = Guide.fit(sources) if makes_collages else None
        network = self._plan()
        in_plane = self.sampling[-2] == self.sampling[-1]
        flips = p.flips == "all"
        sampler = FlowSampler(
            [self._example(s) for s in sources],
            self.conditions,
            network.patch_shape,
            p.batch_size if network.ndim == 2 else max(1, p.batch_size // 4),
            flips=flips,
            turns=flips and in_plane,
        )
        trained = yield from train_steps(
            network, sampler, p.learning_rate, budget, seed
        )
        self.weights = trained.weights
        self.n_steps, self.history = trained.n_steps, trained.history

    def _plan(self) -> Network:
        n_image, n_kinds = self.scaling.n_channels, self.conditions.n_kinds
        return planned(self.params, len(self.sampling), n_image, n_kinds)

    def _example(self, source: Source) -> Example:
        values = np.moveaxis(self.scaling.apply(source.image), 0, -1)
        seen = np.asarray(np.isfinite(values).all(axis=-1))
        values[~seen] = 0
        kinds = None
        if source.labels is not None and self.conditions.n_kinds:
            kinds = self.conditions.kinds(source.labels)
        return Example(values, seen[..., np.newaxis].astype(np.float32), kinds)

    def make_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator, *, with_labels: bool
    ) -> Steps[Source]:
        """Draw a label map, if there is a model of them, and make its image."""
        canvas, inner = canvas_of(self._plan(), shape)
        label_rng, noise_rng, guide_rng = rng.spawn(3)
        if self.label_model is None:
            kinds = np.full(canvas, UNKNOWN, np.uint8)
            return Source((yield from self._made(kinds, inner, noise_rng)), None)
        drawn = yield from self.label_model.draw_steps(canvas, label_rng)
        kinds = self.conditions.kinds(drawn.labels)
        picture = None
        if self.guide is not None:
            picture = self.guide.picture(drawn, self.scaling, guide_rng)
        image = yield from self._made(kinds, inner, noise_rng, picture)
        return Source(image, drawn.labels[inner] if with_labels else None)

    def paint_steps(self, labels: Array, rng: np.random.Generator) -> Steps[Array]:
        """Make an image for labels."""
        canvas, inner = canvas_of(self._plan(), labels.shape)
        kinds = continued(self.conditions.kinds(labels), canvas, inner)
        return self._made(kinds, inner, rng.spawn(2)[1])

    def _made(
        self,
        kinds: Array,
        inner: tuple[slice, ...],
        rng: np.random.Generator,
        picture: Floats | None = None,
    ) -> Steps[Array]:
        """Follow the velocity from noise, mixed with a picture if there is one.

        Returns
        -------
        float array of shape (C, *S)
            Grey values.
        """
        shape = (*kinds.shape, self.scaling.n_channels)
        noise = rng.standard_normal(shape, dtype=np.float32)
        if picture is None:
            return (yield from self._followed(kinds, noise, 0.0, inner))
        first = 1 - self.params.renewal
        mixed = mixture(noise, picture, np.float32(first))
        return (yield from self._followed(kinds, mixed, first, inner))

    def vary_steps(
        self, source: Source, strength: float, rng: np.random.Generator
    ) -> Steps[Source]:
        """Mix the image with noise, and follow the velocity from there."""
        example = self._example(source)
        canvas, inner = canvas_of(self._plan(), source.image.shape[1:])
        kinds = np.full(canvas, UNKNOWN, np.uint8)
        if example.kinds is not None:
            kinds = continued(example.kinds, canvas, inner)
        values = continued(example.values, canvas, inner)
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        first = 1 - strength
        mixed = mixture(noise, values, np.float32(first))
        image = yield from self._followed(kinds, mixed, first, inner)
        image[:, example.seen[..., 0] == 0] = np.nan
        return Source(image, source.labels)

    def _followed(
        self, kinds: Array, start: Floats, first: float, inner: tuple[slice, ...]
    ) -> Steps[Array]:
        """Follow the velocity from time `first` to the image; cut and unscale it."""
        yield Step(0, 0, "Preparing the network")
        if self._network is None:
            self._network = FlowNetwork(self._plan(), self.weights)
        n = max(1, round(self.params.sampling_steps * (1 - first)))
        velocity = self._network.velocity_of(kinds, self.conditions.maps)
        pixels = yield from euler_steps(velocity, start, first, n)
        return self.scaling.undo(np.moveaxis(pixels[inner], -1, 0))

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return weights, scaling, label values and the model of the label maps."""
        arrays = {f"weight_{i}": w for i, w in enumerate(self.weights)}
        arrays |= self.scaling.arrays() | {"values": self.conditions.values}
        header: dict[str, Any] = {"n_kinds": self.conditions.n_kinds, "maps": None}
        if self.label_model is not None:
            header["maps"], more = self.label_model.state()
            arrays |= more
        if self.guide is not None:
            arrays |= self.guide.arrays()
        return header, arrays

    def restore(
        self, header: Mapping[str, Any], arrays: Mapping[str, Array], n_channels: int
    ) -> None:
        """Take over what `state` returned."""
        self.scaling = Scaling.from_arrays(arrays)
        if self.scaling.n_channels != n_channels:
            raise ValueError("the scaling is of another number of channels.")
        self.conditions = Conditions.restored(
            self.task, arrays["values"], header["n_kinds"]
        )
        self.label_model = self.guide = None
        if header["maps"] is not None:
            self.label_model = LabelModel.restore(header["maps"], arrays)
            self._check_labels(self.label_model)
            if self.label_model.makes_collages:
                n = self.scaling.n_channels
                shapes = [(n, *m.shape) for m in self.label_model.maps]
                self.guide = Guide.from_arrays(arrays, shapes)
        if (self.label_model is None) != (self.conditions.n_kinds == 0):
            raise ValueError("the model of label maps does not fit the network.")
        self.weights = []
        for i, shape in enumerate(self._plan().weight_shapes()):
            w = arrays.get(f"weight_{i}")
            if w is None or w.shape != shape or w.dtype != np.float32:
                raise ValueError(f"weight {i} of the network has an odd shape or type.")
            if not np.isfinite(w).all():
                raise ValueError(f"weight {i} of the network is not finite.")
            self.weights.append(w)

    def _check_labels(self, model: LabelModel) -> None:
        """Refuse a model of label maps that this network was not told of."""
        is_known = np.isin(model.values, self.conditions.values).all()
        has_axes = all(m.ndim == len(self.sampling) for m in model.maps)
        if model.task != self.task or not is_known or not has_axes:
            raise ValueError("the model of label maps does not fit the network.")
