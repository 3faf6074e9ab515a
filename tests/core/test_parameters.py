from dataclasses import FrozenInstanceError, dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_segen.core.parameters import (
    as_json,
    check_params,
    choice,
    describe,
    flag,
    make_params,
    span,
)


@dataclass(frozen=True, slots=True)
class Brewing:
    """How tea is made."""

    minutes: float = field(default=3.0, metadata=span(0.5, 10.0, "Longer is stronger."))
    cups: int = field(default=2, metadata=span(1, 8, "How many."))
    leaf: str = field(default="green", metadata=choice(("green", "black"), "Kind."))
    milk: bool = field(default=False, metadata=flag("With milk."))
    water_ml: int | None = field(default=None, metadata=span(50, 500, "Empty: any."))
    doses: tuple[float, ...] = field(
        default=(1.0, 2.0), metadata=span(0.0, 5.0, "Spoons per cup.")
    )

    def __post_init__(self) -> None:
        check_params(self)


def test_a_form_can_be_made_from_the_description():
    by_name = {p.name: p for p in describe(Brewing)}
    assert list(by_name) == ["minutes", "cups", "leaf", "milk", "water_ml", "doses"]
    assert (by_name["cups"].low, by_name["cups"].high) == (1, 8)
    assert by_name["cups"].annotation is int
    assert by_name["leaf"].options == ("green", "black")
    assert by_name["doses"].default == (1.0, 2.0)
    assert all(p.help for p in by_name.values())


@given(
    st.builds(
        Brewing,
        st.floats(0.5, 10),
        st.integers(1, 8),
        st.sampled_from(["green", "black"]),
        st.booleans(),
        st.none() | st.integers(50, 500),
        st.lists(st.floats(0, 5), min_size=1).map(tuple),
    )
)
def test_json_and_back_is_the_identity(params):
    assert make_params(Brewing, as_json(params)) == params


@pytest.mark.parametrize(
    ("given_values", "error", "message"),
    [
        ({"minutes": 0.4}, ValueError, "minutes must be from 0.5 to 10"),
        ({"minutes": float("nan")}, ValueError, "minutes must be from"),
        ({"minutes": "3"}, TypeError, "minutes must be a number"),
        ({"minutes": None}, TypeError, "minutes must be a number"),
        ({"cups": True}, TypeError, "cups must be a whole number"),
        ({"cups": 2.5}, TypeError, "cups must be a whole number"),
        ({"leaf": "red"}, ValueError, "leaf must be one of green, black"),
        ({"leaf": []}, TypeError, "leaf must be a string"),
        ({"milk": "no"}, TypeError, "milk must be True or False"),
        ({"milk": 1}, TypeError, "milk must be True or False"),
        ({"water_ml": 2.5}, TypeError, "water_ml must be a whole number"),
        ({"water_ml": 5}, ValueError, "water_ml must be from 50 to 500"),
        ({"doses": ()}, ValueError, "doses must not be empty"),
        ({"doses": (1.0, 9.0)}, ValueError, "doses must be from 0 to 5"),
        ({"doses": 1.0}, TypeError, "doses must be a tuple"),
        ({"minutes": (1.0, 2.0)}, TypeError, "minutes must be a number"),
        ({"sugar": 1}, ValueError, "params has no sugar. Known: minutes, cups"),
        (7, TypeError, "params must be Brewing or a mapping"),
    ],
)
def test_bad_parameters_are_named(given_values, error, message):
    with pytest.raises(error, match=message):
        make_params(Brewing, given_values)


def test_none_means_the_defaults():
    assert make_params(Brewing, None) == Brewing()


def test_parameters_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Brewing().cups = 3
