"""A CNN from noise to image in one pass: the decoder of a variational autoencoder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, flag, span
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.application import as_function, by_tiles
from napari_segen.generation.autoencoder import (
    HALO,
    Layer,
    Plan,
    build,
    stored_weights,
)
from napari_segen.generation.autoencoder_training import (
    Frame,
    Schedule,
    padded,
    train_steps,
)
from napari_segen.generation.field import REACH, GaussianField
from napari_segen.generation.grain import Grain
from napari_segen.generation.method import (
    Budget,
    GeneratorMethod,
    Source,
    label_values,
)

_SUMMARY_FRAMES = 16
_SUMMARY_PX = 1024


@dataclass(frozen=True, slots=True)
class DecoderParams:
    """The autoencoder, how it is trained, and what is drawn from it."""

    width: int = field(
        default=16,
        metadata=span(4, 128, "Filters of the first layer; more are slower."),
    )
    levels: int = field(
        default=3,
        metadata=span(
            1, 4, "Halvings: at 3, one grid point of noise stands for 8 x 8 pixels."
        ),
    )
    latent: int = field(
        default=16,
        metadata=span(1, 64, "Noise numbers at each grid point; few give a blur."),
    )
    divergence_weight: float = field(
        default=1.0,
        metadata=span(
            0, 100, "Pull towards independent noise; large values give a blur."
        ),
    )
    patch_px: int = field(
        default=128, metadata=span(16, 512, "Side of a training patch in pixels.")
    )
    batch_size: int = field(
        default=8, metadata=span(1, 128, "Patches in each training step.")
    )
    learning_rate: float = field(
        default=2e-3, metadata=span(1e-6, 1.0, "Size of a training step (Adam).")
    )
    correlated: bool = field(
        default=True,
        metadata=flag(
            "Draw noise as correlated as the training images' own; off is the textbook."
        ),
    )
    grain: bool = field(
        default=True,
        metadata=flag(
            "Add the noise that the decoder cannot make, as strong and as fine as in "
            "the training images; without it images are smooth."
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)
        if self.patch_px % 2**self.levels:
            raise ValueError(
                f"patch_px must be a multiple of {2**self.levels} with levels="
                f"{self.levels}, got {self.patch_px}."
            )


class Decoder(GeneratorMethod):
    """Decoder of a small variational autoencoder, fitted to patches; 2D.

    Any number of channels. Label values become one-hot channels that are decoded
    along with the image. Every output size comes from a larger grid of noise than it
    needs, so that no border of the network is seen. Pixels without data take no part
    in the fit; generated images have none, and `vary` fills them in.
    """

    Params = DecoderParams
    title = "Decoder"
    summary = "A CNN from noise to image (variational autoencoder); trains in seconds."
    needs_training = True
    makes_pairs = True
    can_vary = True
    tasks = ("classes",)
    dimensions = (2,)
    max_label_values = 32

    params: DecoderParams

    def __init__(self, params: DecoderParams, sampling: tuple[float, ...]) -> None:
        super().__init__(params, sampling)
        self._networks: dict[str, Callable[[Array], Array]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_networks": {}}

    def fit_steps(
        self,
        sources: Sequence[Source],
        budget: Budget,
        seed: int,
        task: str = "classes",
    ) -> Steps[None]:
        """Train the autoencoder, then measure what its noise should be like."""
        self.label_values = label_values(sources)
        self._standardise(sources)
        p = self.params
        least = p.patch_px
        frames = [padded(self._channels(s), least) for s in sources]
        schedule = Schedule(least, p.batch_size, p.learning_rate, p.divergence_weight)
        trained = yield from train_steps(self._plan, frames, schedule, budget, seed)
        self.encoder, self.decoder = trained.encoder, trained.decoder
        self.n_steps, self.history = trained.n_steps, trained.history
        self._networks = {}
        yield from self._measure(frames)

    def _standardise(self, sources: Sequence[Source]) -> None:
        planes = [s.image.reshape(len(s.image), -1) for s in sources]
        values = [p[:, np.isfinite(p).all(axis=0)].astype(float) for p in planes]
        joined = np.concatenate(values, axis=1)
        if joined.shape[1] == 0:
            raise ValueError("image has no pixel with data: there is nothing to learn.")
        self.mean = joined.mean(axis=1)
        std = joined.std(axis=1)
        self.std = np.where(std > 0, std, 1.0)

    @property
    def _plan(self) -> Plan:
        p = self.params
        n_channels = len(self.mean) + len(self.label_values)
        return Plan(n_channels, p.width, p.levels, p.latent)

    def _channels(self, source: Source) -> Frame:
        """Standardised image and one-hot labels, channels last."""
        image = np.moveaxis(source.image, 0, -1).astype(np.float64)
        seen = np.isfinite(image).all(axis=-1, keepdims=True)
        values = np.where(seen, (image - self.mean) / self.std, 0.0)
        if source.labels is not None:
            hot = source.labels[..., np.newaxis] == self.label_values
            values = np.concatenate([values, hot * seen], axis=-1)
        elif len(self.label_values):
            # Unknown labels: as probable as the classes are on the whole.
            flat = np.full((*image.shape[:2], len(self.label_values)), np.nan)
            flat[...] = 1 / len(self.label_values)
            values = np.concatenate([values, flat], axis=-1)
        return Frame(np.asarray(values, np.float32), np.asarray(seen, np.float32))

    def _measure(self, frames: Sequence[Frame]) -> Steps[None]:
        """Fit the fields of the latent numbers and of the decoder's errors."""
        n_image = len(self.mean)
        means, variance = [], np.zeros(self.params.latent)
        errors, clean = [], []
        every = max(1, len(frames) // _SUMMARY_FRAMES)
        for frame in frames[::every][:_SUMMARY_FRAMES]:
            values = frame.values[:_SUMMARY_PX, :_SUMMARY_PX]
            mean, log_variance = yield from self._encode(values)
            means.append(np.moveaxis(mean, -1, 0))
            variance += np.exp(log_variance).mean(axis=(0, 1))
            decoded = yield from self._decode(mean, values.shape[:2])
            error = (values - decoded) * frame.seen[:_SUMMARY_PX, :_SUMMARY_PX]
            errors.append(np.moveaxis(error[..., :n_image], -1, 0))
            clean.append(np.moveaxis(decoded[..., :n_image], -1, 0))
        yield Step(0, 0, "Measuring correlations")
        self.noise_field = GaussianField.fit(means, REACH, variance / len(means))
        yield Step(0, 0, "Measuring correlations")
        self.grain = Grain.fit(clean, errors)

    def make_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator, *, with_labels: bool
    ) -> Steps[Source]:
        """Decode noise."""
        points = tuple(-(-n // self._plan.stride) + 2 * HALO for n in shape)
        noise = self._latent(points, rng)
        image, scores = yield from self._image(noise, shape, HALO)
        if self.params.grain:
            image += self.grain.sample(image, rng)
        labels = self._best(scores) if with_labels else None
        return Source(self._grey(image), labels)

    def _latent(self, points: tuple[int, ...], rng: np.random.Generator) -> Array:
        field = self.noise_field
        if not self.params.correlated:
            field = GaussianField.white(self.params.latent)
        return np.moveaxis(field.sample(points, rng), 0, -1)

    def vary_steps(
        self, source: Source, strength: float, rng: np.random.Generator
    ) -> Steps[Source]:
        """Mix the image's own latent numbers, and the decoder's error, with new ones.

        Shares ``cos`` and ``sin`` of ``strength * 90`` degrees, so that variances
        stay: 0 gives the image itself, 1 a new one.
        """
        shape = source.image.shape[1:]
        frame = self._channels(source)
        own, new = np.cos(strength * np.pi / 2), np.sin(strength * np.pi / 2)
        mean, _ = yield from self._encode(frame.values)
        drawn = self._latent(mean.shape[:2], rng)
        center = self.noise_field.mean if self.params.correlated else np.float32(0)
        mixed = center + np.float32(own) * (mean - center)
        mixed = mixed + np.float32(new) * (drawn - center)
        image, scores = yield from self._image(mixed, shape, 0)
        decoded = yield from self._decode(mean, shape)
        smooth = image.copy()
        error = np.moveaxis((frame.values - decoded) * frame.seen, -1, 0)
        image += np.float32(own) * error[: len(image)]
        scores += np.float32(own) * error[len(image) :]
        if self.params.grain:
            image += np.float32(new) * self.grain.sample(smooth, rng)
        labels = None if source.labels is None else self._best(scores)
        return Source(self._grey(image), labels)

    def _image(
        self, latent: Array, shape: tuple[int, ...], first: int
    ) -> Steps[tuple[Array, Array]]:
        """Decode to image ``(C, *shape)`` and label scores ``(K, *shape)``."""
        decoded = yield from self._decode(latent, shape, first)
        planes = np.moveaxis(decoded, -1, 0)
        return planes[: len(self.mean)].copy(), planes[len(self.mean) :].copy()

    def _grey(self, image: Array) -> Array:
        at = (slice(None), np.newaxis, np.newaxis)
        grey: Array = image * self.std[at] + self.mean[at]
        return grey

    def _best(self, scores: Array) -> Array:
        best: Array = self.label_values[scores.argmax(axis=0)]
        return best

    def _encode(self, values: Array) -> Steps[tuple[Array, Array]]:
        """Mean and log variance ``(h, w, L)`` of a whole image ``(H, W, C)``."""
        stride = self._plan.stride
        pad = [(0, -n % stride) for n in values.shape[:2]]
        values = np.pad(values, [*pad, (0, 0)], mode="symmetric")
        network = self._network("encoder", self._plan.encoder(), self.encoder)
        points = tuple(n // stride for n in values.shape[:2])
        encoded = yield from by_tiles(network, values, points, stride, 1)
        return encoded[..., : self.params.latent], encoded[..., self.params.latent :]

    def _decode(
        self, latent: Array, shape: tuple[int, ...], first: int = 0
    ) -> Steps[Array]:
        """Decode a grid to ``(*shape, C)``, beginning at grid point `first`."""
        network = self._network("decoder", self._plan.decoder(), self.decoder)
        stride = self._plan.stride
        decoded = yield from by_tiles(network, latent, latent.shape[:2], 1, stride)
        box = tuple(slice(first * stride, first * stride + n) for n in shape)
        return decoded[box]

    def _network(
        self, name: str, layers: list[Layer], weights: list[Array]
    ) -> Callable[[Array], Array]:
        """Return the network as a function of arrays; built once in each process."""
        if name not in self._networks:
            self._networks[name] = as_function(
                build(layers, weights), is_encoder=name == "encoder"
            )
        return self._networks[name]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return weights, scales and fields."""
        arrays = {f"encoder_{i}": w for i, w in enumerate(self.encoder)}
        arrays |= {f"decoder_{i}": w for i, w in enumerate(self.decoder)}
        arrays |= {"mean": self.mean, "std": self.std, "values": self.label_values}
        arrays |= self.noise_field.arrays("noise") | self.grain.arrays()
        return {}, arrays

    def restore(
        self, header: Mapping[str, Any], arrays: Mapping[str, Array], n_channels: int
    ) -> None:
        """Take over weights, scales and fields."""
        self.mean, self.std = arrays["mean"].astype(float), arrays["std"].astype(float)
        self.label_values = arrays["values"]
        fits = self.mean.shape == self.std.shape == (n_channels,)
        if not fits or len(self.label_values) > self.max_label_values:
            raise ValueError("scales and label values do not fit.")
        if not np.isfinite([self.mean, self.std]).all():
            raise ValueError("the scales are not finite.")
        self.encoder = stored_weights("encoder", self._plan.encoder(), arrays)
        self.decoder = stored_weights("decoder", self._plan.decoder(), arrays)
        self.noise_field = GaussianField.from_arrays(
            "noise", arrays, self.params.latent
        )
        self.grain = Grain.from_arrays(arrays, n_channels)
