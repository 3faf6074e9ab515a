"""Speed and memory of the default U-Net; prints a table.

    python benchmarks/cnn_speed.py [--side 4096]

Each line is measured in a process of its own: seconds from the call of `fit` to the
first loss (TensorFlow imported before), milliseconds of a training step and its share
of what matrix products of 2048 x 2048 reach, seconds of `segment` on a side x side
8-bit image (posterior, labels and uncertainty, second call), and the highest memory of
the process above what it had after TensorFlow's import, a short fit included.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import napari_segen as ns
from napari_segen.cnn import backend
from napari_segen.cnn.batches import Batch
from napari_segen.cnn.learner import Learner
from napari_segen.cnn.params import TrainingParams
from napari_segen.cnn.precision import compute_dtype
from napari_segen.cnn.registry import NETWORKS

N_STEPS, N_PRODUCTS, PRODUCT_SIDE, BATCH = 30, 30, 2048, 8
PRECISIONS = ("bfloat16", "float32")


def discs(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A noisy image of bright discs, and its mask."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    mask = (y % 64 - 32) ** 2 + (x % 64 - 32) ** 2 < 15**2
    image = rng.normal(60, 15, mask.shape) + 70 * mask
    return image.clip(0, 255).astype(np.uint8), mask.astype(np.uint8)


def first_loss(precision: str, side: int) -> dict[str, float]:
    image, mask = discs(512)
    ns.run(backend.warm_up_steps())
    began = time.perf_counter()
    network = ns.CnnSegmenter(precision=precision, max_steps=5, time_limit_s=None)
    steps = network.fit_steps(image, mask)
    while "loss" not in next(steps).figures:
        pass
    seconds = time.perf_counter() - began
    steps.close()
    return {"seconds": seconds}


def training(precision: str, side: int) -> dict[str, float]:
    tf = backend.tensorflow()
    unet = NETWORKS.get("unet")
    network = unet(unet.Params(), 1, 2, unet.default_patch_px)
    learner = Learner(network, TrainingParams(), precision, BATCH, None, None)
    rng = np.random.default_rng(0)
    x = rng.random((BATCH, *network.patch_shape, 1), np.float32)
    y = rng.integers(0, 2, (BATCH, *network.answer_shape)).astype(np.int32)
    seconds = []
    for step in range(1, N_STEPS + 1):
        began = time.perf_counter()
        learner.learn(Batch(x, y, None), step, 1e-3)
        seconds.append(time.perf_counter() - began)
    step_s = statistics.median(seconds[5:])
    reached = 3 * forward_operations(network, x.shape) / step_s
    a = tf.cast(tf.random.normal((PRODUCT_SIDE,) * 2), compute_dtype(precision))
    seconds = []
    for _ in range(N_PRODUCTS):
        began = time.perf_counter()
        tf.reduce_sum(a @ a).numpy()
        seconds.append(time.perf_counter() - began)
    peak = 2 * PRODUCT_SIDE**3 / statistics.median(seconds[5:])
    return {"ms": 1e3 * step_s, "gflops": reached / 1e9, "peak_gflops": peak / 1e9}


def forward_operations(network, shape: tuple[int, ...]) -> int:
    """Multiplications and additions of one pass over a batch; back takes twice more."""
    tf, model = backend.tensorflow(), network.build("float32")
    run = tf.function(model, input_signature=[tf.TensorSpec(shape, tf.float32)])
    graph = run.get_concrete_function().graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return profiler.profile(graph, options=options).total_float_ops


def prediction(precision: str, side: int) -> dict[str, float]:
    ns.run(backend.warm_up_steps())
    before = status_mb("VmRSS")
    image, mask = discs(512)
    network = ns.CnnSegmenter(precision=precision, max_steps=3, time_limit_s=None)
    network.fit(image, mask)
    large, _ = discs(side)
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        network.segment(large)
        seconds.append(time.perf_counter() - began)
    peak = status_mb("VmHWM") - before
    return {"first": seconds[0], "seconds": seconds[1], "peak_mb": peak}


def status_mb(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {name}")


MEASURES = {f.__name__: f for f in (first_loss, training, prediction)}


def measured(name: str, precision: str, side: int) -> dict[str, float]:
    """Measure in a new process."""
    command = [sys.executable, __file__, "--one", name, precision, "--side", str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    side = arguments.side
    if arguments.one:
        name, precision = arguments.one
        print(json.dumps(MEASURES[name](precision, side)))
        return
    print("| what |", " | ".join(PRECISIONS), "|\n|---|---:|---:|")
    rows: dict[str, list[str]] = {}
    for precision in PRECISIONS:
        first = measured("first_loss", precision, side)
        step = measured("training", precision, side)
        label = measured("prediction", precision, side)
        for what, value in (
            ("first loss after the call of `fit`, s", f"{first['seconds']:.1f}"),
            (f"training step, {BATCH} patches of 128², ms", f"{step['ms']:.0f}"),
            ("training, GFLOP/s", f"{step['gflops']:.0f}"),
            ("matrix products, GFLOP/s", f"{step['peak_gflops']:.0f}"),
            ("share of the products", f"{step['gflops'] / step['peak_gflops']:.0%}"),
            (f"`segment` {side}², first call, s", f"{label['first']:.1f}"),
            (f"`segment` {side}², s", f"{label['seconds']:.1f}"),
            ("Mpx/s", f"{side**2 / label['seconds'] / 1e6:.1f}"),
            ("peak memory above TensorFlow's import, MB", f"{label['peak_mb']:.0f}"),
        ):
            rows.setdefault(what, []).append(value)
    for what, values in rows.items():
        print("|", " | ".join([what, *values]), "|")


if __name__ == "__main__":
    main()
