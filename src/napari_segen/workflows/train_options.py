"""The options of ``napari-segen train``: the API's parameters, spelt the same."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Arguments of `fit` and `save`; all other options belong to the model's constructor.
FIT_OPTIONS = (
    "unlabelled",
    "init_from",
    "keep_strokes",
    "teacher",
    "teacher_weight",
    "checkpoint",
    "log_dir",
    "match_to",
)
_OWN_OPTIONS = ("command", "run", "kind", "image", "labels", "model", "axes", "list")


def add_train(commands: Any, run: Callable[[argparse.Namespace], list[str]]) -> None:
    """Add the command ``train`` with a sub-command for each kind of model."""
    train = commands.add_parser("train", help="fit a model to images and labels")
    kinds = train.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, add in _TRAINABLE.items():
        parser = _add_kind(kinds, kind)
        add(parser)
        parser.set_defaults(run=run)


def _add_kind(kinds: Any, kind: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(
        kind,
        help=_KIND_HELP[kind],
        description=_KIND_HELP[kind].capitalize() + ".",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--image", type=Path, nargs="+", metavar="FILE", default=[])
    parser.add_argument("--labels", type=Path, nargs="+", metavar="FILE", default=[])
    parser.add_argument("--model", type=Path, default=None, metavar="M.segen")
    parser.add_argument(
        "--axes", default=None, help="axes of each image, such as yx, zyx, tyx, yxc"
    )
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--params",
        type=assignment,
        nargs="+",
        metavar="NAME=VALUE",
        help="parameters of the method; --list-params shows them",
    )
    parser.add_argument(
        "--list-params",
        dest="list",
        action="store_true",
        default=False,
        help="show the parameters of the method and stop",
    )
    return parser


def _add_probabilistic_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", help="how classes are told apart")
    parser.add_argument(
        "--features", nargs="+", help="a set of features, or names of families"
    )
    parser.add_argument("--sigmas", type=float, nargs="+", help="scales of features")
    parser.add_argument("--sigma-unit", choices=("pixel", "physical"))
    parser.add_argument("--channels", type=int, nargs="+", help="those to use, from 0")
    parser.add_argument("--smoothing", type=float, help="0: each pixel for itself")
    parser.add_argument(
        "--class-prior",
        type=_share,
        nargs="+",
        metavar="VALUE=PROBABILITY",
        help="share of each class that you expect",
    )
    parser.add_argument(
        "--init-from",
        type=Path,
        metavar="M.segen",
        help="add to the strokes of this model, without its images",
    )
    parser.add_argument(
        "--keep-strokes",
        action=argparse.BooleanOptionalAction,
        help="whether the file holds the labelled pixels, so that others can be added",
    )
    _add_normalization(parser)


def _add_normalization(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--normalization", help="auto, training, image or none")


def _add_budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, help="stop after so many")
    parser.add_argument("--max-steps", type=int, help="stop after so many steps")
    parser.add_argument("--time-limit-s", type=_seconds, help="a number, or none")


def _add_cnn_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--network", help="which network")
    parser.add_argument("--task", help="classes, or instances: labels are object ids")
    parser.add_argument(
        "--unlabelled",
        type=int,
        help="label value that means not labelled, such as 0 for strokes; "
        "without it every value is a class",
    )
    _add_budget(parser)
    _add_training(parser)
    parser.add_argument(
        "--init-from", type=Path, metavar="M.segen", help="go on from this network"
    )
    parser.add_argument(
        "--teacher",
        action="store_true",
        help="learn on unlabelled pixels what a pixel classifier says there",
    )
    parser.add_argument("--teacher-weight", type=float, help="from 0, labels being 1")
    parser.add_argument(
        "--precision", help="auto, float32, bfloat16 or mixed_float16; auto: by machine"
    )
    parser.add_argument(
        "--flips",
        action=argparse.BooleanOptionalAction,
        help="segment mirrored and turned as well: a little better, eight times slower",
    )
    parser.add_argument("--memory-mb", type=float, help="for segmenting, at most")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="M.segen",
        help="write the best network here every 30 s while training",
    )
    parser.add_argument(
        "--log-dir", type=Path, metavar="DIR", help="where TensorBoard finds the curves"
    )
    _add_normalization(parser)


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--loss", help="cross_entropy, dice, focal or squared_error")
    parser.add_argument("--batch-size", type=int, help="patches per step")
    parser.add_argument("--patch-px", type=int, help="side of a patch")
    parser.add_argument(
        "--validation-split", type=float, help="share of the labels to hold out"
    )
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--decay", help="of the learning rate: none or cosine")
    parser.add_argument(
        "--patience", type=int, help="stop after so many looks without a better one"
    )
    parser.add_argument(
        "--class-balance", type=float, help="0: by area; 1: all classes equally often"
    )
    augment = parser.add_mutually_exclusive_group()
    augment.add_argument(
        "--augment",
        type=assignment,
        nargs="*",
        metavar="NAME=VALUE",
        help="vary the patches; strengths such as rotation=180 elastic=0",
    )
    augment.add_argument(
        "--no-augment", dest="augment", action="store_false", help="do not vary them"
    )


def _add_generator_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", help="how images are made")
    parser.add_argument(
        "--task", help="what labels mean: classes, or instances (ids of objects)"
    )
    parser.add_argument(
        "--match-to",
        type=Path,
        metavar="FILE",
        help="an image whose grey values new images may take over (params: match)",
    )
    _add_budget(parser)


_TRAINABLE = {
    "probabilistic": _add_probabilistic_options,
    "cnn": _add_cnn_options,
    "generator": _add_generator_options,
}
_KIND_HELP = {
    "probabilistic": "a segmenter that needs only a few strokes",
    "cnn": "a neural network that segments",
    "generator": "a maker of new images, with labels if it is given labels",
}


def assignment(text: str) -> tuple[str, Any]:
    """Read ``name=value``; a list is written ``1,2,4``."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    entries = tuple(_value(part) for part in value.rstrip(",").split(","))
    return name, entries if "," in value else entries[0]


def _share(text: str) -> tuple[int, float]:
    """Read ``class value=probability``."""
    value, _, probability = text.partition("=")
    try:
        return int(value), float(probability)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not VALUE=PROBABILITY") from None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # a word


def _seconds(text: str) -> float | None:
    return None if text == "none" else float(text)


def api_options(
    arguments: argparse.Namespace,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments that were given: the constructor's, and the others."""
    given = {k: v for k, v in vars(arguments).items() if k not in _OWN_OPTIONS}
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    for name in ("params", "class_prior", "augment"):
        if isinstance(options.get(name), tuple):
            options[name] = dict(options[name])
    if options.get("augment") == {}:
        options["augment"] = True  # as much as is usual
    if len(options.get("features", ())) == 1:
        options["features"] = options["features"][0]
    # A network is made for its task; a generator learns one in its fit.
    is_generator = arguments.kind == "generator"
    of_fit = (*FIT_OPTIONS, "task") if is_generator else FIT_OPTIONS
    return options, {k: options.pop(k) for k in of_fit if k in options}
