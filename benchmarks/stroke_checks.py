"""What strokes that were held out say: wrong ones, the score, when to stop.

    python benchmarks/stroke_checks.py --data DIR

Strokes as in `strokes.py`, on the first training images of the four sets; `auto`.
*Doubtful strokes*: 10 % of the strokes (one at least) get the value of another class;
precision and recall of `doubtful_strokes_`. *Score*: `score_.mean_iou` beside the true
mean IoU of the unpainted rest of the image. *When to stop*: strokes are added in turn,
one of each class at a time; where `ScoreCurve` first says that more hardly help, the
true mean IoU there and when there are twice as many.
"""

import argparse
import zlib
from itertools import product
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr, spearmanr

import napari_segen as ns
from napari_segen.core.scribbles import number_strokes
from napari_segen.probabilistic.guidance.curve import ScoreCurve
from pixel_quality import SETS, read
from strokes import make_scribbles, mean_iou

DOUBT_LEVELS, SCORE_LEVELS = (5, 10, 20), (2, 3, 5, 10, 20)
N_IMAGES, WRONG_SHARE = 4, 0.1
MOST_STROKES = 32  # of each class, when it is asked when to stop


def key_of(*parts: object) -> int:
    return zlib.crc32("".join(map(str, parts)).encode())


def with_wrong_ones(scribbles: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Repaint a tenth of the strokes; returns scribbles, and which pixels are wrong."""
    rng = np.random.default_rng(seed)
    ids, n = number_strokes(scribbles)
    classes = np.unique(scribbles[scribbles > 0])
    result, is_wrong = scribbles.copy(), np.zeros(scribbles.shape, bool)
    for stroke in 1 + rng.permutation(n)[: max(1, round(WRONG_SHARE * n))]:
        own = ids == stroke
        others = classes[classes != scribbles[own][0]]
        result[own] = rng.choice(others)
        is_wrong |= own
    return result, is_wrong


def doubts(data: Path, name: str, level: int, i: int, seed: int) -> np.ndarray:
    """Count strokes that are flagged and wrong, flagged, wrong."""
    image, mask = read(data, name, "train", i)
    key = key_of("doubt", name, level, i, seed)
    painted, is_wrong = with_wrong_ones(make_scribbles(mask, level, seed=key), key)
    model = ns.ProbabilisticSegmenter().fit(image, painted)
    # Strokes that touch one of their own value have become one with it.
    ids, _ = number_strokes(painted)
    share = np.bincount(ids.ravel(), is_wrong.ravel()) / np.bincount(ids.ravel())
    wrong = share > 0.5
    found = [ids[d.position] for d in model.doubtful_strokes_]
    return np.array([wrong[found].sum(), len(found), wrong[1:].sum()])


def print_doubts(data: Path) -> None:
    print("\n| set | " + " | ".join(f"{n} strokes" for n in DOUBT_LEVELS) + " | all |")
    print("|---|" + "---|" * (len(DOUBT_LEVELS) + 1))
    table = {
        (name, level): sum(
            doubts(data, name, level, i, seed)
            for i, seed in product(range(N_IMAGES), range(2))
        )
        for name, level in product(SETS, DOUBT_LEVELS)
    }

    def cell(counts: np.ndarray) -> str:
        both, flagged, wrong = counts
        return f"{both / max(flagged, 1):.2f} / {both / wrong:.2f} of {wrong}"

    for names in (*((n,) for n in SETS), tuple(SETS)):
        label = names[0] if len(names) == 1 else "all sets"
        by_level = [sum(table[n, level] for n in names) for level in DOUBT_LEVELS]
        cells = [cell(c) for c in (*by_level, sum(by_level))]
        print(f"| {label} | {' | '.join(cells)} |")


def score_and_truth(
    image: np.ndarray, mask: np.ndarray, scribbles: np.ndarray
) -> tuple[ns.ProbabilisticSegmenter, float]:
    model = ns.ProbabilisticSegmenter().fit(image, scribbles)
    truth = mean_iou(model.predict(image).astype(int) - 1, mask, scribbles > 0)
    return model, float(truth)


def print_scores(data: Path) -> None:
    print("\n| images | Pearson | Spearman | mean score | mean truth |")
    print("|---|---|---|---|---|")
    rows = []
    for name, level, i in product(SETS, SCORE_LEVELS, range(N_IMAGES)):
        image, mask = read(data, name, "train", i)
        scribbles = make_scribbles(mask, level, seed=key_of("score", name, level, i))
        model, truth = score_and_truth(image, mask, scribbles)
        if model.score_ is not None:
            rows.append((name, level, model.score_.mean_iou, truth))
    groups = {f"{n} strokes": [r for r in rows if r[1] == n] for n in SCORE_LEVELS}
    groups |= {name: [r for r in rows if r[0] == name] for name in SETS}
    for label, some in (groups | {"all": rows}).items():
        score, truth = np.array([r[2:] for r in some]).T
        figures = pearsonr(score, truth)[0], spearmanr(score, truth)[0]
        print(
            f"| {label} ({len(some)}) | {figures[0]:.2f} | {figures[1]:.2f} | "
            f"{score.mean():.2f} | {truth.mean():.2f} |"
        )


def stop_of(data: Path, name: str, i: int) -> str:
    image, mask = read(data, name, "train", i)
    curve, stop, truths = ScoreCurve(), None, {}
    painted = make_scribbles(mask, 1, seed=key_of("stop", name, i, 0))
    for n in range(1, MOST_STROKES + 1):
        if n > 1:
            more = make_scribbles(mask, 1, seed=key_of("stop", name, i, n))
            painted = np.where(painted > 0, painted, more)
        model, truths[n] = score_and_truth(image, mask, painted)
        curve = curve.then(model.score_)
        if curve.more_hardly_help:
            stop = stop or n
        if stop and n >= 2 * stop:
            break
    if stop is None:
        return f"| {name} | {i} | not said | | {truths[MOST_STROKES]:.2f} |"
    later = min(2 * stop, MOST_STROKES)
    return f"| {name} | {i} | {stop} | {truths[stop]:.2f} | {truths[later]:.2f} |"


def print_stops(data: Path) -> None:
    print("\n| set | image | said at | true mean IoU there | with twice as many |")
    print("|---|---|---|---|---|")
    for name, i in product(SETS, range(N_IMAGES)):
        print(stop_of(data, name, i), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    print_doubts(data)
    print_scores(data)
    print_stops(data)


if __name__ == "__main__":
    main()
