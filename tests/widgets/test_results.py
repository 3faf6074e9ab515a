"""Result layers in a viewer's model, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from numpy.testing import assert_array_equal

from napari_segen.widgets.layers import Source
from napari_segen.widgets.results import (
    MARK,
    Result,
    Results,
    insert_unchosen,
    ready,
)

SHAPE = (8, 9)


def put_all(results, *args):
    """Show everything at once, without an event loop."""
    putting = results.putting(*args)
    while True:
        try:
            next(putting)
        except StopIteration as end:
            return end.value


class Bench:
    """A viewer with one image, and what writes results for it."""

    def __init__(self):
        self.viewer = ViewerModel()
        self.image = self.viewer.add_image(np.zeros(SHAPE), name="cells", scale=(2, 3))
        self.results = Results(self.viewer)

    def begin(self):
        source = Source.of(self.image, "yx")
        return source, self.results.earlier(source)

    def end(self, source, earlier, value, layer_class=Labels, **attributes):
        data = np.full(SHAPE, value, np.uint8)
        result = Result(
            "classes", layer_class, data, source.label_placement, "", attributes
        )
        layers, said = put_all(self.results, source, ready([result], earlier), earlier)
        return layers[0], said

    def run(self, value, **more):
        return self.end(*self.begin(), value, **more)


@pytest.fixture
def bench():
    return Bench()


def test_a_result_is_named_and_placed_like_its_source(bench):
    layer, _ = bench.run(1)
    assert layer.name == "cells classes"
    assert_array_equal(layer.scale, (2, 3))


def test_a_second_run_updates_the_layer(bench):
    first, _ = bench.run(1)
    second, said = bench.run(2)
    assert second is first
    assert (second.data == 2).all()
    assert not said


def test_a_layer_that_the_user_edited_stays_and_the_user_is_told(bench):
    first, _ = bench.run(1)
    first.data_setitem((np.array([3]), np.array([4])), 7)
    second, said = bench.run(2)
    assert second is not first
    assert first.data[3, 4] == 7
    assert first.name in said
    third, said = bench.run(3)
    assert third is second
    assert not said


def test_an_edit_while_the_job_runs_is_kept_too(bench):
    first, _ = bench.run(1)
    begun = bench.begin()
    first.data[3, 4] = 7
    second, said = bench.end(*begun, 2)
    assert second is not first
    assert first.data[3, 4] == 7
    assert said


def test_data_exchanged_while_the_job_runs_are_kept(bench):
    first, _ = bench.run(1)
    begun = bench.begin()
    first.data = np.full(SHAPE, 5, np.uint8)
    second, _ = bench.end(*begun, 2)
    assert second is not first
    assert (first.data == 5).all()


def test_a_renamed_result_is_still_updated(bench):
    first, _ = bench.run(1)
    first.name = "my nuclei"
    second, _ = bench.run(2)
    assert second is first


def test_a_removed_result_comes_back(bench):
    first, _ = bench.run(1)
    bench.viewer.layers.remove(first)
    second, _ = bench.run(2)
    assert second in bench.viewer.layers


def test_a_source_removed_while_the_job_runs_leaves_its_name_and_place(bench):
    begun = bench.begin()
    bench.viewer.layers.remove(bench.image)
    layer, _ = bench.end(*begun, 1)
    assert layer.name == "cells classes"
    assert_array_equal(layer.scale, (2, 3))


def test_a_source_renamed_while_the_job_runs_gives_its_new_name(bench):
    begun = bench.begin()
    bench.image.name = "embryo"
    layer, _ = bench.end(*begun, 1)
    assert layer.name == "embryo classes"


def test_a_moved_source_moves_its_result(bench):
    bench.run(1)
    bench.image.translate = (10, 20)
    layer, _ = bench.run(2)
    assert_array_equal(layer.translate, (10, 20))


def test_each_image_has_its_own_result(bench):
    first, _ = bench.run(1)
    bench.image = bench.viewer.add_image(np.zeros(SHAPE), name="others")
    second, _ = bench.run(2)
    assert second is not first
    assert (first.data == 1).all()


def test_a_layer_of_the_user_with_the_same_name_is_left_alone(bench):
    own = bench.viewer.add_labels(np.zeros(SHAPE, int), name="cells classes")
    layer, _ = bench.run(1)
    assert layer is not own
    assert not own.data.any()


def test_a_new_dock_goes_on_with_the_layers_of_the_last(bench):
    first, _ = bench.run(1)
    bench.results = Results(bench.viewer)
    second, _ = bench.run(2)
    assert second is first


def test_the_provenance_is_in_the_metadata(bench):
    layer, _ = bench.run(1)
    assert layer.metadata[MARK]["source"] == "cells"
    assert set(layer.metadata[MARK]) == {"role", "source", "digest", "provenance"}


def test_results_lie_over_their_image_and_under_the_strokes(bench):
    strokes = bench.viewer.add_labels(np.zeros(SHAPE, int), name="strokes")
    bench.viewer.layers.selection.active = strokes
    layer, _ = bench.run(1)
    assert list(bench.viewer.layers) == [bench.image, layer, strokes]
    assert bench.viewer.layers.selection.active is strokes


def test_another_kind_of_result_gets_its_own_layer(bench):
    bench.run(1)
    layer, _ = bench.run(2, layer_class=Image, contrast_limits=(0, 3))
    assert isinstance(layer, Image)


def test_images_made_later_lie_under_the_labels(bench):
    classes, _ = bench.run(1)
    source, earlier = bench.begin()
    image = Result("uncertainty", Image, np.zeros(SHAPE), source.label_placement)
    layers, _ = put_all(bench.results, source, ready([image], earlier), earlier)
    assert list(bench.viewer.layers) == [bench.image, layers[0], classes]


def test_an_inserted_layer_leaves_the_brush_in_hand(bench):
    layers = bench.viewer.layers
    strokes = bench.viewer.add_labels(np.zeros(SHAPE, np.uint8))
    layers.selection.active = strokes
    insert_unchosen(layers, 1, Labels(np.ones(SHAPE, np.uint8), name="new"))
    assert [layer.name for layer in layers][1] == "new"
    assert layers.selection.active is strokes
