import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

import napari_segen as ns
from napari_segen.cli import main
from napari_segen.core.archive import read_archive
from napari_segen.core.errors import MissingBackend
from napari_segen.workflows.demo import why_headless
from napari_segen.workflows.files import read_image, write_tiff


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with two regions and strokes in both."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    image = rng.normal(100, 10, (48, 56))
    image[:, 28:] += 80
    strokes = np.zeros((48, 56), np.uint8)
    strokes[10:13, 5:20], strokes[30:33, 35:50] = 1, 7
    strokes[40:42, 5:20], strokes[5:8, 35:50] = 1, 7
    strokes[17:19, 5:20], strokes[14:16, 35:50] = 1, 7
    strokes[24:26, 5:20], strokes[22:24, 35:50] = 1, 7
    write_tiff("image.tif", image.clip(0, 255).astype(np.uint8))
    write_tiff("strokes.tif", strokes)
    return tmp_path


def train(kind="probabilistic", *more):
    files = ["--image", "image.tif", "--labels", "strokes.tif", "--model", "m.segen"]
    return main(["train", kind, *files, *more])


@pytest.fixture
def model(folder):
    assert train() == 0
    return folder / "m.segen"


def fails(capsys, argv, *words):
    """Whether the command ends with 2 and one line on stderr that holds `words`."""
    capsys.readouterr()
    assert main([str(a) for a in argv]) == 2
    said = capsys.readouterr()
    errors = [x for x in said.err.splitlines() if x.startswith("napari-segen: error:")]
    assert len(errors) == 1
    assert said.err.rstrip().endswith(errors[0])
    assert "Traceback" not in said.err
    for word in words:
        assert word in errors[0]
    return True


# ---- what it does


def test_train_and_segment_give_what_python_gives(model, folder):
    assert main(["segment", "--model", "m.segen", "--out", "out", "image.tif"]) == 0
    image = read_image("image.tif").array
    strokes = read_image("strokes.tif").array
    expected = ns.ProbabilisticSegmenter().fit(image, strokes).predict(image)
    assert_array_equal(read_image("out/image_labels.tif").array, expected)
    names = ["image_labels.tif", "image_record.json", "overlays_01.png", "summary.csv"]
    assert sorted(os.listdir("out")) == names


def test_posterior_and_uncertainty_on_request(model):
    argv = ["segment", "--model", "m.segen", "--out", "out", "image.tif"]
    assert main([*argv, "--posterior", "--uncertainty"]) == 0
    posterior = read_image("out/image_posterior.tif")
    assert (posterior.array.shape, posterior.axes) == ((2, 48, 56), "cyx")
    np.testing.assert_allclose(posterior.array.sum(axis=0), 1, atol=1e-5)
    assert read_image("out/image_uncertainty.tif").array.shape == (48, 56)


def test_a_folder_of_images_is_segmented(model, folder):
    (folder / "in").mkdir()
    image = read_image("image.tif").array
    write_tiff("in/a.tif", image)
    Image.fromarray(image[:20, :30]).save("in/b.png")
    assert main(["segment", "--model", "m.segen", "--out", "out", "in"]) == 0
    shapes = [read_image(f"out/{n}_labels.tif").array.shape for n in "ab"]
    assert shapes == [(48, 56), (20, 30)]


def test_a_mixture_needs_no_labels(folder):
    files = ["--image", "image.tif", "--model", "x.segen", "--params", "classes=2"]
    assert main(["train", "probabilistic", "--method", "mixture", *files]) == 0
    assert main(["segment", "--model", "x.segen", "--out", "out", "image.tif"]) == 0
    labels = read_image("out/image_labels.tif").array
    assert (labels == np.where(np.arange(56) < 28, 1, 2)).mean() > 0.95


def test_colour_png_in_labels_out(folder):
    grey = read_image("image.tif").array
    colour = np.stack([grey, 255 - grey, grey // 2], axis=-1)
    Image.fromarray(colour).save("colour.png")
    files = ["--image", "colour.png", "--labels", "strokes.tif", "--model", "c.segen"]
    assert main(["train", "probabilistic", *files]) == 0
    assert main(["segment", "--model", "c.segen", "--out", "out", "colour.png"]) == 0
    labels = read_image("out/colour_labels.tif").array
    assert (labels == np.where(np.arange(56) < 28, 1, 7)).mean() > 0.95


def test_a_time_series_by_axes(folder):
    image, strokes = read_image("image.tif").array, read_image("strokes.tif").array
    write_tiff("film.tif", np.stack([image] * 3))
    write_tiff("film_strokes.tif", np.stack([strokes, 0 * strokes, 0 * strokes]))
    files = ["--image", "film.tif", "--labels", "film_strokes.tif", "--axes", "tyx"]
    assert main(["train", "probabilistic", *files, "--model", "f.segen"]) == 0
    assert main(["segment", "--model", "f.segen", "--out", "out", "film.tif"]) == 0
    labels = read_image("out/film_labels.tif").array
    assert labels.shape == (3, 48, 56)
    assert_array_equal(labels[0], labels[2])


def test_strokes_are_added_to_those_of_an_earlier_model(model, folder, capsys):
    other = folder / "other.tif"
    write_tiff(other, read_image("image.tif").array[::-1])
    files = f"--image {other} --labels strokes.tif --model both.segen"
    argv = ["train", "probabilistic", *files.split()]
    assert main([*argv, "--init-from", "m.segen"]) == 0
    both = ns.load("both.segen")
    images = [read_image(f).array for f in ("image.tif", other)]
    spec = read_image("image.tif").spec(None)
    strokes = [read_image("strokes.tif").array] * 2
    again = ns.ProbabilisticSegmenter().fit(images, strokes, spec=spec)
    for image in images:
        assert_array_equal(both.predict_proba(image), again.predict_proba(image))
    capsys.readouterr()
    assert main(["info", "both.segen"]) == 0
    assert "strokes: 16 strokes on 2 planes" in capsys.readouterr().out
    argv += ["--no-keep-strokes"]
    assert main(argv) == 0
    assert fails(capsys, [*argv, "--init-from", "both.segen"], "holds no strokes")


def test_options_reach_the_model(folder):
    options = "--method softmax --smoothing 0 --sigmas 1 3 --seed 5 --features gradient"
    params = "--params steps=7 learning_rate=0.3 optimizer=gradient_descent"
    prior = "--class-prior 1=0.25 7=0.75"
    assert (
        train("probabilistic", *options.split(), *params.split(), *prior.split()) == 0
    )
    found = ns.load("m.segen")
    assert (found.smoothing, found.sigmas, found.seed) == (0, (1.0, 3.0), 5)
    assert (found.params.steps, found.params.learning_rate) == (7, 0.3)
    assert found.params.optimizer == "gradient_descent"
    assert found.class_prior == {1: 0.25, 7: 0.75}


def test_options_left_out_keep_the_apis_defaults(model):
    header, _ = read_archive(model)
    plain = ns.ProbabilisticSegmenter()
    assert header["smoothing"] == plain.smoothing
    assert header["method"] == plain.method


def test_generate_writes_images_labels_and_the_recipe(folder, capsys):
    assert train("generator", "--method", "transform") == 0
    argv = ["generate", "--model", "m.segen", "--n", "2", "--seed", "4"]
    for out in ("a", "b"):
        assert main([*argv, "--shape", "30", "40", "--out", out]) == 0
    names = ["image_000.tif", "image_001.tif", "labels_000.tif", "labels_001.tif"]
    assert sorted(os.listdir("a")) == [*names, "recipe.json"]
    for name in names:
        assert read_image(f"a/{name}").array.shape == (30, 40)
        assert_array_equal(read_image(f"a/{name}").array, read_image(f"b/{name}").array)
    recipe = json.loads((folder / "a" / "recipe.json").read_text())
    assert (recipe["seed"], recipe["n"], recipe["shape"]) == (4, 2, [30, 40])


def test_a_generator_without_labels_makes_images_only(folder):
    files = ["--image", "image.tif", "--model", "m.segen", "--method", "transform"]
    assert main(["train", "generator", *files]) == 0
    argv = ["generate", "--model", "m.segen", "--shape", "20", "20", "--out", "a"]
    assert main(argv) == 0
    assert sorted(os.listdir("a")) == ["image_000.tif", "recipe.json"]


def test_info_names_kind_classes_and_versions(model, capsys):
    assert main(["info", "m.segen"]) == 0
    said = capsys.readouterr().out
    assert "kind: probabilistic" in said
    assert '"value": 7' in said
    assert "napari-segen: " in said


@pytest.mark.parametrize("kind", ["probabilistic", "cnn", "generator"])
def test_parameters_are_listed_with_defaults_and_limits(kind, capsys):
    assert main(["train", kind, "--list-params"]) == 0
    said = capsys.readouterr().out
    assert "there are: " in said
    known = {"probabilistic": "forest=", "generator": "learning_rate="}
    assert known.get(kind, "") in said
    assert ("rotation=" in said) == (kind == "cnn")
    assert " from " in said


def test_help_and_errors_need_none_of_the_heavy_packages(folder):
    code = (
        "import sys; from napari_segen.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "main(['info', 'missing.segen'])\n"
        "heavy = {'tensorflow', 'keras', 'napari', 'qtpy', 'sklearn', 'numba'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# ---- what goes wrong


def test_a_missing_image_is_named(folder, capsys):
    files = ["--image", "nowhere.tif", "--labels", "strokes.tif", "--model", "m.segen"]
    assert fails(capsys, ["train", "probabilistic", *files], "nowhere.tif", "no such")


def test_train_needs_images_labels_and_a_place_for_the_model(folder, capsys):
    assert fails(capsys, ["train", "probabilistic"], "--image and --model")
    files = ["--image", "image.tif", "--model", "m.segen"]
    assert fails(capsys, ["train", "probabilistic", *files], "--labels")
    named = ["train", "probabilistic", *files, "--method"]
    assert fails(capsys, [*named, "bayes"], "--labels")
    labels = ["--labels", "strokes.tif"]
    assert fails(capsys, [*named, "mixture", *labels], "takes no scribbles")


def test_strokes_of_another_shape(folder, capsys):
    write_tiff("strokes.tif", np.ones((4, 5), np.uint8))
    files = ["--image", "image.tif", "--labels", "strokes.tif", "--model", "m.segen"]
    argv = ["train", "probabilistic", *files]
    assert fails(capsys, argv, "scribbles must have shape (48, 56)")
    assert not (folder / "m.segen").exists()


def test_an_unknown_parameter_lists_the_known_ones(folder, capsys):
    files = ["--image", "image.tif", "--labels", "strokes.tif", "--model", "m.segen"]
    argv = ["train", "probabilistic", *files, "--params", "speed=3"]
    assert fails(capsys, argv, "speed", "forest")


@pytest.mark.parametrize(
    "option", ["--class-prior cell=0.5", "--params steps", "--time-limit-s soon"]
)
def test_an_option_that_cannot_be_read_is_a_usage_error(folder, capsys, option):
    with pytest.raises(SystemExit) as end:
        train("cnn" if "time" in option else "probabilistic", *option.split())
    assert end.value.code == 2
    assert option.split()[1] in capsys.readouterr().err


def test_a_teacher_needs_unlabelled_pixels(folder, capsys):
    files = ["--image", "image.tif", "--labels", "strokes.tif", "--model", "m.segen"]
    argv = ["train", "cnn", *files, "--teacher"]
    assert fails(capsys, argv, "--teacher", "--unlabelled 0")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--boundary 1", ["--objects"]),
        ("--objects 9", ["[1, 7]", "got 9"]),
        ("--measurements", ["--objects 7"]),
        ("--truth nowhere", ["--truth", "nowhere"]),
    ],
)
def test_options_that_do_not_go_together(model, folder, capsys, options, words):
    argv = ["segment", "--model", "m.segen", "--out", "out", *options.split()]
    assert fails(capsys, [*argv, "image.tif"], *words)
    assert not (folder / "out").exists()


def test_a_list_of_classes_that_is_none(capsys):
    with pytest.raises(SystemExit) as end:
        main(["segment", "--model", "m", "--out", "o", "--objects", "cells", "a.tif"])
    assert end.value.code == 2
    assert "'cells' is no list of class values" in capsys.readouterr().err


def test_only_networks_are_told_to_rescale(model, folder, capsys):
    argv = ["segment", "--model", "m.segen", "--out", "out", "--rescale", "image.tif"]
    assert fails(capsys, argv, "m.segen", "--rescale")
    assert not (folder / "out").exists()


DAMAGE = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "foreign": lambda data: b"\x89PNG\r\n\x1a\n" + data[:100],
    "flipped": lambda data: data[:-400] + bytes([data[-400] ^ 255]) + data[-399:],
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("command", ["info", "segment", "generate"])
def test_a_damaged_model_is_one_line(model, capsys, damage, command):
    model.write_bytes(DAMAGE[damage](model.read_bytes()))
    argv = {
        "info": ["info", "m.segen"],
        "segment": ["segment", "--model", "m.segen", "--out", "out", "image.tif"],
        "generate": [
            *["generate", "--model", "m.segen", "--shape", "9", "9"],
            *["--out", "out"],
        ],
    }[command]
    assert fails(capsys, argv, "m.segen")
    assert not os.path.exists("out")


def test_an_oversized_model_is_refused_unread(folder, capsys, monkeypatch):
    monkeypatch.setattr("napari_segen.core.archive.MAX_ARRAY_BYTES", 10)
    assert train() == 0
    assert fails(capsys, ["info", "m.segen"], "m.segen", "bytes")


def test_a_missing_model_is_named(folder, capsys):
    assert fails(capsys, ["info", "none.segen"], "none.segen", "No such file")


def test_a_segmenter_cannot_generate_nor_a_generator_segment(model, capsys):
    argv = ["generate", "--model", "m.segen", "--shape", "9", "9", "--out", "out"]
    assert fails(capsys, argv, "segmenter")
    assert train("generator", "--method", "transform") == 0
    argv = ["segment", "--model", "m.segen", "--out", "out", "image.tif"]
    assert fails(capsys, argv, "generator")


def test_a_file_in_the_output_folders_place(model, capsys, folder):
    (folder / "out").write_text("mine")
    argv = ["segment", "--model", "m.segen", "--out", "out", "image.tif"]
    assert fails(capsys, argv, "cannot write out")
    assert (folder / "out").read_text() == "mine"


def test_a_folder_for_the_model_that_is_not_there_is_found_out_first(
    folder, capsys, monkeypatch
):
    monkeypatch.setattr(
        ns.ProbabilisticSegmenter, "fit_steps", lambda *_, **__: pytest.fail("worked")
    )
    files = ["--image", "image.tif", "--labels", "strokes.tif"]
    argv = ["train", "probabilistic", *files, "--model", "no/where/m.segen"]
    assert fails(capsys, argv, "cannot write", "where")


def test_a_folder_in_the_models_place_is_found_out_first(folder, capsys, monkeypatch):
    def too_late(*_args, **_kwargs):
        pytest.fail("the work began")

    monkeypatch.setattr(ns.ProbabilisticSegmenter, "fit_steps", too_late)
    (folder / "taken").mkdir()
    files = ["--image", "image.tif", "--labels", "strokes.tif", "--model", "taken"]
    assert fails(capsys, ["train", "probabilistic", *files], "taken", "is a folder")


@pytest.mark.parametrize("command", ["train", "segment"])
def test_a_full_disk_keeps_the_old_file_and_leaves_no_half_one(
    model, folder, capsys, monkeypatch, command
):
    argv = {
        "train": ["train", "probabilistic", "--image", "image.tif", "--labels",
                  "strokes.tif", "--model", "m.segen"],
        "segment": ["segment", "--model", "m.segen", "--out", "out", "image.tif"],
    }[command]  # fmt: skip
    before = model.read_bytes()

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert fails(capsys, argv, "cannot write", "No space left on device")
    assert model.read_bytes() == before
    here = {p.name for p in folder.iterdir()}
    assert here - {"out"} == {"image.tif", "strokes.tif", "m.segen"}
    assert not (folder / "out").exists() or not os.listdir("out")


def test_two_inputs_of_one_name_are_not_mixed_up(model, folder, capsys):
    (folder / "other").mkdir()
    write_tiff("other/image.tif", np.zeros((9, 9), np.uint8))
    argv = ["segment", "--model", "m.segen", "--out", "out", "image.tif"]
    assert fails(capsys, [*argv, "other/image.tif"], "same output name")


def test_an_input_is_never_overwritten(model, folder, capsys):
    before = (folder / "image.tif").read_bytes()
    (folder / "image_labels.tif").write_bytes(before)
    argv = ["segment", "--model", "m.segen", "--out", ".", "image.tif"]
    assert fails(capsys, [*argv, "image_labels.tif"], "overwrite an input")
    assert (folder / "image_labels.tif").read_bytes() == before


def test_doubtful_data_is_one_warning_line(folder, capsys, recwarn):
    write_tiff("image.tif", np.zeros((48, 56), np.uint8))
    code = (
        "import sys; from napari_segen.cli import main; sys.exit(main("
        "['train', 'probabilistic', '--image', 'image.tif', '--labels',"
        "'strokes.tif', '--model', 'm.segen']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    lines = [x for x in done.stderr.splitlines() if "warning" in x]
    assert len(lines) == 1
    assert lines[0].startswith("napari-segen: warning: image 0 is constant")


def test_an_interrupt_ends_with_130(folder, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(ns.ProbabilisticSegmenter, "fit_steps", interrupted)
    assert train() == 130
    assert "interrupted" in capsys.readouterr().err


def test_no_subcommand_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2


# ---- with Keras


@pytest.mark.keras
def test_a_cnn_from_strokes_is_trained_and_applied(folder, capsys):
    tiny = "--unlabelled 0 --max-steps 2 --patch-px 32 --batch-size 2"
    assert train("cnn", *tiny.split()) == 0
    assert "the pixel classifier from the same labels has" in capsys.readouterr().out
    argv = ["segment", "--model", "m.segen", "--out", "out", "image.tif"]
    assert main(argv) == 0
    labels = read_image("out/image_labels.tif").array
    assert labels.shape == (48, 56)
    assert set(np.unique(labels)) <= {1, 7}
    assert main(["info", "m.segen"]) == 0
    assert "kind: cnn" in capsys.readouterr().out


@pytest.mark.keras
def test_a_network_goes_on_with_a_teacher_and_other_settings(folder, capsys):
    tiny = "--unlabelled 0 --max-steps 2 --patch-px 32 --batch-size 2 --params depth=1"
    assert train("cnn", *tiny.split()) == 0
    more = "--init-from m.segen --teacher --teacher-weight 0.5 --decay cosine --flips"
    rest = "--augment rotation=10 noise=0 --loss dice --precision float32"
    assert train("cnn", *tiny.split(), *more.split(), *rest.split()) == 0
    found = ns.load("m.segen")
    assert (found.training.loss, found.training.decay) == ("dice", "cosine")
    capsys.readouterr()
    assert main(["info", "m.segen"]) == 0
    said = capsys.readouterr().out
    for word in ("precision: float32", "temperature: ", "held_out:", "unit: strokes"):
        assert word in said


@pytest.mark.keras
def test_images_of_another_pixel_size_are_named(folder, capsys):
    image, strokes = read_image("image.tif").array, read_image("strokes.tif").array
    for name, size in (("fine", 0.1), ("coarse", 0.4)):
        spec = ns.ImageSpec("yx", (size, size), "um")
        write_tiff(f"{name}.tif", image, spec)
        write_tiff(f"{name}_strokes.tif", strokes)
    files = ["--image", "fine.tif", "coarse.tif", "--model", "m.segen"]
    files += ["--labels", *(f.replace(".", "_strokes.") for f in files[1:3])]
    tiny = "--unlabelled 0 --max-steps 1 --patch-px 32 --batch-size 2 --params depth=1"
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["train", "cnn", *files, *tiny.split()]) == 0
    said = capsys.readouterr().err
    assert "coarse.tif has pixels of 0.4 x 0.4 um, but fine.tif of 0.1 x 0.1 um" in said
    argv = ["segment", "--model", "m.segen", "--out", "out", "--rescale", "coarse.tif"]
    assert main(argv) == 0
    labels = read_image("out/coarse_labels.tif").array
    assert labels.shape == (48, 56)
    assert set(np.unique(labels)) <= {1, 7}


@pytest.mark.keras
def test_a_decoder_is_trained_and_makes_images(folder):
    tiny = "--max-steps 2 --params patch_px=32 batch_size=2 width=8"
    assert train("generator", "--method", "decoder", *tiny.split()) == 0
    argv = ["generate", "--model", "m.segen", "--shape", "40", "24", "--out", "a"]
    assert main(argv) == 0
    assert read_image("a/image_000.tif").array.shape == (40, 24)
    assert read_image("a/image_000.tif").array.dtype == np.uint8


@pytest.mark.keras
def test_the_headless_demo_writes_all_three_results(folder, monkeypatch, capsys):
    monkeypatch.setattr("napari_segen.workflows.demo.CNN_SECONDS", 0.5)
    monkeypatch.setattr("napari_segen.workflows.demo.GENERATOR_SECONDS", 0.5)
    assert main(["demo", "--headless", "--out", "d"]) == 0
    said = capsys.readouterr().out
    assert str(folder / "d") in said
    found = set(os.listdir("d"))
    models = {"probabilistic.segen", "cnn.segen", "transform.segen", "flow.segen"}
    assert models | {"labels.tif", "posterior.tif", "uncertainty.tif"} <= found
    assert {"cnn_labels.tif", "transform_image.tif", "flow_image.tif"} <= found
    metrics = json.loads((folder / "d" / "metrics.json").read_text())
    assert metrics["probabilistic"]["check_accuracy"] > 0.95
    assert 0 <= metrics["cnn"]["check_mean_iou"] <= 1
    assert metrics["cnn"]["comparison"]["n_held"] > 0
    assert f"cnn: {metrics['cnn']['comparison']['sentence']}" in said
    with Image.open("d/figure.png") as figure:
        assert min(figure.size) > 1000


def test_the_demo_does_without_tensorflow_what_it_can(folder, monkeypatch, capsys):
    def missing():
        raise MissingBackend("install tensorflow")

    monkeypatch.setattr("napari_segen.workflows.demo.start_tensorflow", missing)
    assert main(["demo", "--headless", "--out", "d"]) == 0
    assert "Left out: install tensorflow" in capsys.readouterr().err
    found = set(os.listdir("d"))
    assert {"labels.tif", "transform_image.tif", "figure.png"} <= found
    assert "cnn_labels.tif" not in found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's variables")
def test_without_a_display_the_demo_says_why_it_opens_no_window(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "DISPLAY" in why_headless()
    monkeypatch.setenv("DISPLAY", ":0")
    assert why_headless() is None
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert "napari[all]" in why_headless()
