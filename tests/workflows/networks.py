"""A stand-in for a fitted network that needs no Keras."""

import numpy as np

from napari_segen.core.checks import as_list
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.normalization import Normalization
from napari_segen.core.scribbles import number_strokes
from napari_segen.core.steps import Step


class FakeNetwork:
    """Calls bright pixels the last class, but is wrong at a share of the pixels."""

    def __init__(self, wrong=0.0, held_strokes=(1, 5), unit="strokes", axes="yx"):
        self.spec_ = ImageSpec(axes)
        self.wrong = wrong
        self.held_strokes = held_strokes
        self.unit = unit
        self.normalization_ = Normalization("image")

    def split(self, images, labels, *, spec=None, unlabelled=None):
        """Hold out the strokes of some numbers, counted through all images."""
        values = np.unique(np.concatenate([np.ravel(x) for x in as_list(labels)]))
        values = values[values != unlabelled]
        training, held, before = [], [], 0
        for marks in as_list(labels):
            index = np.searchsorted(values, marks) + 1
            index = np.where(np.isin(marks, values), index, 0).astype(np.uint8)
            ids, n = number_strokes(index)
            out = np.isin(ids, np.array(self.held_strokes) - before) & (ids > 0)
            training.append(np.where(out, 0, index))
            held.append(np.where(out, index, 0))
            before += n
        words = {"unit": self.unit, "n": len(self.held_strokes), "of": before}
        return training, held, words

    def predict_proba_steps(self, image, *, spec=None):
        yield Step(0, 1, "")
        frames = spec.frames(np.asarray(image))
        bright = np.stack(
            [
                (f[0] - low[0]) / span[0] > 0.5
                for f in frames
                for low, span in [self.normalization_.scale_of(f)]
            ]
        )
        rng = np.random.default_rng(0)
        bright ^= rng.random(bright.shape) < self.wrong
        share = spec.unframe(bright, spec.label_shape(np.shape(image)))
        return np.stack([~share, share]).astype(np.float32)


def halves(shape=(48, 64), seed=0):
    """A dark and a bright half, with four strokes in each: values 3 and 7."""
    rng = np.random.default_rng(seed)
    image = rng.normal(100, 5, shape).astype(np.float32)
    middle = shape[-1] // 2
    image[..., middle:] += 60
    marks = np.zeros(shape, np.uint8)
    for i in range(4):
        rows = slice(4 + 11 * i, 6 + 11 * i)
        marks[..., rows, 4 : middle - 4] = 3
        marks[..., rows, middle + 4 : -4] = 7
    return image, marks
