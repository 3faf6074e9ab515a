"""Forms made from parameter dataclasses."""

from dataclasses import dataclass, field

import pytest

from napari_segen.cnn.params import TrainingParams
from napari_segen.cnn.registry import NETWORKS
from napari_segen.core.parameters import check_params, describe, span
from napari_segen.generation.registry import GENERATORS
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.widgets.parts.forms import ParamsForm
from napari_segen.widgets.parts.method_form import MethodForm

pytestmark = pytest.mark.usefixtures("qapp")

ALL_PARAMS = [
    registry.get(name).Params
    for registry in (CLASSIFIERS, NETWORKS, GENERATORS)
    for name in registry
] + [TrainingParams]


@dataclass(frozen=True)
class Odd:
    """Fields that no spin box can show."""

    tiny: float = field(default=1.23456789e-7, metadata=span(1e-12, 1e3, "Tiny."))
    sizes: tuple[float, ...] = field(default=(1.0, 2.5), metadata=span(0, 9, "Sizes."))
    limit: int | None = field(default=None, metadata=span(1, 10**12, "Limit."))
    large: int = field(default=5, metadata=span(1, 10**12, "Large."))

    def __post_init__(self):
        check_params(self)


@pytest.mark.parametrize("params_class", ALL_PARAMS, ids=lambda c: c.__name__)
def test_an_untouched_form_gives_the_defaults(params_class):
    assert ParamsForm(params_class).values() == params_class()


@pytest.mark.parametrize("params_class", ALL_PARAMS, ids=lambda c: c.__name__)
def test_every_field_has_a_tooltip(params_class):
    form = ParamsForm(params_class)
    for parameter in describe(params_class):
        assert parameter.help in form[parameter.name].tooltip


@pytest.mark.parametrize("params_class", ALL_PARAMS, ids=lambda c: c.__name__)
def test_an_empty_field_says_what_that_means(params_class):
    form = ParamsForm(params_class)
    for parameter in describe(params_class):
        if parameter.default is None:
            assert form[parameter.name].native.placeholderText() == parameter.empty
            assert parameter.empty


def test_numbers_as_text_are_read_exactly():
    form = ParamsForm(Odd)
    assert form.values() == Odd()
    form["tiny"].value, form["sizes"].value = "3e-9", "4, 5.5 6"
    form["limit"].value, form["large"].value = "7", "1000000000000"
    assert form.values() == Odd(3e-9, (4.0, 5.5, 6.0), 7, 10**12)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tiny", "small", "tiny: “small” is not a number"),
        ("sizes", "1; 2", "is not a list of numbers"),
        ("large", "2.5", "is not a whole number"),
        ("sizes", "", "must not be empty"),
        ("tiny", "1e9", "tiny must be from"),
    ],
)
def test_what_cannot_be_read_is_named(name, text, said):
    form = ParamsForm(Odd)
    form[name].value = text
    with pytest.raises(ValueError, match=said):
        form.values()


def test_parameters_asked_for_elsewhere_are_left_out():
    form = ParamsForm(Odd, without=("tiny",))
    assert set(form.given()) == {"sizes", "limit", "large"}


def test_the_form_follows_the_method_and_keeps_what_was_typed():
    chosen = MethodForm(CLASSIFIERS, "softmax", "How.")
    chosen._forms["softmax"]["steps"].value = 7
    chosen.choice.value = "bayes"
    assert isinstance(chosen.values(), CLASSIFIERS.get("bayes").Params)
    chosen.choice.value = "softmax"
    assert chosen.values().steps == 7
