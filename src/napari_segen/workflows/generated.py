"""Generated pairs as what a network trains on, alone or beside real ones."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from napari_segen.core.checks import check_pairs
from napari_segen.core.imagespec import CHANNEL, Array, ImageSpec
from napari_segen.core.steps import Steps


def training_pairs_steps(
    generator: Any,
    n: int,
    shape: Sequence[int],
    seed: int,
    real: Sequence[tuple[Array, Array]] = (),
    *,
    real_share: float | None = None,
) -> Steps[tuple[list[Array], list[Array]]]:
    """Make pairs for the `fit` of a `CnnSegmenter`, with real pairs behind them.

    Parameters
    ----------
    generator : ImageGenerator
        Fitted with labels, or one that needs no images.
    n, shape, seed
        As for its `generate_pairs`.
    real : sequence of (image, labels), optional
        Pairs of the axes that the generator was fitted on. Each time point and each
        separate image becomes a pair of its own.
    real_share : float, optional
        Repeat the real pairs until they take this share of all pixels, from 0 to under
        1: a network draws its patches by pixel, so that one real image among many
        generated ones is hardly ever seen. None: each once.

    Returns
    -------
    images : list of arrays of shape (*S[, C])
        Channels are the last axis, whatever they are in the real images.
    labels : list of arrays of shape (*S)

    Notes
    -----
    `pairs_spec` says what the axes are. What the network then holds out to judge
    itself may be generated, too: such a score says nothing about real images.
    """
    images, labels = yield from generator.generate_pairs_steps(n, shape, seed)
    real_pairs = [pair for one in real for pair in _frames_of(one, generator.spec_)]
    if real_pairs and real_share is not None:
        real_pairs *= _repeats(real_pairs, labels.size, real_share)
    return (
        [*images, *(image for image, _ in real_pairs)],
        [*labels, *(truth for _, truth in real_pairs)],
    )


def _frames_of(
    pair: tuple[Array, Array], spec: ImageSpec
) -> Iterator[tuple[Array, Array]]:
    """Split a real pair into frames, channels last."""
    _, (checked,) = check_pairs(*pair, spec, labels_name="labels")
    assert checked.labels is not None
    for frame, truth in zip(checked.frames, checked.labels, strict=True):
        image = frame[0] if spec.channel_axis is None else np.moveaxis(frame, 0, -1)
        yield np.ascontiguousarray(image), truth


def _repeats(pairs: list[tuple[Array, Array]], n_pixels: int, share: float) -> int:
    """Return how often pairs must occur to have this share beside other pixels."""
    if not 0 <= share < 1:
        raise ValueError(f"real_share must be from 0 to under 1, got {share}.")
    own = sum(truth.size for _, truth in pairs)
    return max(1, round(share / (1 - share) * n_pixels / own))


def pairs_spec(generator: Any, shape: Sequence[int] | None = None) -> ImageSpec:
    """Return the axes of each image of `training_pairs_steps`, with the pixel size.

    Parameters
    ----------
    generator : ImageGenerator
    shape : sequence of int, optional
        Spatial shape; needed where the generator makes planes as well as volumes.
    """
    spec: ImageSpec = generator.spec_ if shape is None else generator.spec_for(shape)
    channels = CHANNEL * (spec.channel_axis is not None)
    return ImageSpec(spec.space_axes + channels, spec.pixel_size, spec.unit)
