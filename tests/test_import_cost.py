"""Importing the package, or opening a dock, must not wait for what it may not need."""

import json
import subprocess
import sys

import pytest

DOCKS = ["probabilistic", "cnn", "generator", "objects", "compare", "folder"]
HEAVY = ["keras", "tensorflow", "numba", "sklearn", "dask"]


def loaded_after(statement):
    """Names of the packages in memory after `statement` in a fresh interpreter."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def import_seconds():
    code = (
        "from time import process_time as t; a = t(); import napari_segen; print(t()-a)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def test_importing_the_package_takes_less_than_300_ms():
    # Time of the processor, so that other processes count little; they still slow each
    # other down, but hardly every time.
    assert any(import_seconds() < 0.3 for _ in range(9))


def test_importing_the_package_imports_nothing_heavy():
    heavy = {*HEAVY, "napari", "qtpy", "magicgui", "scipy", "skimage", "matplotlib"}
    assert not loaded_after("import napari_segen") & heavy


@pytest.fixture(scope="module")
def with_napari():
    return loaded_after("import napari.layers, napari.viewer, napari.qt, magicgui")


@pytest.mark.parametrize("dock", DOCKS)
def test_opening_a_dock_imports_nothing_heavy(dock, with_napari):
    # napari itself brings Numba and Dask.
    added = loaded_after(f"import napari_segen.widgets.{dock}.dock") - with_napari
    assert not added & {*HEAVY, "matplotlib", "pandas"}


def test_the_help_of_the_command_line_imports_nothing_heavy():
    statement = (
        "from napari_segen.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass"
    )
    assert not loaded_after(statement) & {*HEAVY, "napari", "qtpy", "skimage"}
