"""Names and signatures that users' scripts rely on."""

import subprocess
import sys
from inspect import Parameter, isgeneratorfunction, signature

import pytest

import napari_segen as ns

# After "*": by keyword only. A default follows the name.
CONSTRUCTORS = {
    "ImageSpec": ["axes", "pixel_size=None", "unit='pixel'"],
    "ProbabilisticSegmenter": [
        "method='auto'",
        "*",
        "params=None",
        "features='default'",
        "sigmas=None",
        "sigma_unit='pixel'",
        "channels=None",
        "smoothing=1.0",
        "class_prior=None",
        "normalization='auto'",
        "seed=0",
    ],
    "ImageGenerator": [
        "method='flow'",
        "*",
        "params=None",
        "epochs=None",
        "max_steps=None",
        "seed=0",
    ],
    "CnnSegmenter": [
        "network='unet'",
        "*",
        "params=None",
        "loss='cross_entropy'",
        "epochs=None",
        "max_steps=None",
        "time_limit_s=60",
        "validation_split=0.1",
        "learning_rate=0.002",
        "augment=True",
        "normalization='auto'",
        "seed=0",
    ],
}
METHODS = {
    "ProbabilisticSegmenter": {
        "fit": ["image", "scribbles=None", "*", "spec=None", "cache=None"],
        "predict_proba": ["image", "*", "spec=None", "cache=None"],
        "predict": ["image", "*", "spec=None"],
        "uncertainty": ["image", "*", "spec=None"],
        "novelty": ["image", "*", "spec=None", "cache=None"],
        "suggest": [
            "image",
            "n=5",
            "*",
            "spec=None",
            "cache=None",
            "labelled=None",
            "avoid=None",
        ],
        "explain": ["image", "position", "*", "spec=None"],
        "unlike_training": ["image", "*", "spec=None", "cache=None"],
    },
    "CnnSegmenter": {
        "fit": ["images", "labels", "*", "spec=None", "unlabelled=None"],
        "predict_proba": ["image", "*", "spec=None"],
        "predict": ["image", "*", "spec=None"],
    },
    "ImageGenerator": {
        "fit": ["images", "labels=None", "*", "spec=None", "task='classes'"],
        "generate": ["n", "shape", "seed"],
        "generate_pairs": ["n", "shape", "seed"],
        "from_labels": ["labels", "seed"],
        "vary": ["image", "strength", "seed", "labels=None"],
    },
}
FUNCTIONS = {
    "instances": [
        "posterior",
        "*",
        "foreground",
        "boundary=None",
        "method='distance'",
        "min_size=0",
        "spec=None",
    ],
    "measure": ["labels", "image=None", "spec=None"],
}
LONG = [(c, m) for c, methods in METHODS.items() for m in methods]


def spelt(function):
    """Parameters as a caller writes them: name, default, and who is by keyword."""
    words = []
    for p in signature(function).parameters.values():
        if p.name == "self":
            continue
        if p.kind is Parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(p.name if p.default is p.empty else f"{p.name}={p.default!r}")
    return words


def assert_understands(function, promised):
    """Assert that every call that the promise allows is possible."""
    words = spelt(function)
    cut = promised.index("*") if "*" in promised else len(promised)
    assert words[:cut] == promised[:cut]
    assert set(promised) <= set(words)


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_constructors_take_what_is_promised(name):
    assert_understands(getattr(ns, name), CONSTRUCTORS[name])


@pytest.mark.parametrize(("name", "method"), LONG)
def test_methods_take_what_is_promised(name, method):
    assert_understands(getattr(getattr(ns, name), method), METHODS[name][method])


@pytest.mark.parametrize(("name", "method"), LONG)
def test_every_long_call_has_a_twin_of_steps_with_the_same_arguments(name, method):
    model = getattr(ns, name)
    twin = getattr(model, f"{method}_steps")
    assert isgeneratorfunction(twin)
    assert spelt(twin) == spelt(getattr(model, method))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_what_is_promised_and_have_a_twin_of_steps(name):
    function, twin = getattr(ns, name), getattr(ns, f"{name}_steps")
    assert_understands(function, FUNCTIONS[name])
    assert isgeneratorfunction(twin)
    assert spelt(twin) == spelt(function)


@pytest.mark.parametrize("name", ns.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(ns, name).__doc__
    assert name in dir(ns)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Segmenter'"):
        ns.Segmenter  # noqa: B018


def test_python_m_finds_no_surprise_in_a_fresh_process():
    code = "import napari_segen as ns; [getattr(ns, n) for n in ns.__all__]"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
