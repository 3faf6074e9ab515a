"""The import arrows of the package: who may know whom."""

import ast
from pathlib import Path

import pytest

import napari_segen

PACKAGE = Path(napari_segen.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
NAME = "napari_segen"

# What each room may import of the package, besides itself.
BELOW = {
    "core": set(),
    "features": {"core"},
    "probabilistic": {"features", "core"},
    "cnn": {"objects", "features", "core"},
    "objects": {"features", "core"},
    "generation": {"cnn", "features", "core"},
}
METHODS = {"probabilistic", "cnn", "generation", "objects"} | {"features", "core"}
BELOW |= {"sample_data": METHODS, "scale": METHODS | {"workflows"}}
BELOW |= {"workflows": METHODS | {"sample_data"}}
BELOW |= {"widgets": METHODS | {"workflows", "scale", "sample_data"}}
BELOW |= {"cli": METHODS | {"workflows", "scale", "sample_data", "widgets"}}
BELOW |= {"__init__": METHODS | {"workflows", "scale"}}

WINDOW = {"napari", "magicgui", "qtpy", "PyQt5", "PyQt6", "PySide6", "superqt", "vispy"}
KERAS = {"keras", "tensorflow"}
SLOW = {"numba", "sklearn", "skimage", "dask", "pandas", "matplotlib", "distributed"}


def room_of(module):
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module):
    """Yield the dotted name of each import, and whether it runs with the module."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    late = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test))
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        at_once = id(node) not in late
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            base = node.module
            own = base.split(".")[0] == NAME and base.count(".") == 0
            yield from (
                (f"{base}.{a.name}" if own else base, at_once) for a in node.names
            )
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            text = node.args[0]
            if isinstance(text, ast.Constant):
                yield text.value, at_once


def each(modules=MODULES):
    return pytest.mark.parametrize(
        "module", modules, ids=[str(m.relative_to(PACKAGE)) for m in modules]
    )


@each()
def test_arrows_point_downwards(module):
    room = room_of(module)
    for name, _ in imports(module):
        parts = name.split(".")
        if (
            parts[0] == NAME
            and len(parts) > 1
            and parts[1] not in ("__version__", room)
        ):
            assert parts[1] in BELOW[room], f"{room} must not import {name}"


# In scale/, parts and tasks know of no format, and OME-Zarr of no folder.
LEVELS = ("folder", "omezarr")


@each([m for m in MODULES if room_of(m) == "scale"])
def test_arrows_within_scale_point_downwards(module):
    own = module.relative_to(PACKAGE / "scale").parts[0]
    above = LEVELS[: LEVELS.index(own)] if own in LEVELS else LEVELS
    for name, _ in imports(module):
        if name.startswith(f"{NAME}.scale."):
            assert name.split(".")[2] not in above, name


@each()
def test_only_widgets_know_the_window(module):
    if room_of(module) != "widgets":
        for name, at_once in imports(module):
            allowed = room_of(module) == "cli" and not at_once
            assert name.split(".")[0] not in WINDOW or allowed, name


@each()
def test_only_the_backend_knows_keras_and_imports_it_late(module):
    is_backend = module == PACKAGE / "cnn" / "backend.py"
    for name, at_once in imports(module):
        if name.split(".")[0] in KERAS:
            assert is_backend, f"{name} outside cnn/backend.py"
            assert not at_once, f"{name} is imported with the module"


MAY_BE_SLOW = ("features", "workflows")


@each([m for m in MODULES if room_of(m) not in MAY_BE_SLOW and m.stem != "compiled"])
def test_slow_packages_are_imported_where_they_are_used(module):
    slow = {n for n, at_once in imports(module) if at_once and n.split(".")[0] in SLOW}
    assert not slow


@each()
def test_core_needs_numpy_and_scipy_only(module):
    if room_of(module) == "core":
        import sys

        allowed = {"numpy", "scipy", NAME} | set(sys.stdlib_module_names)
        assert {n.split(".")[0] for n, _ in imports(module)} <= allowed


@each()
def test_modules_are_short_and_none_is_called_utils(module):
    # 300 lines are the aim.
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 350
    assert "util" not in module.stem


def test_every_room_has_its_arrows():
    assert {room_of(m) for m in MODULES} <= set(BELOW)
