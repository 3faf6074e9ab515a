"""Model files whose hashes are right and whose contents are not."""

import copy
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tests.fuzz.choices import Choices

import napari_segen as ns
from napari_segen.core.archive import write_archive
from napari_segen.core.imagespec import Array

IMAGE = np.add.outer(np.arange(24.0), np.arange(20.0) ** 2) % 37
MOST_EDITS = 4
CLASSIFIERS = ("softmax", "bayes", "forest", "auto", "mixture")
GENERATORS = ("transform", "texture")

ODD_VALUES = (
    *(None, True, -1, 0, 1, 2, 3, 7, 255, 65_537, 2**31, 2**63, 10**30, 0.5, -2.5),
    *(1e-300, 1e300, "", "x", "yx", "zyx", "cyx", "tnyx", "yxyx", "../a", "a" * 10_000),
    *([], [1], ["a"], [0, 0, 0], [[1, 2], [3]], [1e300] * 3, {}, {"a": 1}, {"1": {}}),
    *("auto", "training", "none", "image", "pixel", "physical", "micrometer"),
)
ODD_ARRAYS: tuple[Callable[[Array], Array], ...] = (
    lambda a: a[:0],
    lambda a: a[..., :1],
    lambda a: a[np.newaxis],
    lambda a: a.ravel(),
    lambda a: a.T,
    lambda a: np.concatenate([a, a]) if a.ndim else a,
    lambda a: a.astype("U5"),
    lambda a: a.astype(bool),
    lambda a: np.zeros_like(a),
    lambda a: np.negative(a.astype(np.float64)),
    lambda a: (a.astype(np.float64) * 1e9).astype(np.int64),
    lambda a: a.astype(np.float64) * 1e200,
    lambda a: np.full(a.shape, np.nan),
    lambda a: np.full(a.shape, -np.inf),
    lambda a: np.full(a.shape, np.iinfo(np.int64).max),
    lambda a: np.full(a.shape, np.iinfo(np.int64).min),
    lambda a: np.arange(a.size)[::-1].reshape(a.shape),
    lambda a: a.astype(np.uint8),
    lambda a: np.zeros((50_000,), np.int8),
)


def sound_models() -> Iterator[Any]:
    """Fit one small model of each kind that needs no TensorFlow."""
    strokes = np.zeros(IMAGE.shape, np.uint8)
    strokes[2, 2:12], strokes[15, 2:12], strokes[20, 2:8] = 1, 2, 2
    for method in CLASSIFIERS:
        segmenter = ns.ProbabilisticSegmenter(method)
        yield segmenter.fit(IMAGE, None if method == "mixture" else strokes)
    for method in GENERATORS:
        yield ns.ImageGenerator(method).fit(IMAGE)
    yield ns.ImageGenerator("shapes")  # which learns nothing


def forge(model: Any, choices: Choices, path: Path) -> None:
    """Write a model file after up to `MOST_EDITS` odd changes of what it holds."""
    header, arrays = model.to_archive()
    header, arrays = copy.deepcopy(header), dict(arrays)
    for _ in range(1 + choices.number(MOST_EDITS)):
        if arrays and choices.number(2):
            name = choices.of(sorted(arrays))
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore", RuntimeWarning)
                arrays[name] = choices.of(ODD_ARRAYS)(arrays[name])
            if choices.number(8) == 1:
                del arrays[name]
        else:
            holder, key = choices.of(list(_places(header)))
            holder[key] = copy.deepcopy(choices.of(ODD_VALUES))
            if choices.number(8) == 1:
                del holder[key]
    write_archive(path, model.kind, header, arrays)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """List where a JSON value can be changed: what holds it, and its key there."""
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)
