"""Adding to the strokes of a loaded model, in a real viewer."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.widgets.live.test_live import Live
from tests.widgets.test_docks import PROBABILISTIC, finish, open_dock, two_halves

import napari_segen as ns
from napari_segen.core.labels import ClassInfo
from napari_segen.widgets.results import MARK

pytestmark = pytest.mark.viewer


@pytest.fixture
def earlier(tmp_path):
    """A model of a mirrored image, with a name for a class; and its file."""
    image, strokes = two_halves()
    model = ns.ProbabilisticSegmenter().fit(image[:, ::-1], strokes[:, ::-1])
    model.class_info_ = {1: ClassInfo("ground", "")}
    path = tmp_path / "earlier.segen"
    model.save(path)
    return model, path


@pytest.fixture
def live(viewer, qtbot):
    """A dock over an image on which class 2 alone is painted."""
    strokes = two_halves()[1]
    return Live(viewer, qtbot, strokes=np.where(strokes == 2, 2, 0).astype(np.uint8))


def load(dock, path, qtbot):
    dock.load_model(path)
    finish(dock, qtbot)


def test_the_box_says_why_it_cannot_be_ticked(viewer, qtbot, tmp_path, earlier):
    dock = open_dock(viewer, PROBABILISTIC)
    box = dock._earlier.box
    assert not box.isEnabled()
    assert "Load… a model" in box.toolTip()
    earlier[0].save(tmp_path / "without.segen", keep_strokes=False)
    load(dock, tmp_path / "without.segen", qtbot)
    assert not box.isEnabled()
    assert "holds no strokes" in box.toolTip()
    assert "paint on" not in dock.message
    load(dock, earlier[1], qtbot)
    assert box.isEnabled()
    assert dock.message.endswith("and paint on.")
    assert "4 strokes on 1 plane" in box.toolTip()
    assert not box.isChecked()
    dock._method.choice.value = "mixture"
    assert not box.isEnabled()
    assert "takes no strokes" in box.toolTip()


def test_run_adds_to_the_loaded_strokes_if_it_is_ticked(live, qtbot, earlier):
    model, path = earlier
    load(live.dock, path, qtbot)
    live.dock.run()
    finish(live.dock, qtbot)
    assert "at least two classes" in live.dock.message
    live.dock._earlier.box.setChecked(True)
    wanted = ns.ProbabilisticSegmenter().fit(
        live.image.data, live.strokes.data, init_from=model
    )
    for _ in range(2):  # what is run again is not added once more
        assert_array_equal(live.result(), wanted.predict(live.image.data))
        assert "Learnt from 6 strokes on 2 planes" in live.dock.message
    assert live.dock.model.class_info_[1].name == "ground"
    result = live.viewer.layers["cells classes"]
    script = result.metadata[MARK]["provenance"]["script"]
    assert "init_from=earlier" in script


def test_live_adds_to_them_as_well(live, qtbot, earlier):
    load(live.dock, earlier[1], qtbot)
    live.switch()
    assert "only class 2" in live.bar.text
    live.dock._earlier.box.setChecked(True)
    live.wait()
    assert_array_equal(live.seen, live.result())


def test_a_loaded_model_that_looks_at_images_in_another_way_is_told(
    live, qtbot, earlier
):
    load(live.dock, earlier[1], qtbot)
    live.dock._earlier.box.setChecked(True)
    live.dock._normalization.value = "none"
    live.dock.run()
    finish(live.dock, qtbot)
    assert "the earlier model, has normalization 'auto', not 'none'" in (
        live.dock.message
    )
