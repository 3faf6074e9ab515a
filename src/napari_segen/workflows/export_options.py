"""The options of ``napari-segen export``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_export(commands: Any, run: Callable[[argparse.Namespace], list[str]]) -> None:
    """Add the command."""
    export = commands.add_parser(
        "export",
        help="write a network for other software",
        description="Write a CNN as a package of BioImage.IO: weights for Keras and as "
        "ONNX, a test input with its output, and what people should know of it.",
    )
    export.add_argument("model", type=Path, metavar="M.segen")
    export.add_argument(
        "--bioimageio", type=Path, required=True, metavar="OUT.zip", help="the package"
    )
    export.add_argument(
        "--author", action="append", required=True, help="may be given several times"
    )
    export.add_argument(
        "--license", required=True, help="SPDX identifier, such as CC-BY-4.0"
    )
    export.add_argument("--name", help="5 letters or more (default: the file's name)")
    export.add_argument("--description", help="a sentence")
    export.add_argument(
        "--documentation",
        type=Path,
        metavar="FILE.md",
        help="Markdown (default: what the model knows of itself)",
    )
    export.add_argument(
        "--cite",
        nargs=2,
        action="append",
        default=[],
        metavar=("TEXT", "DOI"),
        help="what to cite; may be given several times",
    )
    export.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="cut the test input from it, which is then public (default: noise)",
    )
    export.set_defaults(run=run)
