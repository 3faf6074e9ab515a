"""What guidance costs at 1024 x 1024; prints a Markdown table.

    python benchmarks/guidance_speed.py

2 classes, 10 strokes each on synthetic discs, `softmax`, one thread's processor time
and the time on the clock, medians of 7. "Of arrays": posterior, uncertainty and novelty
are there.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

import napari_segen as ns
from napari_segen.core.agreement import agreement, difference
from napari_segen.probabilistic.guidance.kind import Kind
from napari_segen.probabilistic.guidance.suggestion import (
    Grid,
    suggested_places,
    teaching_value,
)
from strokes import make_scribbles

SIDE, REPEATS = 1024, 7


def discs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    mask = np.zeros((SIDE, SIDE), int)
    for cy, cx, r in rng.uniform((0, 0, 10), (SIDE, SIDE, 40), (150, 3)):
        mask[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = 1
    image = 100 + 60 * mask + rng.normal(0, 20, mask.shape)
    return image.clip(0, 255).astype(np.uint8), mask


def line(label: str, work: Callable[[], object]) -> str:
    work()
    clock, processor = [], []
    for _ in range(REPEATS):
        began = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])
    figures = (1e3 * statistics.median(t) for t in (processor, clock))
    return f"| {label} | {' | '.join(f'{ms:.0f}' for ms in figures)} |"


def main() -> None:
    image, mask = discs()
    scribbles = make_scribbles(mask, 10, seed=1)
    cache = ns.FeatureCache(2**30)
    model = ns.ProbabilisticSegmenter("softmax").fit(image, scribbles, cache=cache)
    found = ns.run(model.segment_steps(image, cache=cache, novelty=True))
    grid = Grid.of(model.spec_, model.bank((1.0, 1.0)).sigmas_px)
    frames = model._seen(image, None, cache)[2]

    def of_arrays() -> np.ndarray:
        value = teaching_value(found.uncertainty, found.novelty)
        return suggested_places(value, 5, grid, labelled=scribbles)

    print("| | processor, ms | clock, ms |")
    print("|---|---:|---:|")
    print(line("5 places, of arrays", of_arrays))
    print(line("novelty, features cached", lambda: model.novelty(image, cache=cache)))
    print(
        line(
            "`suggest`, features cached",
            lambda: model.suggest(image, cache=cache, labelled=scribbles),
        )
    )
    print(line("`explain`", lambda: model.explain(image, (500, 500))))
    print(
        line(
            "`unlike_training`, features cached",
            lambda: model.unlike_training(image, cache=cache),
        )
    )
    other = np.roll(found.labels, 3, axis=0)
    print(
        line(
            "`agreement` and `difference`",
            lambda: (agreement(found.labels, other), difference(found.labels, other)),
        )
    )
    print(
        line(
            "what `unlike_training` needs, in a fit",
            lambda: ns.run(Kind.learnt_steps(frames, model.novelty_.scaling)),
        )
    )


if __name__ == "__main__":
    main()
