"""The examples of docs/cnn.md are run as they stand, but for tiny networks."""

import inspect
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.workflows.networks import halves

import napari_segen
from napari_segen.cli import _parser
from napari_segen.workflows.train_options import FIT_OPTIONS, api_options

PAGE = (Path(__file__).parents[2] / "docs" / "cnn.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def commands():
    (block,) = blocks("sh")
    return [shlex.split(line)[1:] for line in block.splitlines()]


def tiny(network="unet", **options):
    """A network of the page's arguments, but small and for two steps."""
    options |= {"max_steps": 2, "time_limit_s": None, "batch_size": 2}
    sizes = {"depth": 1, "filters": 4}
    if network == "unet3d":
        sizes["z_halvings"] = 1
    return napari_segen.CnnSegmenter(network, params=sizes, patch_px=32, **options)


@pytest.mark.keras
def test_the_python_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    image, strokes = halves((64, 64))
    volume, volume_strokes = halves((16, 44, 48))
    ids = np.zeros((64, 64), np.uint8)
    ids[4:20, 30:60], ids[30:50, 30:60] = 1, 2
    names = {
        "image": image,
        "strokes": strokes,
        "images": [image] * 4,
        "masks": [(image > 130).astype(np.uint8)] * 4,
        "object_ids": [ids] * 4,
        "volume": volume,
        "volume_strokes": volume_strokes,
        "film": volume[:3],
        "film_strokes": volume_strokes[:3],
    }
    package = {n: getattr(napari_segen, n) for n in napari_segen.__all__}
    names["ns"] = SimpleNamespace(**package | {"CnnSegmenter": tiny})
    for block in blocks("python"):
        code = block.replace("import napari_segen as ns\n", "")
        exec(compile(code, "docs/cnn.md", "exec"), names)
    assert "held-out IoU" in capsys.readouterr().out
    assert names["objects"].shape == (64, 64)
    assert len(names["patches"]) == 16
    assert (tmp_path / "model.segen").exists()


@pytest.mark.parametrize("argv", commands(), ids=" ".join)
def test_the_commands_are_understood(argv):
    arguments = _parser().parse_args(argv)
    if argv[0] == "train":
        options, fit_options = api_options(arguments)
        made = napari_segen.CnnSegmenter(**options)
        accepted = inspect.signature(made.fit).parameters
        assert set(fit_options) <= set(accepted)


def test_every_argument_of_the_api_has_an_option():
    arguments = _parser().parse_args(["train", "cnn", "--list-params"])
    assert arguments.kind == "cnn"
    known = _known_options()
    wanted = set(inspect.signature(napari_segen.CnnSegmenter).parameters)
    assert wanted <= known
    fit = set(inspect.signature(napari_segen.CnnSegmenter.fit).parameters)
    assert fit - {"self", "images", "labels", "spec"} == set(FIT_OPTIONS) & known


def _known_options():
    """Names of all options of ``train cnn``."""
    parser = _parser()
    for name in ("train", "cnn"):
        action = next(a for a in parser._actions if hasattr(a, "_name_parser_map"))
        parser = action.choices[name]
    return {a.dest for a in parser._actions}
