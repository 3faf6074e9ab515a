"""The parsed manifest: a misspelt key does nothing, so each entry is asserted."""

from importlib import import_module

import pytest
from npe2 import PluginManifest

DOCKS = {
    "napari-segen.probabilistic": "Probabilistic segmentation",
    "napari-segen.cnn": "CNN segmentation",
    "napari-segen.generator": "Image generator",
    "napari-segen.objects": "Objects",
    "napari-segen.compare": "Compare labels",
    "napari-segen.folder": "Apply to folder",
}


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_distribution("napari-segen")


def commands_in(manifest, menu):
    return [item.command for item in manifest.contributions.menus[menu]]


def test_the_docks_are_widgets(manifest):
    found = {w.command: w.display_name for w in manifest.contributions.widgets}
    assert found == DOCKS


def test_the_docks_are_in_the_menus_where_one_looks_for_them(manifest):
    segment = commands_in(manifest, "napari/layers/segment")
    assert segment == [
        "napari-segen.probabilistic",
        "napari-segen.cnn",
        "napari-segen.objects",
        "napari-segen.folder",
    ]
    classify = commands_in(manifest, "napari/layers/classify")
    assert classify == ["napari-segen.probabilistic"]
    measure = commands_in(manifest, "napari/layers/measure")
    assert measure == ["napari-segen.objects", "napari-segen.compare"]
    new_layer = commands_in(manifest, "napari/file/new_layer")
    assert new_layer == ["napari-segen.generator"]


def test_strokes_have_a_file_of_their_own(manifest):
    (reader,), (writer,) = (
        manifest.contributions.readers,
        manifest.contributions.writers,
    )
    assert reader.command == "napari-segen.read_strokes"
    assert reader.filename_patterns == ["*.strokes"]
    assert writer.command == "napari-segen.write_strokes"
    assert writer.layer_types == ["labels"]
    assert writer.filename_extensions == [".strokes"]


def test_every_menu_is_one_that_napari_has(manifest):
    from napari._app_model.constants import MenuId

    assert set(manifest.contributions.menus) <= MenuId.contributables()


def test_there_is_sample_data(manifest):
    samples = manifest.contributions.sample_data
    assert samples
    commands = {c.id for c in manifest.contributions.commands}
    assert {s.command for s in samples} <= commands
    assert all(s.display_name for s in samples)


def test_every_drawn_scene_is_a_sample(manifest):
    from napari_segen.generation.shapes.method import SCENES

    keys = {s.key for s in manifest.contributions.sample_data}
    assert {f"synthetic_{scene}" for scene in SCENES} <= keys


def test_every_command_can_be_imported(manifest):
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(import_module(module), name))


def test_every_dock_takes_the_viewer_by_the_name_that_napari_fills(manifest):
    from inspect import signature

    for command in manifest.contributions.commands:
        if command.id in DOCKS:
            module, _, name = command.python_name.partition(":")
            dock = getattr(import_module(module), name)
            assert "napari_viewer" in signature(dock.__init__).parameters


def test_the_categories_are_ours(manifest):
    assert [str(c) for c in manifest.categories] == [
        "Segmentation",
        "Annotation",
        "Simulation",
    ]
