"""Opening a model file without knowing which model wrote it."""

from typing import Any

from napari_segen.cnn.bioimageio.archive import is_package
from napari_segen.core.archive import FilePath, read_archive
from napari_segen.core.errors import ModelFileError
from napari_segen.core.model import Model
from napari_segen.core.registry import Registry

KINDS: Registry[Model] = Registry(
    "kind of model",
    {
        "probabilistic": "napari_segen.probabilistic.segmenter:ProbabilisticSegmenter",
        "cnn": "napari_segen.cnn.segmenter:CnnSegmenter",
        "generator": "napari_segen.generation.generator:ImageGenerator",
        "bioimageio": "napari_segen.cnn.bioimageio.segmenter:PackagedSegmenter",
    },
)


def load(path: FilePath) -> Any:
    """Open a model that was saved with its `save` method.

    Parameters
    ----------
    path : path
        A ``.segen`` file, or a BioImage.IO package with ONNX weights. No code in it
        is run.

    Returns
    -------
    ProbabilisticSegmenter, CnnSegmenter, ImageGenerator or PackagedSegmenter

    Raises
    ------
    ModelFileError
        A ValueError: the file is damaged, foreign, too large or from the future.
    OSError
        It cannot be read.
    """
    if is_package(path):
        from napari_segen.cnn.bioimageio.segmenter import PackagedSegmenter

        return PackagedSegmenter.from_file(path)
    header, arrays = read_archive(path)
    if header["kind"] not in KINDS:
        raise ModelFileError(f"{path} holds an unknown kind of model.")
    return KINDS.get(header["kind"]).restored(path, header, arrays)


def needs_tensorflow(model: Any) -> bool:
    """Whether fitting or using `model` needs TensorFlow."""
    if model.kind != "generator":
        return bool(model.kind == "cnn")
    from napari_segen.generation.registry import GENERATORS

    return GENERATORS.get(model.method).needs_training
