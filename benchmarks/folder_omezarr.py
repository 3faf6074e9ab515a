"""What `napari-segen segment` costs for an OME-Zarr image, by its size; prints a table.

    python benchmarks/folder_omezarr.py --data DIR --sides 4096 8192

uint16 with chunks of 1024: test images of nuclei, mirrored to a chunk, a different one
in each, times 200. `auto`, fitted to the first training image with 10 strokes per
class. Each line is a process of its own, which has segmented 64 x 64 pixels before its
clock starts: "labels": classes, summary, contact sheet; "all": objects and measurements
too. Seconds are of the wall and of the processor; memory is the process's peak.
"""

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

import napari_segen as ns
from napari_segen.core.steps import run
from napari_segen.scale.folder.inputs import list_inputs
from napari_segen.scale.folder.run import Job, folder_steps
from napari_segen.scale.folder.settings import ObjectSettings, Settings
from napari_segen.workflows.files import make_folder
from pixel_quality import read
from strokes import make_scribbles

ALL = Settings(objects=ObjectSettings((2,)), measurements=True)
KINDS = {"labels": Settings(), "all": ALL}
CHUNK, GAIN = 1024, 200


def prepare(folder: Path, data: Path, side: int) -> None:
    import zarr

    image, mask = read(data, "nuclei", "train", 0)
    image = (image * GAIN).astype(np.uint16)
    model = ns.ProbabilisticSegmenter().fit(image, make_scribbles(mask, 10, seed=0))
    model.save(folder / "m.segen")
    group = zarr.create_group(folder / "in" / "slide.zarr", overwrite=True)
    array = group.create_array("0", shape=(side, side), chunks=(CHUNK,) * 2, dtype="u2")
    scale = {"type": "scale", "scale": [0.5, 0.5]}
    dataset = {"path": "0", "coordinateTransformations": [scale]}
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "yx"]
    multiscales = [{"axes": axes, "datasets": [dataset]}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    for i, at in enumerate(np.ndindex(*(-(-side // CHUNK),) * 2)):
        part, _ = read(data, "nuclei", "test", i % 16)
        fill = [(0, CHUNK - m) for m in part.shape]
        window = tuple(slice(k * CHUNK, (k + 1) * CHUNK) for k in at)
        array[window] = (np.pad(part, fill, "symmetric") * GAIN).astype(np.uint16)


def work(kind: str, folder: Path) -> tuple[float, float, float, int]:
    """Return seconds of the wall and the processor, peak memory in MB, and objects."""
    model = ns.load(folder / "m.segen")
    model.predict(np.zeros((64, 64), np.uint16))
    inputs = list_inputs([folder / "in"])
    out = make_folder(folder / kind)
    start = time.perf_counter(), time.process_time()
    job = Job(model, folder / "m.segen", inputs, out, KINDS[kind])
    outcome = run(folder_steps(job))
    assert not outcome.problems
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    shutil.rmtree(out)
    return *seconds, memory, outcome.rows[0].get("objects", 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sides", type=int, nargs="+", default=[4096, 8192])
    arguments = parser.parse_args()
    print("| side | | seconds | own seconds | Mpx per own s | memory | objects |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    spawn = multiprocessing.get_context("spawn")
    for side in arguments.sides:
        with tempfile.TemporaryDirectory() as name:
            prepare(Path(name), arguments.data, side)
            for kind in KINDS:
                with spawn.Pool(1) as pool:
                    wall, own, memory, n = pool.apply(work, (kind, Path(name)))
                speed = side**2 / own / 1e6
                cells = f"{wall:.0f} | {own:.0f} | {speed:.1f} | {memory:.0f} MB | {n}"
                print(f"| {side} | {kind} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
