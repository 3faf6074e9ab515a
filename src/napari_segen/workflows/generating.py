"""What ``napari-segen generate`` does: a generator, or a recipe, to a folder."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import PARTS, Step, Steps, retold_steps, run
from napari_segen.generation.registry import GENERATORS
from napari_segen.workflows.cost import n_bytes, said_of_size
from napari_segen.workflows.files import read_image
from napari_segen.workflows.models import load, needs_tensorflow
from napari_segen.workflows.plans import (
    Plan,
    new_images,
    painted_images,
    variations,
)
from napari_segen.workflows.progress import run_with_progress, start_tensorflow
from napari_segen.workflows.recipes import (
    StoredRecipe,
    read_recipe,
    warn_of_differences,
    warn_of_source,
)
from napari_segen.workflows.save_pairs import FLAT, PAIRS, ImageFolder

# From here on it is said how large a request is; then its time is found out first.
_SAID_BYTES, _SAID_SECONDS, _TIMED_PIXELS = 10**9, 60.0, 2**22
_SMALL_PX = 128


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for; None: not said.

    Parameters
    ----------
    out : Path
        A folder, made if it is not there.
    n, shape, seed : int, tuple of int, int
    strength : float
        Of variations.
    painted : Path
        A label image to make images for.
    example, example_labels : Path
        An image to vary, and its labels.
    pairs : bool
        Write ``images/`` and ``masks/`` to train from, and replace nothing.
    recipe : Path
        A recipe to follow instead.
    """

    out: Path
    n: int | None = None
    shape: tuple[int, ...] | None = None
    seed: int | None = None
    strength: float | None = None
    painted: Path | None = None
    example: Path | None = None
    example_labels: Path | None = None
    pairs: bool = False
    recipe: Path | None = None


def generate(
    request: Request,
    model_path: Path | None = None,
    *,
    method: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> list[str]:
    """Make new images with a saved generator, or by a method that needs none.

    Writes ``image_000.tif``, ``labels_000.tif``, ... and ``recipe.json``, from which
    the same files can be made again; `Request.pairs` says otherwise. Each image is
    written when it is made, so that what is made stays, whatever happens next.
    """
    stored = None if request.recipe is None else _stored(request)
    if stored is not None and model_path is None and method is None:
        method, params = stored.recipe.method, stored.recipe.params
    generator = _generator(model_path, method, params)
    plan = (
        _plan(generator, request)
        if stored is None
        else _again(generator, request, stored)
    )
    folder = ImageFolder(request.out, plan.n, PAIRS if request.pairs else FLAT)
    if needs_tensorflow(generator):
        start_tensorflow()
    _say_size(plan)
    run_with_progress(_making(plan, folder), "Generating")
    images = "image" if plan.n == 1 else "images"
    with_labels = " with labels" if plan.label_size else ""
    return [f"{plan.n} {images}{with_labels} and recipe.json: {request.out}"]


def _generator(
    path: Path | None, method: str | None, params: Mapping[str, Any] | None
) -> Any:
    if path is not None:
        if method is not None or params:
            raise ValueError(
                "--method and --params go without --model: a saved generator has its "
                "own."
            )
        generator = load(path)
        if not hasattr(generator, "generate_steps"):
            raise ValueError(f"{path} is a segmenter: it makes labels, not images.")
        return generator
    if method is None:
        raise ValueError("--model is needed, or --method with one that needs no fit.")
    if GENERATORS.get(method).needs_images:
        raise ValueError(
            f"method {method!r} learns from images: fit it with train generator, and "
            "give its file as --model."
        )
    from napari_segen.generation.generator import ImageGenerator

    return ImageGenerator(method, params=params)


def _plan(generator: Any, request: Request) -> Plan:
    n = 1 if request.n is None else request.n
    seed = request.seed or 0
    if request.painted is not None and request.example is not None:
        raise ValueError("--from-labels and --vary exclude each other.")
    if request.example is None and (
        request.strength is not None or request.example_labels is not None
    ):
        raise ValueError("--strength and --labels go with --vary.")
    if request.painted is not None or request.example is not None:
        if request.shape is not None:
            raise ValueError("--shape is that of the file: leave it out.")
        if request.painted is not None:
            return painted_images(generator, _read(request.painted), n, seed)
        assert request.example is not None
        strength = 0.5 if request.strength is None else request.strength
        labels = request.example_labels
        if request.pairs and labels is None:
            raise ValueError("--pairs needs --labels: those of the image to vary.")
        marks = None if labels is None else _read(labels)
        return variations(generator, _read(request.example), marks, n, strength, seed)
    if request.shape is None:
        raise ValueError("--shape is needed: pixels along each axis.")
    pairs = request.pairs or generator.makes_pairs
    return new_images(generator, n, request.shape, seed, pairs=pairs)


def _read(path: Path) -> Array:
    return read_image(path).array


def _stored(request: Request) -> StoredRecipe:
    assert request.recipe is not None
    said = (request.n, request.shape, request.seed, request.strength)
    if any(value is not None for value in said):
        raise ValueError(
            "--recipe says number, shape, seed and strength: leave the options out."
        )
    stored = read_recipe(request.recipe)
    source = stored.recipe.source
    needed = {"labels": ("--from-labels", request.painted)}
    needed["image"] = ("--vary", request.example)
    for name, (option, path) in needed.items():
        if source == name and path is None:
            raise ValueError(
                f"{request.recipe} needs {option}: the file it is made of."
            )
        if source != name and path is not None:
            raise ValueError(f"{request.recipe} does not go with {option}.")
    had_labels = stored.recipe.labels_sha256 is not None
    if had_labels and request.example_labels is None:
        raise ValueError(f"{request.recipe} needs --labels: those of the image.")
    if request.example_labels is not None and not had_labels:
        raise ValueError(f"{request.recipe} does not go with --labels.")
    return stored


def _again(generator: Any, request: Request, stored: StoredRecipe) -> Plan:
    """Plan what a recipe says; warn of what makes it come out differently."""
    recipe = stored.recipe
    warn_of_differences(stored, generator.recipe(1, recipe.shape, recipe.seed))
    if recipe.source == "noise":
        return new_images(
            generator, recipe.n, recipe.shape, recipe.seed, pairs=recipe.pairs
        )
    if recipe.source == "labels":
        assert request.painted is not None
        return _painted_again(generator, _read(request.painted), stored)
    assert request.example is not None
    image, labels = _read(request.example), None
    warn_of_source(stored, "source_sha256", [image])
    if request.example_labels is not None:
        labels = _read(request.example_labels)
        warn_of_source(stored, "labels_sha256", [labels])
    strength = 0.5 if recipe.strength is None else recipe.strength
    n = stored.n_variations
    return variations(generator, image, labels, n, strength, recipe.seed)


def _painted_again(generator: Any, labels: Array, stored: StoredRecipe) -> Plan:
    n, shape = stored.recipe.n, stored.recipe.shape
    known = [labels]
    if labels.shape == shape:  # one map for all images
        known.append(np.broadcast_to(labels, (n, *shape)))
        plan = painted_images(generator, labels, n, stored.recipe.seed)
    else:
        plan = painted_images(generator, labels, 1, stored.recipe.seed)
    warn_of_source(stored, "source_sha256", known)
    return replace(plan, n=min(n, plan.n))


def _say_size(plan: Plan) -> None:
    """Say what a large request takes, before the work begins."""
    size = n_bytes(plan.n, plan.shape, plan.itemsize, plan.label_size)
    pixels = n_bytes(plan.n, plan.shape, 1, 0)
    seconds = _seconds(plan, pixels) if pixels >= _TIMED_PIXELS else None
    if size >= _SAID_BYTES or (seconds or 0.0) >= _SAID_SECONDS:
        said = said_of_size(plan.n, plan.shape, size, seconds)
        print(said, file=sys.stderr, flush=True)


def _seconds(plan: Plan, pixels: int) -> float:
    """Estimate the time of all images from that of a small one."""
    run(plan.try_out(_SMALL_PX))  # the first compiles what there is to compile
    began = time.perf_counter()
    run(plan.try_out(_SMALL_PX))
    small = n_bytes(1, tuple(min(n, _SMALL_PX) for n in plan.shape), 1, 0)
    return (time.perf_counter() - began) * pixels / small


def _making(plan: Plan, folder: ImageFolder) -> Steps[None]:
    """Make and write image by image; the recipe says how many there are."""
    try:
        for i in range(plan.n):
            image, labels = yield from _as_part(plan.make(i), i, plan.n)
            folder.add(image, labels, plan.spec)
    finally:
        if folder.n_images:
            folder.finish(plan.recipe(folder.n_images))


def _as_part(steps: Steps[Any], i: int, n: int) -> Steps[Any]:
    """Pass the steps of one image on as part of all."""

    def retold(step: Step) -> Step:
        share = step.done / step.total if step.total else 0.0
        text = step.text.removeprefix("Image 1 of 1: ")
        return Step(round(PARTS * (i + share)), PARTS * n, f"{i + 1} of {n}: {text}")

    return retold_steps(steps, retold)
