"""Small problems that the tests of this room share."""

import numpy as np

from napari_segen.probabilistic.samples import TrainingSet


def blobs(seed=0, n_classes=3, n_features=4, strokes=4, pixels=12):
    """Classes around separate centres; each stroke has an offset of its own."""
    rng = np.random.default_rng(seed)
    features, classes, numbers = [], [], []
    for k in range(n_classes):
        centre = 3 * np.eye(n_features)[k % n_features] * (1 + k // n_features)
        for _ in range(strokes):
            offset = centre + 0.3 * rng.normal(size=n_features)
            features.append(offset + 0.3 * rng.normal(size=(pixels, n_features)))
            classes += [k] * pixels
            numbers += [len(features) - 1] * pixels
    return TrainingSet(
        np.concatenate(features).astype(np.float32),
        np.array(classes),
        np.array(numbers),
        n_classes,
    )


def two_regions(shape=(48, 56), seed=0, values=(3, 7)):
    """A brighter box on a dark ground, with noise, and a stroke on each."""
    rng = np.random.default_rng(seed)
    image = rng.normal(10, 1, shape)
    box = tuple(slice(n // 3, 2 * n // 3) for n in shape)
    image[box] += 10
    scribbles = np.zeros(shape, np.int32)
    middle = tuple(n // 2 for n in shape[:-1])
    scribbles[(*middle, slice(shape[-1] // 3 + 2, 2 * shape[-1] // 3 - 2))] = values[1]
    scribbles[(*(1 for _ in shape[:-1]), slice(2, shape[-1] - 2))] = values[0]
    truth = np.full(shape, values[0])
    truth[box] = values[1]
    return image.astype(np.float32), scribbles, truth
