"""Generated pairs as what a network trains on, alone or beside real ones."""

from collections.abc import Sequence
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
    all_images, all_labels = list(images), list(labels)
    for image, truth in real:
        spec, (pair,) = check_pairs(image, truth, generator.spec_, labels_name="labels")
        assert pair.labels is not None
        frames = pair.frames[:, 0]
        if spec.channel_axis is not None:
            frames = np.moveaxis(pair.frames, 1, -1)
        all_images += [np.ascontiguousarray(f) for f in frames]
        all_labels += list(pair.labels)
    return all_images, all_labels


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
