import sys

import pytest

from napari_segen.core.registry import Registry


def test_names_come_in_the_given_order():
    registry = Registry("number", {"b": "decimal:Decimal", "a": "fractions:Fraction"})
    assert list(registry) == ["b", "a"]
    assert len(registry) == 2


def test_a_method_is_imported_when_it_is_asked_for():
    registry = Registry("game", {"life": "this_module_is_not_there:Life"})
    assert "life" in registry
    with pytest.raises(ModuleNotFoundError):
        registry.get("life")
    sys.modules.pop("colorsys", None)
    colours = Registry("colour", {"hls": "colorsys:rgb_to_hls"})
    assert "colorsys" not in sys.modules
    assert colours.get("hls").__name__ == "rgb_to_hls"


@pytest.mark.parametrize("name", ["forst", "", None, ["a"]])
def test_an_unknown_name_lists_the_known_ones(name):
    registry = Registry("classifier", {"forest": "a:B", "bayes": "c:D"})
    with pytest.raises(ValueError, match=r"classifier .* Choose one of: forest, bayes"):
        registry.get(name)
