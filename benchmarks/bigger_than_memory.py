"""Seconds and peak memory of segmenting OME-Zarr images by their size.

    python benchmarks/bigger_than_memory.py [--sides N ...] [--models NAME ...] [--dask]

Square images of spots in noise, uint16, chunks of 1024 x 1024, one level. Each image is
labelled once by each model in a process of its own, after a tiny one: "peak" is the
most memory that process ever held, all code included (TensorFlow for the network).
"range" is the pass that finds the percentiles, "labels" the rest: reading, labelling,
writing.
"differ": pixels of the corner of 2304 x 2304 whose label is not what the network or
classifier says of the corner of 2560 x 2560 by itself, scaled as the whole image.
With `--dask` each image is labelled by `segment_lazy` as well, block after block.
Prints a Markdown table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np

CHUNK = 1024
CORNER, MARGIN = 2560, 256  # more than one part
TRAINING_STEPS = 300


def spots(rng):
    """Draw one chunk: spots of many sizes on a dim background."""
    from scipy import ndimage

    grey = np.full((CHUNK, CHUNK), 300.0)
    for sigma, share in ((3, 2e-3), (6, 4e-4), (12, 5e-5)):
        points = rng.random(grey.shape) < share
        spread = ndimage.gaussian_filter(points * 1.0, sigma, mode="wrap")
        grey += 3000 * sigma**2 * spread
    return grey


def write_image(folder, side, rng, bases):
    import zarr

    group = zarr.create_group(folder)
    array = group.create_array(
        "0", shape=(side, side), chunks=(CHUNK, CHUNK), dtype=np.uint16
    )
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "yx"]
    scale = [{"type": "scale", "scale": [0.5, 0.5]}]
    dataset = {"path": "0", "coordinateTransformations": scale}
    multiscale = {"axes": axes, "datasets": [dataset]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    for y in range(0, side, CHUNK):
        for x in range(0, side, CHUNK):
            base = bases[rng.integers(len(bases))]
            noise = rng.normal(0, 60, base.shape).astype(np.float32)
            grey = np.roll(base, rng.integers(CHUNK, size=2), (0, 1)) + noise
            array[y : y + CHUNK, x : x + CHUNK] = grey.clip(0, 65535)


def train(kind, folder, rng, base):
    """Fit a model to a quarter of a chunk and save it; returns its file."""
    import napari_segen as ns

    side = CHUNK // 2
    clean = base[:side, :side]
    image = (clean + rng.normal(0, 60, clean.shape)).clip(0).astype(np.uint16)
    bright = clean > 900
    strokes = np.zeros(image.shape, np.uint8)
    for y in range(8, side, 48):
        strokes[y, 8:-8] = 1 + bright[y, 8:-8]
    spec = ns.ImageSpec("yx", (0.5, 0.5), "micrometer")
    path = folder / f"{kind}.segen"
    if kind == "cnn":
        model = ns.CnnSegmenter(max_steps=TRAINING_STEPS, time_limit_s=None)
        model.fit(image, strokes, spec=spec, unlabelled=0).save(path)
    else:
        ns.ProbabilisticSegmenter().fit(image, strokes, spec=spec).save(path)
    return path


def peak_kb():
    # On Linux; what getrusage says has the parent's memory in it.
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1])


def with_dask(model, image):
    """Return what writes a Dask array of labels, and these labels."""
    import dask.array
    import zarr

    import napari_segen as ns

    grey = zarr.open_array(Path(image) / "0", mode="r")
    lazy = ns.segment_lazy(model, grey)
    path, chunks = f"{image}.labels", lazy.chunksize
    target = zarr.create_array(
        path, shape=lazy.shape, chunks=chunks, dtype=lazy.dtype, overwrite=True
    )
    one_by_one = {"lock": False, "scheduler": "single-threaded"}
    return lambda labels: dask.array.store(labels, target, **one_by_one), lazy


def segment(model_path, image, route):
    """Label an image and print the figures; runs in a process of its own."""
    import napari_segen as ns

    model = ns.load(model_path)
    model.predict(np.zeros((64, 64), np.uint16))  # loads all code, or TensorFlow
    worked, began, labelling = time.process_time(), time.perf_counter(), None
    if route == "dask":
        write, lazy = with_dask(model, image)
        labelling = time.perf_counter()
        write(lazy)
    else:
        steps = ns.segment_omezarr_steps(model, image, image, name=model.kind)
        for step in steps:
            if labelling is None and not step.text.startswith("Measuring"):
                labelling = time.perf_counter()
    done, worked = time.perf_counter(), time.process_time() - worked
    figures = {
        "range": labelling - began,
        "labels": done - labelling,
        "processor": worked,
        "peak": peak_kb() / 2**20,
    }
    print(json.dumps(figures))


def differing(model_path, image, route):
    """Count the pixels that differ from a corner labelled as a whole."""
    import zarr

    import napari_segen as ns
    from napari_segen.core.normalization import Normalization, channel_range

    model, image = ns.load(model_path), Path(image)
    grey = zarr.open_array(image / "0", mode="r")
    path = image / "labels" / model.kind / "0"
    labels = zarr.open_array(f"{image}.labels" if route == "dask" else path, mode="r")
    known = channel_range(grey[:][np.newaxis])
    low, span = model.normalization_.scale_of(np.zeros((1, 1, 1)), known)
    same_scale = model.with_normalization(Normalization("training", low, span))
    inner = (slice(0, min(CORNER, grey.shape[0]) - MARGIN),) * 2
    whole = same_scale.predict(grey[:CORNER, :CORNER])
    return int((whole[inner] != labels[inner]).sum())


def said(*arguments):
    """Return what this script prints, in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sides", type=int, nargs="+", default=[4096, 16384])
    parser.add_argument("--models", nargs="+", default=["probabilistic", "cnn"])
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--segment", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--differ", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.segment:
        segment(*arguments.segment)
        return
    if arguments.differ:
        print(differing(*arguments.differ))
        return
    rng = np.random.default_rng(0)
    bases = [spots(rng) for _ in range(4)]
    names = "model|side|range, s|labels, s|Mpx/s|processor, s|peak, GB|differ"
    print(f"| {' | '.join(names.split('|'))} |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        models = {k: train(k, Path(folder), rng, bases[0]) for k in arguments.models}
        for side in arguments.sides:
            image = Path(folder) / f"{side}.zarr"
            write_image(image, side, rng, bases)
            routes = ("loop", "dask") if arguments.dask else ("loop",)
            for (kind, path), route in product(models.items(), routes):
                f = json.loads(said("--segment", path, image, route))
                differ = int(said("--differ", path, image, route))
                name = f"{kind}, {route}"
                speed = side**2 / 1e6 / (f["range"] + f["labels"])
                print(
                    f"| {name} | {side} | {f['range']:.1f} | {f['labels']:.1f} | "
                    f"{speed:.2f} | {f['processor']:.0f} | {f['peak']:.2f} | "
                    f"{differ} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
