"""What is attacked: each target takes any bytes, and may only refuse in words."""

import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.choices import Choices
from tests.fuzz.forging import IMAGE, forge, sound_models

import napari_segen as ns
from napari_segen.core.errors import ModelFileError
from napari_segen.core.steps import run
from napari_segen.scale.folder.bad_file import BAD_FILE
from napari_segen.scale.folder.one_image import image_steps
from napari_segen.scale.folder.settings import Settings
from napari_segen.workflows.files import read_image

MOST_PIXELS = 2**16


@cache
def _models() -> list[Any]:
    return list(sound_models())


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="napari-segen-fuzz-")


def _place(name: str) -> Path:
    return Path(_folder().name) / name


def _check_words(err: BaseException, path: Path | None = None) -> None:
    """Raise AssertionError where an error says nothing, or not of which file."""
    if not str(err) or (path is not None and str(path) not in str(err)):
        raise AssertionError(f"{err!r} does not say what is wrong with {path}.")


def archive(data: bytes) -> None:
    """Open bytes as a model file."""
    path = _place("a.segen")
    path.write_bytes(data)
    try:
        ns.load(path)
    except ModelFileError as err:
        _check_words(err, path)


def forged(data: bytes) -> None:
    """Open and use a model file that bytes have changed, whose hashes are right."""
    choices = Choices(data)
    path = _place("f.segen")
    forge(choices.of(_models()), choices, path)
    try:
        model = ns.load(path)
    except ModelFileError as err:
        _check_words(err, path)
        return
    # What opens also works, or refuses the image in words.
    try:
        if hasattr(model, "predict"):
            assert model.predict(IMAGE).shape == IMAGE.shape
        else:
            model.generate(1, IMAGE.shape, 0)
    except ValueError as err:
        _check_words(err)


def _image(name: str) -> Callable[[bytes], None]:
    def attack(data: bytes) -> None:
        path = _place(name)
        path.write_bytes(data)
        try:
            image = read_image(path)
            # Time and memory grow with an image that is really there, and what reads
            # it is what is attacked.
            if image.array.size <= MOST_PIXELS:
                run(image_steps(_models()[0], image, Settings()))
        except BAD_FILE as err:
            _check_words(err)

    return attack


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "archive": archive,
    "forged": forged,
    "tiff": _image("i.tif"),
    "png": _image("i.png"),
    "jpeg": _image("i.jpg"),
}
