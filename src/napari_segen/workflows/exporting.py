"""Models for other people's tools: BioImage.IO packages out, and what one holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_segen.cnn.bioimageio.description import Card
from napari_segen.cnn.bioimageio.export import write_package
from napari_segen.core.errors import ModelFileError
from napari_segen.core.imagespec import ImageSpec
from napari_segen.workflows.files import read_image
from napari_segen.workflows.methods import methods_text
from napari_segen.workflows.models import load
from napari_segen.workflows.progress import start_tensorflow

_NORMALIZATION = {
    "auto": "A package scales each image by percentiles of its own grey values. In "
    "napari-segen this network did so, too, but never by less than half the smallest "
    "span of the training images: on images that are nearly blank the package answers "
    "differently, and may find objects in noise.",
    "image": "Each image is scaled by percentiles of its own grey values.",
    "training": "Images are scaled as the training images were.",
    "none": "Grey values are taken as they are.",
}


def export_package(
    model_path: Path,
    out: Path,
    *,
    name: str | None,
    authors: Sequence[str],
    license_id: str,
    description: str | None = None,
    documentation: Path | None = None,
    cite: Sequence[tuple[str, str]] = (),
    example: Path | None = None,
) -> list[str]:
    """Write a saved network as a BioImage.IO package; returns what to say.

    Parameters
    ----------
    model_path, out : Path
    name, description, documentation, example : optional
        Where nothing is given: the file's name, what is known of the model, and noise
        for the test input.
    authors, license_id, cite
        See `Card`.
    """
    model = load(model_path)
    if model.kind != "cnn":
        raise ValueError(
            f"{model_path} is no CNN (its kind is {model.kind!r}): only networks can "
            "be BioImage.IO packages."
        )
    text = documented(model, name or model_path.stem)
    if documentation is not None:
        text = documentation.read_text(encoding="utf-8")
    card = Card(
        name=name or model_path.stem,
        authors=authors,
        license=license_id,
        description=description or f"{_title(model)} trained with napari-segen.",
        documentation=text,
        cite=cite,
    )
    image, spec = None, None
    if example is not None:
        file = read_image(example)
        image, spec = file.array, file.spec() or ImageSpec(model.spec_.axes)
    start_tensorflow()
    write_package(model, out, card, example=image, spec=spec)
    return [f"Package: {out}"]


def documented(model: Any, name: str) -> str:
    """Write a page of documentation from what a network knows of itself."""
    info = model.class_info_
    classes = [
        f"* {value}: {info[value].name}" if value in info else f"* {value}"
        for value in model.classes_.tolist()
    ]
    iou = [v for v in model.history_["val_iou"] if v is not None]
    held = model.held_out_
    validation = (
        f"On {held['n']} of {held['of']} {held['unit']}, held out of training, the "
        f"best mean IoU was {max(iou):.2f}."
        if iou
        else "No labels were held out of training: nothing is known of how good it is."
    )
    parts = [
        f"# {name}",
        methods_text(model),
        "## Input",
        _NORMALIZATION[model.normalization_.mode],
        "## Output",
        "The probability of each class for each pixel; the channels are the classes of "
        "these values:",
        "\n".join(classes),
        "## Validation",
        f"{validation} Before use on images of your own, label a few by hand and "
        "compare, for instance by the intersection over union of each class.",
    ]
    return "\n\n".join(parts) + "\n"


def _title(model: Any) -> str:
    from napari_segen.cnn.registry import NETWORKS

    return str(NETWORKS.get(model.network).title)


def describe_package(model: Any) -> list[str]:
    """Return what a package holds, and whether it passes its own test."""
    classes = [
        f"{v} {model.class_info_[v].name}" if v in model.class_info_ else f"{v}"
        for v in model.classes_.tolist()
    ]
    lines = [
        f"kind: {model.kind}",
        f"name: {model.name_}",
        f"authors: {', '.join(model.provenance_['authors'])}",
        f"license: {model.provenance_['license']}",
        f"axes: {model.spec_.axes}, channels: {model.n_channels_}",
        f"classes: {', '.join(classes)}",
    ]
    try:
        apart = model.check_test_tensors()
        lines.append(f"its own test: the output differs by at most {apart:.2g}")
    except ModelFileError as err:
        lines.append(f"its own test: {err}")
    return lines
