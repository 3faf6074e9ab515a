"""The lists of the documentation are those of the registries."""

import runpy
from pathlib import Path

import pytest

from napari_segen.cnn.registry import NETWORKS
from napari_segen.features.sets import SETS
from napari_segen.generation.registry import GENERATORS
from napari_segen.probabilistic.registry import CLASSIFIERS

DOCS = Path(__file__).parents[1] / "docs"
REGISTRIES = {
    "classifiers": CLASSIFIERS,
    "networks": NETWORKS,
    "generators": GENERATORS,
    "features": SETS,
}


@pytest.fixture(scope="module")
def lists():
    return runpy.run_path(str(DOCS / "make_lists.py"))


def pages():
    return {p: p.read_text(encoding="utf-8") for p in DOCS.glob("*.md")}


def test_lists_are_those_of_the_registries(lists):
    stale = [p.name for p, page in pages().items() if lists["filled"](page) != page]
    assert not stale, "run: python docs/make_lists.py"


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_list_is_on_one_page_with_every_entry(name):
    mark = f"<!-- list: {name} -->"
    (page,) = [page for page in pages().values() if mark in page]
    listed = page.split(mark)[1].split("<!-- end -->")[0]
    assert all(f"| `{entry}` |" in listed for entry in REGISTRIES[name])


def test_a_new_method_appears(lists, monkeypatch):
    place = "napari_segen.probabilistic.bayes:BayesClassifier"
    monkeypatch.setitem(CLASSIFIERS._entries, "a_new_one", place)
    page = "a\n<!-- list: classifiers -->\n<!-- end -->\nb\n"
    filled = lists["filled"](page)
    assert "| `a_new_one` |" in filled
    assert filled.startswith("a\n")
    assert filled.endswith("<!-- end -->\nb\n")
    assert lists["filled"](filled) == filled
