"""How a segmenter's score falls while an image is made worse step by step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.core.checks import check_pairs
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.metrics import class_iou, mean_iou
from napari_segen.core.model import finds_objects
from napari_segen.core.steps import PARTS, Step, Steps, retold_steps, run
from napari_segen.generation.requests import check_seed
from napari_segen.workflows.degradations import DEGRADATIONS, degraded

KINDS = ("noise", "blur", "contrast", "bleaching")
MOST_LEVELS = 50
# Of images and predictions together; larger ones are kept as their middle.
KEEP_BYTES = 2**28
_NOTICEABLE = 0.9


@dataclass(frozen=True, slots=True)
class StressTest:
    """Scores of a segmenter on one image, made worse step by step.

    Parameters
    ----------
    score : str
        "mean IoU", or "foreground IoU" where labels are objects.
    amounts : dict of lists
        For each kind the amounts of the levels from 1 on, in the unit that
        `DEGRADATIONS` says. Level 0 is the image as it is.
    iou : dict of lists
        For each kind the score of each level, level 0 first.
    images : dict of arrays of shape (levels, ...)
        For each kind the image at each level, with its own axes behind the first.
    predictions : dict of arrays of shape (levels, ...)
        What the segmenter found.
    window : tuple of slice
        Which part of the labels' axes `images` and `predictions` hold: the middle of
        images that are too large to be kept so many times.
    """

    score: str
    amounts: dict[str, list[float]]
    iou: dict[str, list[float]]
    images: dict[str, Array]
    predictions: dict[str, Array]
    window: tuple[slice, ...]

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a table: kind, level, amount (None at level 0), unit, iou."""
        return [
            {
                "kind": kind,
                "level": level,
                "amount": None if level == 0 else self.amounts[kind][level - 1],
                "unit": DEGRADATIONS[kind].unit,
                "iou": iou,
            }
            for kind, scores in self.iou.items()
            for level, iou in enumerate(scores)
        ]

    @property
    def sentence(self) -> str:
        """The score of the image as it is, and where a tenth of it is lost."""
        first = next(iter(self.iou.values()))[0]
        if first == 0:
            return f"{self.score} 0: nothing is found even in the image as it is."
        falls = {kind: self._fall_of(kind, first) for kind in self.iou}
        lost = [fall for fall in falls.values() if fall]
        kept = [DEGRADATIONS[kind].title for kind, fall in falls.items() if not fall]
        parts = [f"A tenth of it is lost by {', '.join(lost)}"] if lost else []
        parts += [f"it withstands {', '.join(kept)}"] if kept else []
        said = "; ".join(parts)
        return f"{self.score} {first:.2f}. {said[:1].upper()}{said[1:]}."

    def _fall_of(self, kind: str, first: float) -> str:
        """Say at which amount a tenth of the first score is lost; empty if at none."""
        way = DEGRADATIONS[kind]
        for amount, iou in zip(self.amounts[kind], self.iou[kind][1:], strict=True):
            if iou < _NOTICEABLE * first:
                return f"{way.title} at {amount:.2g} {way.unit}"
        return ""


def stress_test(
    model: Any,
    image: Any,
    truth: Any,
    *,
    kinds: Sequence[str] = KINDS,
    levels: int = 6,
    spec: ImageSpec | None = None,
    seed: int = 0,
) -> StressTest:
    """Score a segmenter on an image as it is, and on worse and worse ones.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
        A fitted one.
    image : array
    truth : integer array
        The right labels: the model's class values, or ids of objects where it finds
        objects. Pixels of 0 do not count where 0 is none of the model's classes.
    kinds : sequence of str
        Ways of making the image worse, of `DEGRADATIONS`.
    levels : int
        How many of each, with the image as it is as the first; amounts grow evenly,
        and those of "noise" by a factor.
    spec : ImageSpec, optional
        The axes of `image`; those of training if None.
    seed : int
        Of the noise.
    """
    return run(
        stress_steps(
            model, image, truth, kinds=kinds, levels=levels, spec=spec, seed=seed
        )
    )


def stress_steps(
    model: Any,
    image: Any,
    truth: Any,
    *,
    kinds: Sequence[str] = KINDS,
    levels: int = 6,
    spec: ImageSpec | None = None,
    seed: int = 0,
) -> Steps[StressTest]:
    """`stress_test` as a generator of steps.

    Figures of the steps: level, and ``<kind>_iou`` of what was just scored.
    """
    kinds, seed = tuple(dict.fromkeys(kinds)), check_seed(seed)
    _check(model, kinds, levels)
    spec, (pair,) = check_pairs(image, truth, spec or model.spec_, labels_name="truth")
    array, marks = np.asarray(image), np.asarray(truth)
    score = _Score.of(model, marks, spec.unframe(_has_data(pair.frames), marks.shape))
    shown = _Shown(array, spec, len(kinds) * levels)
    n_parts = len(kinds) * (levels - 1) + 1
    found = yield from _segmented(model, array, spec, "The image as it is", 0, n_parts)
    iou: dict[str, list[float]] = {kind: [score(found)] for kind in kinds}
    yield _told(1, n_parts, 0, {kind: iou[kind][0] for kind in kinds})
    amounts: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind in kinds:
        shown.add(kind, array, found)
        way = DEGRADATIONS[kind]
        for level in range(1, levels):
            done = 1 + sum(map(len, amounts.values()))
            text = f"{way.title.capitalize()}, level {level} of {levels - 1}"
            yield Step(PARTS * done, PARTS * n_parts, text)
            amounts[kind].append(way.amount(level / (levels - 1)))
            worse = degraded(array, spec, kind, amounts[kind][-1], seed)
            seen = yield from _segmented(model, worse, spec, text, done, n_parts)
            iou[kind].append(score(seen))
            shown.add(kind, worse, seen)
            yield _told(done + 1, n_parts, level, {kind: iou[kind][-1]})
    images, predictions = shown.stacks()
    return StressTest(score.name, amounts, iou, images, predictions, shown.window)


def _check(model: Any, kinds: Sequence[str], levels: int) -> None:
    if not hasattr(model, "segment_steps"):
        raise ValueError(
            f"model must be a segmenter, got a {type(model).__name__}: it makes "
            "images, not labels."
        )
    model.check_fitted()
    if not kinds or (unknown := sorted(set(kinds) - set(DEGRADATIONS))):
        raise ValueError(
            f"kinds must be some of {', '.join(DEGRADATIONS)}, got "
            f"{', '.join(unknown) if kinds else 'none'}."
        )
    if isinstance(levels, bool) or not isinstance(levels, int):
        raise TypeError(f"levels must be an integer, got {levels!r}.")
    if not 2 <= levels <= MOST_LEVELS:
        raise ValueError(f"levels must be from 2 to {MOST_LEVELS}, got {levels}.")


def _has_data(frames: Array) -> Array:
    """Return which pixels ``(N, *S)`` are finite in every channel."""
    finite: Array = np.asarray(np.isfinite(frames).all(axis=1))
    return finite


@dataclass(frozen=True, slots=True)
class _Score:
    """What a prediction is compared with, and how.

    Parameters
    ----------
    name : str
    truth : array of shape (M,)
        Values of the pixels that count.
    counts : bool array
        Which pixels do.
    classes : array
        The classes that the mean goes over, or (0, 1) where objects are.
    """

    name: str
    truth: Array
    counts: Array
    classes: Array

    @classmethod
    def of(cls, model: Any, truth: Array, has_data: Array) -> "_Score":
        """Choose by what the model finds: classes or objects."""
        if finds_objects(model):
            if not (truth[has_data] > 0).any():
                raise ValueError("truth holds no object: every pixel is 0.")
            inside = (truth[has_data] > 0).astype(np.uint8)
            return cls("foreground IoU", inside, has_data, np.array([0, 1]))
        values = np.unique(truth[has_data])
        known = np.isin(values, model.classes_)
        if (odd := values[~known & (values != 0)]).size:
            raise ValueError(
                f"truth has the value {odd[0]}, but the model's classes are "
                f"{model.classes_.tolist()}. If it numbers objects, give truth > 0."
            )
        if not known.any():
            raise ValueError(
                f"truth has none of the classes {model.classes_.tolist()}."
            )
        counts = has_data & np.isin(truth, values[known])
        return cls("mean IoU", truth[counts], counts, values[known])

    def __call__(self, found: Array) -> float:
        seen = found[self.counts]
        if self.name == "mean IoU":
            return mean_iou(seen, self.truth, self.classes)
        return float(
            class_iou((seen > 0).astype(np.uint8), self.truth, self.classes)[1]
        )


class _Shown:
    """The images and predictions to be looked at later, in bounded memory.

    Parameters
    ----------
    image : array
    spec : ImageSpec
    n : int
        How many images and predictions will be added.
    """

    def __init__(self, image: Array, spec: ImageSpec, n: int) -> None:
        label_shape = spec.label_shape(image.shape)
        # Predictions take at most 4 bytes a pixel.
        needed = n * (image.nbytes + 4 * math.prod(label_shape))
        share = min(1.0, KEEP_BYTES / needed) ** 0.5
        sizes = dict(zip(spec.label_axes, label_shape, strict=True))
        parts = {a: _middle(sizes[a], share if a in "yx" else 1.0) for a in sizes}
        self.window = tuple(parts[a] for a in spec.label_axes)
        self._of_image = tuple(parts.get(a, slice(None)) for a in spec.axes)
        self._images: dict[str, list[Array]] = {}
        self._predictions: dict[str, list[Array]] = {}

    def add(self, kind: str, image: Array, found: Array) -> None:
        """Keep the next level of a kind."""
        self._images.setdefault(kind, []).append(image[self._of_image].copy())
        self._predictions.setdefault(kind, []).append(found[self.window].copy())

    def stacks(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return images and predictions, each as one array for each kind."""
        return (
            {k: np.stack(v) for k, v in self._images.items()},
            {k: np.stack(v) for k, v in self._predictions.items()},
        )


def _middle(n: int, share: float) -> slice:
    kept = max(1, int(n * share))
    return slice((n - kept) // 2, (n - kept) // 2 + kept)


def _segmented(
    model: Any, image: Array, spec: ImageSpec, text: str, done: int, total: int
) -> Steps[Array]:
    """Segment as one part of the whole; returns the labels."""

    def retold(step: Step) -> Step:
        fraction = step.done / step.total if step.total else 0.0
        return Step(round(PARTS * (done + fraction)), PARTS * total, text)

    steps = model.segment_steps(image, spec=spec)
    labels: Array = (yield from retold_steps(steps, retold)).labels
    return labels


def _told(done: int, total: int, level: int, iou: dict[str, float]) -> Step:
    figures = {f"{kind}_iou": value for kind, value in iou.items()}
    text = f"Level {level}: {', '.join(f'{k} {v:.2f}' for k, v in iou.items())}"
    return Step(PARTS * done, PARTS * total, text, {"level": float(level), **figures})
