"""What `napari-segen segment` costs beside a plain loop over the files; prints a table.

    python benchmarks/folders.py --data DIR --n 8 --side 1024

`n` TIFF files of `side` x `side` pixels, uint8: test images of nuclei, mirrored until
they fill it. `auto`, fitted to the first training image with 10 strokes per class. Each
line is a process of its own, which has segmented one image before its clock starts:
"plain loop": read, labels, write; "labels": the command, so with novelty, flags,
records, summary and contact sheet; "all": with posterior, uncertainty, objects,
measurements and truth as well; "resume": "all" again, when all is there. Seconds are of
the wall and of the processor; memory is the process's peak.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from skimage.measure import label

import napari_segen as ns
from napari_segen.core.steps import run
from napari_segen.scale.folder.inputs import list_inputs, truth_of
from napari_segen.scale.folder.job import Job
from napari_segen.scale.folder.run import folder_steps
from napari_segen.scale.folder.settings import ObjectSettings, Settings
from napari_segen.workflows.files import make_folder, read_image, write_tiff
from pixel_quality import read
from strokes import make_scribbles

ALL = Settings(
    posterior=True,
    uncertainty=True,
    objects=ObjectSettings((2,)),
    measurements=True,
)
KINDS = ("plain loop", "labels", "all", "resume")


def prepare(folder: Path, data: Path, n: int, side: int) -> None:
    image, mask = read(data, "nuclei", "train", 0)
    model = ns.ProbabilisticSegmenter().fit(image, make_scribbles(mask, 10, seed=0))
    model.save(folder / "m.segen")
    for name in ("in", "truth"):
        make_folder(folder / name)
    for i in range(n):
        image, mask = read(data, "nuclei", "test", i)
        fill = [(0, side - m) for m in image.shape]
        write_tiff(folder / "in" / f"{i}.tif", np.pad(image, fill, "symmetric"))
        truth = label(np.pad(mask, fill, "symmetric"))
        write_tiff(folder / "truth" / f"{i}.tif", truth.astype(np.uint16))


def work(kind: str, folder: Path) -> tuple[float, float, float]:
    """Return seconds of the wall and the processor, and peak memory in MB."""
    model = ns.load(folder / "m.segen")
    inputs = list_inputs([folder / "in"])
    model.predict(read_image(inputs[0].path).array)
    start = time.perf_counter(), time.process_time()
    if kind == "plain loop":
        out = make_folder(folder / "plain")
        for image in inputs:
            labels = model.predict(read_image(image.path).array)
            write_tiff(out / f"{image.stem}.tif", labels, model.spec_)
    else:
        out = make_folder(folder / ("labels" if kind == "labels" else "all"))
        settings = Settings() if kind == "labels" else ALL
        truth = {} if kind == "labels" else truth_of(inputs, folder / "truth")
        resume = kind == "resume"
        path = folder / "m.segen"
        outcome = run(
            folder_steps(Job(model, path, inputs, out, settings, truth, resume))
        )
        assert not outcome.problems
        assert outcome.skipped == (len(inputs) if resume else 0)
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    return *seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--side", type=int, default=1024)
    arguments = parser.parse_args()
    print("| | seconds an image | processor seconds | Mpx per processor s | memory |")
    print("|---|---:|---:|---:|---:|")
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name), arguments.data, arguments.n, arguments.side)
        for kind in KINDS:
            with spawn.Pool(1) as pool:
                found = pool.apply(work, (kind, Path(name)))
            wall, own = (seconds / arguments.n for seconds in found[:2])
            speed = arguments.side**2 / own / 1e6
            cells = f"{wall:.2f} | {own:.2f} | {speed:.1f} | {found[2]:.0f} MB"
            print(f"| {kind} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
