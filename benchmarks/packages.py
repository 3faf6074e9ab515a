"""Networks as BioImage.IO packages: the same answers, at what cost; prints a table.

    python benchmarks/packages.py --image IMAGE --labels LABELS [--max-steps 200]

Each network is trained on one image with its masks, written as a package, and the
package is opened again. Seconds of writing (TensorFlow imported before) and of
labelling the image (posterior, labels and uncertainty; the fastest of five calls) by
TensorFlow and by onnxruntime; the largest difference of the posteriors, and the share
of pixels with another label. float32; images scaled as the training images were.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import napari_segen as ns
from napari_segen.cnn import backend
from napari_segen.cnn.bioimageio.description import Card
from napari_segen.cnn.bioimageio.export import write_package
from napari_segen.core.provenance import package_versions
from napari_segen.workflows.files import read_image

N_CALLS = 5
CARD = Card(
    "Benchmark", ["Nobody"], "CC0-1.0", "For timing.", "# Validation\n\nNone.\n"
)


def fastest(model, image: np.ndarray) -> float:
    model.segment(image)  # compiles
    seconds = []
    for _ in range(N_CALLS):
        began = time.perf_counter()
        model.segment(image)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def line(name: str, image: np.ndarray, labels: np.ndarray, max_steps: int) -> str:
    network = ns.CnnSegmenter(
        name,
        max_steps=max_steps,
        time_limit_s=None,
        precision="float32",
        normalization="training",
    ).fit(image, labels)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "package.zip"
        began = time.perf_counter()
        write_package(network, path, CARD)
        writing = time.perf_counter() - began
        package, size = ns.load(path), path.stat().st_size / 1e6
    own, other = network.segment(image), package.segment(image)
    apart = np.abs(own.posterior - other.posterior).max()
    differ = (own.labels != other.labels).mean()
    return (
        f"| `{name}` | {writing:.1f} | {size:.1f} | {fastest(network, image):.2f} | "
        f"{fastest(package, image):.2f} | {package.check_test_tensors():.1e} | "
        f"{apart:.1e} | {differ:.1e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--max-steps", type=int, default=200)
    arguments = parser.parse_args()
    image = read_image(arguments.image).array
    labels = read_image(arguments.labels).array
    ns.run(backend.warm_up_steps())
    packages = ("bioimageio.spec", "onnx", "onnxruntime", "tensorflow", "keras")
    print(image.shape, package_versions(packages))
    print(
        "| network | written, s | MB | TensorFlow, s | onnxruntime, s | own test | "
        "posterior | labels |\n|---|---:|---:|---:|---:|---:|---:|---:|"
    )
    for name in ("unet", "patch"):
        print(line(name, image, labels, arguments.max_steps), flush=True)


if __name__ == "__main__":
    main()
