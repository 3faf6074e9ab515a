"""The examples of docs/generator.md are run as they stand, but for tiny networks."""

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
from napari_segen.generation.registry import GENERATORS
from napari_segen.workflows.degradations import DEGRADATIONS
from napari_segen.workflows.stress import KINDS
from napari_segen.workflows.train_options import api_options

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "generator.md").read_text(encoding="utf-8")
TINY = {
    "flow": {"filters": 4, "depth": 1, "patch_px": 32, "batch_size": 2},
    "decoder": {"width": 8, "patch_px": 32, "batch_size": 2},
}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def commands():
    (block,) = blocks("sh")
    return [shlex.split(line)[1:] for line in block.splitlines()]


def tiny_generator(method="flow", **options):
    """A generator of the page's arguments, but small and for two steps."""
    if method in TINY:
        options |= {"max_steps": 2, "time_limit_s": None, "params": TINY[method]}
    return napari_segen.ImageGenerator(method, **options)


def tiny_network(**options):
    options |= {"max_steps": 2, "time_limit_s": None, "batch_size": 2, "patch_px": 32}
    return napari_segen.CnnSegmenter(params={"depth": 1, "filters": 4}, **options)


@pytest.mark.keras
def test_the_python_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    image, _ = halves((72, 96))
    ids = np.zeros((72, 96), np.uint8)
    ids[10:30, 55:75], ids[40:60, 60:90] = 1, 2
    names = {
        "image": image,
        "object_ids": ids,
        "my_ids": ids[::-1],
        "classes": (ids > 0).astype(np.uint8),
        "real_image": image[::-1].copy(),
        "real_ids": ids[::-1].copy(),
    }
    package = {n: getattr(napari_segen, n) for n in napari_segen.__all__}
    own = {"ImageGenerator": tiny_generator, "CnnSegmenter": tiny_network}
    names["ns"] = SimpleNamespace(**package | own)
    for block in blocks("python"):
        code = block.replace("import napari_segen as ns\n", "")
        code = code.replace("n=8", "n=2").replace("(256, 256)", "(96, 96)")
        exec(compile(code, "docs/generator.md", "exec"), names)
    assert "foreground IoU 0" in capsys.readouterr().out
    assert names["images"].shape == names["their_ids"].shape == (4, 96, 96)
    assert names["painted"].shape == names["varied"].shape == image.shape
    assert (names["same_ids"] == ids).all()
    assert names["volumes"].shape == names["volume_cells"].shape == (1, 12, 48, 64)
    assert len(names["all_images"]) == 2 + 3  # the real one is repeated
    assert (tmp_path / "nuclei.segen").exists()
    assert (tmp_path / "cells" / "recipe.json").exists()


@pytest.mark.parametrize("argv", commands(), ids=" ".join)
def test_the_commands_are_understood(argv):
    arguments = _parser().parse_args(argv)
    if argv[:2] == ["train", "generator"]:
        options, fit_options = api_options(arguments)
        made = napari_segen.ImageGenerator(**options)
        assert set(fit_options) <= set(inspect.signature(made.fit).parameters)
    if argv[0] == "generate" and "--method" in argv:
        napari_segen.ImageGenerator(arguments.method, params=dict(arguments.params))


def test_every_argument_of_the_api_has_an_option():
    parser = _parser()
    for name in ("train", "generator"):
        action = next(a for a in parser._actions if hasattr(a, "_name_parser_map"))
        parser = action.choices[name]
    known = {a.dest for a in parser._actions}
    wanted = set(inspect.signature(napari_segen.ImageGenerator).parameters)
    assert wanted <= known
    fit = set(inspect.signature(napari_segen.ImageGenerator.fit).parameters)
    assert fit - {"self", "images", "labels", "spec"} <= known


def test_the_page_names_every_method():
    for name in GENERATORS:
        assert f"`{name}`" in PAGE


def test_the_levels_of_the_stress_test_are_those_of_the_page():
    rows = re.findall(r"^\| (\w+) \| ([^|]*\d[^|]*) \|$", PAGE, flags=re.MULTILINE)
    told = {
        kind: [float(x) for x in re.findall(r"[\d.]+", text)]
        for kind, text in rows
        if kind in KINDS
    }
    for kind in KINDS:
        factor = 100 if kind in ("contrast", "bleaching") else 1
        amounts = [factor * DEGRADATIONS[kind].amount(i / 5) for i in range(1, 6)]
        assert told[kind] == pytest.approx(amounts, rel=0.02)


def test_the_pictures_are_there():
    for name in re.findall(r"\]\((images/[^)]+)\)", PAGE):
        assert (DOCS / name).exists(), name
