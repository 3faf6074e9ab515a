"""The options of ``napari-segen segment``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_segen.scale.folder.settings import ObjectSettings, Settings


def add_segment(commands: Any, run: Callable[[argparse.Namespace], Any]) -> None:
    """Add the command to a parser's commands."""
    segment = commands.add_parser(
        "segment",
        help="apply a saved segmenter to files and folders",
        description="Segment images with a saved model. Beside the labels of each "
        "image goes a record of how they were made, and for all together a table "
        "(summary.csv) and small pictures to look through (overlays_01.png). A bad "
        "file does not end the work: it is named at the end, and the exit code is 3.",
    )
    segment.add_argument("--model", type=Path, required=True, metavar="M.segen")
    segment.add_argument("--out", type=Path, required=True, metavar="DIR")
    segment.add_argument("--axes", help="axes of each image, if not as in training")
    for name in ("posterior", "uncertainty"):
        segment.add_argument(f"--{name}", action="store_true", help="write it as well")
    segment.add_argument(
        "--rescale",
        action="store_true",
        help="bring images of another pixel size to the network's, and results back",
    )
    _add_objects(segment)
    segment.add_argument(
        "--truth",
        type=Path,
        metavar="DIR",
        help="label images named like the inputs, to score the results with: numbered "
        "objects if --objects are found, else classes",
    )
    _add_earlier_results(segment)
    _add_workers(segment)
    segment.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="INPUT",
        help="TIFF, PNG or JPEG files, OME-Zarr images, folders of them, or patterns "
        "such as 'in/*.tif'",
    )
    segment.set_defaults(run=run)


def _add_objects(segment: argparse.ArgumentParser) -> None:
    segment.add_argument(
        "--objects",
        type=_class_values,
        metavar="CLASSES",
        help="find objects of these classes, such as 2 or 2,3, and write them",
    )
    segment.add_argument(
        "--boundary",
        type=int,
        metavar="CLASS",
        help="a class that lies between objects",
    )
    segment.add_argument(
        "--min-size",
        type=int,
        metavar="PIXELS",
        help="leave smaller objects out",
    )
    segment.add_argument(
        "--measurements",
        action="store_true",
        help="write a table of what can be measured of each object",
    )


def _add_earlier_results(segment: argparse.ArgumentParser) -> None:
    segment.add_argument(
        "--resume",
        action="store_true",
        help="leave out images whose results this model has made with these settings",
    )
    segment.add_argument(
        "--overwrite", action="store_true", help="replace results that are there"
    )


def _add_workers(segment: argparse.ArgumentParser) -> None:
    segment.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="let the workers of a Dask cluster do it, such as tcp://10.0.0.1:8786; "
        "they need a file system in common with this machine",
    )
    segment.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="do it in so many processes of one thread each on this machine",
    )


def _class_values(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as err:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of class values, such as 2 or 2,3"
        ) from err


def settings_in(arguments: argparse.Namespace) -> Settings:
    """Return what the arguments say of the results that are wanted."""
    objects = None
    if arguments.objects is not None:
        min_size = arguments.min_size or 0
        objects = ObjectSettings(arguments.objects, arguments.boundary, min_size)
    elif arguments.boundary is not None or arguments.min_size is not None:
        raise ValueError("--boundary and --min-size are of objects: say --objects too.")
    return Settings(
        axes=arguments.axes,
        posterior=arguments.posterior,
        uncertainty=arguments.uncertainty,
        objects=objects,
        measurements=arguments.measurements,
        rescale=arguments.rescale,
    )
