"""The options of ``napari-segen generate``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_segen.workflows.train_options import assignment

_DESCRIPTION = (
    "Make new images: with a generator that was fitted, or by a method that needs no "
    "images, such as shapes. The recipe.json that is written with them makes the same "
    "files again."
)


def add_generate(commands: Any, run: Callable[[argparse.Namespace], list[str]]) -> None:
    """Add the command ``generate``."""
    generate = commands.add_parser(
        "generate", help="make new images", description=_DESCRIPTION
    )
    generate.add_argument("--model", type=Path, metavar="M.segen")
    generate.add_argument("--method", help="one that needs no model, such as shapes")
    generate.add_argument(
        "--params",
        type=assignment,
        nargs="+",
        metavar="NAME=VALUE",
        help="of the method; train generator --method NAME --list-params shows them",
    )
    generate.add_argument("--n", type=int, help="how many (default: 1)")
    generate.add_argument(
        "--shape", type=int, nargs="+", metavar="PX", help="pixels along each axis"
    )
    generate.add_argument("--seed", type=int, help="(default: 0)")
    generate.add_argument("--out", type=Path, required=True, metavar="DIR")
    generate.add_argument(
        "--pairs",
        action="store_true",
        help="write images/ and masks/ to train from, and replace nothing",
    )
    _add_sources(generate)
    generate.set_defaults(run=run)


def _add_sources(generate: argparse.ArgumentParser) -> None:
    generate.add_argument(
        "--from-labels",
        type=Path,
        dest="painted",
        metavar="LABELS",
        help="make images for this label image",
    )
    generate.add_argument(
        "--vary",
        type=Path,
        dest="example",
        metavar="IMAGE",
        help="make variations of this image",
    )
    generate.add_argument(
        "--strength", type=float, help="of variations, from 0 to 1 (default: 0.5)"
    )
    generate.add_argument(
        "--labels",
        type=Path,
        dest="example_labels",
        metavar="LABELS",
        help="of the image to vary: they move with it",
    )
    generate.add_argument(
        "--recipe",
        type=Path,
        metavar="RECIPE.json",
        help="make again what this recipe says",
    )
