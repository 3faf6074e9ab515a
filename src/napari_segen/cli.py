"""The command line: ``napari-segen demo | train | segment | generate | info | export``.

The long options spell the parameters of the Python API; those that are not given
keep the defaults that are stated there.
"""

import argparse
import logging
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from napari_segen import __version__
from napari_segen.core.errors import SomeFailed
from napari_segen.scale.folder.options import add_segment, settings_in
from napari_segen.workflows.export_options import add_export
from napari_segen.workflows.generate_options import add_generate
from napari_segen.workflows.train_options import add_train, api_options

PROGRAM = "napari-segen"
FAILED, SOME_FAILED, INTERRUPTED = 2, 3, 130
_DEMO_FOLDER = Path("napari-segen-demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code.

    0; 2 after an error; 3 where all is done but for some bad files; 130 interrupted.
    """
    arguments = _parser().parse_args(argv)
    # What tifffile says of odd files besides its exceptions.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            for line in arguments.run(arguments):
                print(line)
        except KeyboardInterrupt:
            print(f"{PROGRAM}: interrupted", file=sys.stderr)
            return INTERRUPTED
        except SomeFailed as err:
            print(f"{PROGRAM}: error: {_one_line(err)}", file=sys.stderr)
            return SOME_FAILED
        except (ValueError, TypeError, OSError, ImportError, MemoryError) as err:
            print(f"{PROGRAM}: error: {_one_line(err)}", file=sys.stderr)
            return FAILED
    return 0


def _one_line(err: BaseException) -> str:
    text = str(err)
    if isinstance(err, OSError) and err.strerror:
        place = f"{err.filename}: " if err.filename else ""
        text = place + err.strerror
    elif isinstance(err, MemoryError):
        text = f"not enough memory. {text}"
    return " ".join(text.split()) or type(err).__name__


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    # Other packages' warnings are for their developers.
    if category.__module__.startswith("napari_segen"):
        from tqdm import tqdm

        text = " ".join(str(message).split())
        # Not into the middle of a progress bar.
        tqdm.write(f"{PROGRAM}: warning: {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        PROGRAM,
        description="Segment images from strokes, train a CNN, generate new images.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    add_train(commands, _train)
    add_segment(commands, _segment)
    add_generate(commands, _generate)
    add_export(commands, _export)
    info = commands.add_parser("info", help="say what a model file holds")
    info.add_argument("model", type=Path, metavar="MODEL")
    info.set_defaults(run=_info)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="all three tasks on a sample image",
        description="Segment, train a CNN and generate images on a sample image: in "
        "napari, or without a display into a folder of files.",
    )
    demo.add_argument("--headless", action="store_true", help="open no window")
    demo.add_argument(
        "--out",
        type=Path,
        default=_DEMO_FOLDER,
        metavar="DIR",
        help="where the files go without a window (default: ./%(default)s)",
    )
    demo.set_defaults(run=_demo)


def _info(arguments: argparse.Namespace) -> list[str]:
    from napari_segen.workflows.commands import describe_model

    return describe_model(arguments.model)


def _export(arguments: argparse.Namespace) -> list[str]:
    from napari_segen.workflows.exporting import export_package

    return export_package(
        arguments.model,
        arguments.bioimageio,
        name=arguments.name,
        authors=arguments.author,
        license_id=arguments.license,
        description=arguments.description,
        documentation=arguments.documentation,
        cite=[tuple(pair) for pair in arguments.cite],
        example=arguments.image,
    )


def _train(arguments: argparse.Namespace) -> list[str]:
    from napari_segen.workflows.commands import describe_params, needs_labels
    from napari_segen.workflows.training import train

    options, fit_options = api_options(arguments)
    if arguments.list:
        return describe_params(
            arguments.kind, options.get("method") or options.get("network")
        )
    if not arguments.image or arguments.model is None:
        raise ValueError("--image and --model are needed.")
    if not arguments.labels and needs_labels(arguments.kind, options.get("method")):
        raise ValueError("--labels is needed: an image for each --image.")
    return train(
        arguments.kind,
        arguments.image,
        arguments.labels,
        arguments.model,
        axes=arguments.axes,
        options=options,
        fit_options=fit_options,
    )


def _segment(arguments: argparse.Namespace) -> Iterable[str]:
    from napari_segen.scale.folder.command import segment

    return segment(
        arguments.model,
        arguments.inputs,
        arguments.out,
        settings_in(arguments),
        truth=arguments.truth,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        scheduler=arguments.scheduler,
        workers=arguments.workers,
    )


def _generate(arguments: argparse.Namespace) -> list[str]:
    from napari_segen.workflows.generating import Request, generate

    request = Request(
        out=arguments.out,
        n=arguments.n,
        shape=None if arguments.shape is None else tuple(arguments.shape),
        seed=arguments.seed,
        strength=arguments.strength,
        painted=arguments.painted,
        example=arguments.example,
        example_labels=arguments.example_labels,
        pairs=arguments.pairs,
        recipe=arguments.recipe,
    )
    params = None if arguments.params is None else dict(arguments.params)
    return generate(request, arguments.model, method=arguments.method, params=params)


def _demo(arguments: argparse.Namespace) -> list[str]:
    from napari_segen.workflows.demo import run_demo, why_headless

    if not arguments.headless:
        reason = why_headless()
        if reason is None:
            from napari_segen.widgets.demo import open_demo

            open_demo()
            return []
        print(f"{reason} Writing files instead.", file=sys.stderr)
    return run_demo(arguments.out)


if __name__ == "__main__":
    sys.exit(main())
