"""``napari-segen generate`` gives what Python gives, to the byte."""

import json
import shutil
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import napari_segen as ns
from napari_segen.cli import main
from napari_segen.core.registry import Registry
from napari_segen.core.steps import Step
from napari_segen.generation import registry
from napari_segen.generation.method import Source
from napari_segen.generation.transform import Transform
from napari_segen.workflows import generating
from napari_segen.workflows.files import read_image, write_tiff
from napari_segen.workflows.generated import pairs_spec
from napari_segen.workflows.save_pairs import save_pairs


class Painting(Transform):
    """Paints labels in their own values and some noise."""

    can_paint = True

    def paint_steps(self, labels, rng):
        yield Step(0, 1, "painting")
        return (labels + 50 + rng.integers(0, 9, labels.shape))[np.newaxis]


class Stripes(Painting):
    """Needs no images."""

    needs_images = False

    def output_range(self):
        from napari_segen.generation.values import ValueRange

        return ValueRange(np.zeros(1, np.uint8), np.full(1, 255, np.uint8))

    def make_steps(self, shape, rng, *, with_labels):
        yield Step(0, 1, "striping")
        stripes = np.broadcast_to(np.arange(shape[-1]) % 3, shape)
        return Source((80 * stripes)[np.newaxis] + rng.integers(0, 9), stripes)

    def state(self):
        return {}, {}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with an image, labels, and generators fitted to them."""
    monkeypatch.chdir(tmp_path)
    known = {n: registry.GENERATORS._entries[n] for n in registry.GENERATORS}
    own = {"painting": f"{__name__}:Painting", "stripes": f"{__name__}:Stripes"}
    both = Registry("generator", known | own)
    for module in ("registry", "abilities", "generator", "modelfile"):
        monkeypatch.setattr(f"napari_segen.generation.{module}.GENERATORS", both)
    for module in ("generating", "models"):
        place = f"napari_segen.workflows.{module}.GENERATORS"
        monkeypatch.setattr(place, both, raising=False)
    rng = np.random.default_rng(0)
    image = rng.normal(60, 10, (40, 48)).clip(0, 255).astype(np.uint8)
    image[:, 24:] += 90
    labels = np.where(np.arange(48) < 24, 1, 4) * np.ones((40, 1), np.uint8)
    spec = ns.ImageSpec("yx", (0.5, 0.5), "um")
    write_tiff("image.tif", image, spec)
    write_tiff("labels.tif", labels.astype(np.uint8), spec)
    for name in ("transform", "painting"):
        generator = ns.ImageGenerator(name).fit(image, labels, spec=spec)
        generator.save(f"{name}.segen")
    return tmp_path


def run(line):
    return main(["generate", *line.split()])


def same_trees(a, b):
    files = sorted(p.relative_to(a) for p in a.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(b) for p in b.rglob("*") if p.is_file())
    for file in files:
        assert (a / file).read_bytes() == (b / file).read_bytes(), file
    return [f.as_posix() for f in files]


def fails(capsys, line, *words):
    capsys.readouterr()
    assert run(line) == 2
    (error,) = [
        x for x in capsys.readouterr().err.splitlines() if "napari-segen: error" in x
    ]
    for word in words:
        assert word in error
    return True


# ---- the same bytes


def test_pairs_are_the_bytes_that_python_saves(folder):
    line = "--model transform.segen --n 3 --shape 20 30 --seed 5 --pairs --out cli"
    assert run(line) == 0
    generator = ns.load("transform.segen")
    images, labels = generator.generate_pairs(3, (20, 30), seed=5)
    recipe = generator.recipe(3, (20, 30), 5, pairs=True)
    save_pairs("python", images, labels, recipe, spec=pairs_spec(generator))
    names = same_trees(folder / "cli", folder / "python")
    assert len(names) == 7
    assert read_image("cli/images/0000.tif").pixel_size == pytest.approx((0.5, 0.5))


def test_images_for_labels_and_variations_are_those_of_python(folder):
    model = "--model painting.segen --seed 7"
    assert run(f"{model} --from-labels labels.tif --n 2 --pairs --out painted") == 0
    vary = f"{model} --vary image.tif --labels labels.tif --strength 0.7 --n 2"
    assert run(f"{vary} --pairs --out varied") == 0
    generator = ns.load("painting.segen")
    image, labels = (read_image(f"{n}.tif").array for n in ("image", "labels"))
    painted = generator.from_labels(np.stack([labels] * 2), seed=7)
    for i in range(2):
        found = read_image(f"painted/images/000{i}.tif").array
        assert_array_equal(found, painted[i])
        assert_array_equal(read_image(f"painted/masks/000{i}.tif").array, labels)
        varied = generator.vary(image, 0.7, 7 + i, labels)
        for what, expected in zip(("images", "masks"), varied, strict=True):
            found = read_image(f"varied/{what}/000{i}.tif").array
            assert_array_equal(found, expected)
    recipe = json.loads((folder / "painted" / "recipe.json").read_text())
    assert (recipe["source"], recipe["n"]) == ("labels", 2)
    recipe = json.loads((folder / "varied" / "recipe.json").read_text())
    assert (recipe["source"], recipe["seeds"]) == ("image", [7, 8])


SOURCES = {
    "noise": ("--n 2 --shape 20 30", ""),
    "labels": ("--from-labels labels.tif --n 2", "--from-labels labels.tif"),
    "image": (
        "--vary image.tif --labels labels.tif --strength 0.3 --n 2",
        "--vary image.tif --labels labels.tif",
    ),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("layout", ["", "--pairs"])
def test_a_recipe_makes_the_same_bytes_again(folder, capsys, source, layout):
    asked, source_files = SOURCES[source]
    model = f"--model painting.segen {layout}"
    assert run(f"{model} {asked} --seed 3 --out first") == 0
    again = f"{model} --recipe first/recipe.json {source_files} --out again"
    assert run(again) == 0
    assert len(same_trees(folder / "first", folder / "again")) == 5
    assert "warning" not in capsys.readouterr().err


def test_a_method_that_needs_no_images_needs_no_model(folder):
    assert run("--method stripes --n 2 --shape 9 12 --seed 1 --out first") == 0
    assert run("--recipe first/recipe.json --out again") == 0
    same_trees(folder / "first", folder / "again")
    assert run("--method stripes --shape 4 9 12 --params flips=false --out volume") == 0
    assert read_image("volume/image_000.tif").array.shape == (4, 9, 12)
    recipe = json.loads((folder / "volume" / "recipe.json").read_text())
    assert recipe["params"]["flips"] is False


def test_several_label_maps_in_one_file_get_an_image_each(folder):
    labels = read_image("labels.tif").array
    write_tiff("stack.tif", np.stack([labels, labels[:, ::-1]]))
    model = "--model painting.segen"
    assert run(f"{model} --from-labels stack.tif --out first") == 0
    expected = ns.load("painting.segen").from_labels(read_image("stack.tif").array, 0)
    assert_array_equal(read_image("first/image_001.tif").array, expected[1])
    again = f"{model} --recipe first/recipe.json --from-labels stack.tif --out again"
    assert run(again) == 0
    same_trees(folder / "first", folder / "again")


def test_what_is_made_before_an_interrupt_stays_with_its_recipe(folder, monkeypatch):
    made = []

    def interrupted(self, *args, **options):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(options["first"])
        return (yield from whole(self, *args, **options))

    whole = ns.ImageGenerator.generate_pairs_steps
    monkeypatch.setattr(ns.ImageGenerator, "generate_pairs_steps", interrupted)
    line = "--model transform.segen --n 5 --shape 20 30 --pairs --out part"
    assert run(line) == 130
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert json.loads((folder / "part/recipe.json").read_text())["n"] == 2
    assert run("--model transform.segen --recipe part/recipe.json --pairs --out b") == 0
    same_trees(folder / "part", folder / "b")


# ---- what is said


def test_another_generator_than_the_recipes_is_said(folder, capsys):
    assert run("--model transform.segen --shape 20 30 --out first") == 0
    image = read_image("image.tif").array[::-1]
    ns.ImageGenerator("transform").fit(image).save("other.segen")
    recipe = json.loads((folder / "first" / "recipe.json").read_text())
    recipe["pairs"] = False
    (folder / "first" / "recipe.json").write_text(json.dumps(recipe))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run("--model other.segen --recipe first/recipe.json --out again") == 0
    said = capsys.readouterr().err
    assert "warning: the generator is not the one that first/recipe.json" in said


def test_another_image_and_another_version_are_said(folder, capsys):
    line = "--model transform.segen --vary image.tif"
    assert run(f"{line} --out first") == 0
    recipe = json.loads((folder / "first" / "recipe.json").read_text())
    recipe["versions"]["numpy"] = "1.0"
    (folder / "first" / "recipe.json").write_text(json.dumps(recipe))
    write_tiff("image.tif", read_image("image.tif").array[::-1])
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run(f"{line} --recipe first/recipe.json --out again") == 0
    said = capsys.readouterr().err
    assert "source is not what first/recipe.json was made from" in said
    assert "was made with numpy 1.0 (now 2" in said


def test_a_large_request_says_what_it_takes_before(folder, capsys, monkeypatch):
    monkeypatch.setattr(generating, "_SAID_BYTES", 10_000)
    monkeypatch.setattr(generating, "_TIMED_PIXELS", 30_000)
    assert run("--model transform.segen --n 9 --shape 40 50 --out a") == 0
    assert "9 images of 40 x 50: about 36 kB." in capsys.readouterr().err
    assert run("--model transform.segen --n 20 --shape 40 50 --out c") == 0
    assert "20 images of 40 x 50: about 80 kB and " in capsys.readouterr().err
    assert run("--model transform.segen --n 1 --shape 20 30 --out b") == 0
    assert "about" not in capsys.readouterr().err


# ---- what goes wrong


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--shape 9 9", "--model is needed"),
        ("--method transform --shape 9 9", "learns from images"),
        ("--method stripes --model transform.segen --shape 9 9", "without --model"),
        ("--model transform.segen", "--shape is needed"),
        ("--model transform.segen --shape 9", "2 entries"),
        ("--model transform.segen --shape 0 9", "at least 1"),
        ("--model transform.segen --shape 20000 20000", "at most"),
        ("--model transform.segen --shape 9 9 --n 0", "n must be at least 1"),
        ("--model transform.segen --shape 9 9 --seed -1", "seed"),
        ("--model transform.segen --from-labels labels.tif", "painting"),
        ("--model transform.segen --vary image.tif --shape 9 9", "--shape"),
        ("--model transform.segen --vary image.tif --strength 2", "strength"),
        ("--model transform.segen --vary image.tif --pairs", "--labels"),
        ("--model transform.segen --strength 0.5 --shape 9 9", "--vary"),
        (
            "--model painting.segen --vary image.tif --from-labels labels.tif",
            "exclude each other",
        ),
        ("--model transform.segen --recipe none.json", "none.json"),
        ("--model transform.segen --recipe image.tif", "not a recipe"),
        ("--recipe ok.json --n 3 --model transform.segen", "leave the options out"),
        ("--recipe ok.json --vary image.tif --model transform.segen", "go with --vary"),
        ("--recipe ok.json --labels labels.tif", "go with --labels"),
        ("--recipe varied.json --vary image.tif", "needs --labels"),
        ("--recipe ok.json --model painting.segen", "'transform'"),
        ("--recipe ok.json", "learns from images"),
    ],
)
def test_one_line_says_what_is_wrong(folder, capsys, line, words):
    generator = ns.load("transform.segen")
    image, labels = (read_image(f"{n}.tif").array for n in ("image", "labels"))
    for name, recipe in (
        ("ok", generator.recipe(1, (9, 9), 0)),
        ("varied", generator.recipe_vary(image, 0.5, 0, labels)),
    ):
        (folder / f"{name}.json").write_text(json.dumps(recipe.as_json()))
    assert fails(capsys, f"{line} --out out", words)
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"n": "3"},
        {"shape": 5},
        {"shape": ["a", "b"]},
        {"seed": None},
        {"params": []},
        {"source": "elsewhere"},
        {"seeds": [5, 9]},
        {"seeds": 3},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_damaged_recipe_is_one_line(folder, capsys, change):
    recipe = ns.load("transform.segen").recipe(1, (9, 9), 0).as_json() | change
    (folder / "bad.json").write_text(json.dumps(recipe))
    line = "--model transform.segen --recipe bad.json --out out"
    assert fails(capsys, line, "bad.json", "not a recipe or is damaged")


def test_a_recipe_that_lacks_something_says_what(folder, capsys):
    (folder / "bad.json").write_text("{}")
    assert fails(capsys, "--recipe bad.json --out out", "it has no 'shape'")


def test_pairs_from_before_are_kept(folder, capsys):
    line = "--model transform.segen --shape 20 30 --pairs --out out"
    assert run(line) == 0
    before = (folder / "out/images/0000.tif").read_bytes()
    assert fails(capsys, f"{line} --seed 9", "nothing is replaced")
    assert (folder / "out/images/0000.tif").read_bytes() == before
    shutil.rmtree(folder / "out" / "images")
    assert fails(capsys, line, "masks")
