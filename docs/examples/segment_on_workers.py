"""Label an OME-Zarr image by workers, be interrupted, and go on.

    python docs/examples/segment_on_workers.py [FOLDER]

Makes a small image of bright spots in FOLDER (default: ./on_workers), trains a pixel
classifier on a corner of it, and has two worker processes label it.
"""

import sys
from pathlib import Path

import numpy as np
import zarr
from distributed import Client, LocalCluster

import napari_segen as ns


def write_image(path, image):
    """Write an OME-Zarr image of one level, half a micrometer a pixel."""
    group = zarr.create_group(path, overwrite=True)
    group.create_array("0", data=image, chunks=(512, 512))
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "yx"]
    scale = [{"type": "scale", "scale": [0.5, 0.5]}]
    level = {"path": "0", "coordinateTransformations": scale}
    multiscale = {"axes": axes, "datasets": [level]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}


def main(folder):
    rng = np.random.default_rng(0)
    image = rng.normal(200, 20, (3000, 2500))
    for y, x in rng.integers(10, 2490, (3000, 2)):
        image[y - 4 : y + 4, x - 4 : x + 4] += 150
    image = image.astype(np.uint16)
    write_image(folder / "image.zarr", image)

    corner = image[:256, :256]
    strokes = np.zeros(corner.shape, np.uint8)
    strokes[::8] = np.where(corner[::8] > 280, 2, 1)
    spec = ns.ImageSpec("yx", (0.5, 0.5), "micrometer")
    model = ns.ProbabilisticSegmenter().fit(corner, strokes, spec=spec)

    # A cluster elsewhere: Client("tcp://10.0.0.1:8786").
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as some,
        Client(some) as client,
    ):
        print(f"Dashboard: {client.dashboard_link}")
        steps = ns.segment_omezarr_steps(
            model, folder / "image.zarr", folder / "image.zarr", client=client
        )
        said = ""
        for step in steps:
            if step.text != said:
                said = step.text
                print(f"{step.done / step.total:4.0%} {said}")
            if step.done > 0.2 * step.total:
                steps.close()  # as Cancel does, or a crash
        labels = ns.segment_omezarr(
            model,
            folder / "image.zarr",
            folder / "image.zarr",
            client=client,
            resume=True,
            # So that the example can be run twice.
            overwrite=True,
        )
    found = zarr.open_array(labels / "0", mode="r")[:]
    print(f"{labels}: {np.mean(found == 2):.1%} of the pixels are of class 2")


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "on_workers")
    place.mkdir(exist_ok=True)
    main(place)
