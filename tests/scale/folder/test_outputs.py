import json

import pytest

from napari_segen.core.imagespec import ImageSpec
from napari_segen.scale.folder.outputs import (
    Results,
    State,
    drop_leftovers,
    made_by,
)

MADE = made_by("model", "image", {"classes": (1, 2)})
RECORD = {
    "made_by": MADE,
    "spec": ImageSpec("yx").as_json(),
    "row": {"flag": ""},
}
WANTED = ["labels", "posterior"]


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path, "ä b")


def written(results, wanted=WANTED):
    results.begin(RECORD)
    for what in wanted:
        results.path(what).write_bytes(what.encode())
    results.finish(RECORD, wanted)


def test_from_nothing_to_complete(results):
    assert results.state(WANTED, MADE) is State.NEW
    results.begin(RECORD)
    assert results.state(WANTED, MADE) is State.UNFINISHED
    results.path("labels").write_bytes(b"half")
    assert results.state(WANTED, MADE) is State.UNFINISHED
    written(results)
    assert results.state(WANTED, MADE) is State.COMPLETE


@pytest.mark.parametrize(
    "other",
    [
        made_by("other", "image", {"classes": (1, 2)}),
        made_by("model", "other", {"classes": (1, 2)}),
        made_by("model", "image", {"classes": (1, 3)}),
        {**MADE, "napari-segen": "0.0.1"},
    ],
)
def test_another_model_image_setting_or_version_is_another_result(results, other):
    written(results)
    assert results.state(WANTED, other) is State.FOREIGN


def test_what_was_edited_is_the_users_and_what_is_gone_is_made_again(results):
    written(results)
    results.path("posterior").unlink()
    assert results.state(WANTED, MADE) is State.UNFINISHED
    results.path("labels").write_bytes(b"edited")
    assert results.state(WANTED, MADE) is State.FOREIGN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "[" * 10**5,
        json.dumps(RECORD),
        json.dumps(RECORD | {"outputs": 3}),
        json.dumps(RECORD | {"outputs": {}, "spec": {"axes": "q"}}),
        json.dumps(RECORD | {"outputs": {}, "row": []}),
    ],
)
def test_a_file_without_a_record_that_can_be_read_is_foreign(results, text):
    results.path("labels").write_bytes(b"mine")
    assert results.state(WANTED, MADE) is State.FOREIGN
    results.record_path.write_text(text)
    assert results.record() is None
    assert results.state(WANTED, MADE) is State.FOREIGN


def test_results_of_earlier_work_that_are_not_made_again_go(results):
    written(results, ["labels", "posterior", "objects"])
    record = json.loads(results.record_path.read_bytes())
    record["outputs"]["../other"] = "0"
    results.record_path.write_text(json.dumps(record))
    written(results, ["labels"])
    assert not results.path("posterior").exists()
    assert not results.path("objects").exists()
    assert results.state(["labels"], MADE) is State.COMPLETE


def test_only_passing_files_of_these_results_are_removed(results, tmp_path):
    written(results)
    ours, theirs = ".ä b_labels.tif.x8_1k", [".c_labels.tif.x8_1k", ".hidden"]
    for name in (ours, *theirs):
        (tmp_path / name).touch()
    drop_leftovers(tmp_path, ["ä b"])
    left = {p.name for p in tmp_path.iterdir()}
    assert ours not in left
    assert set(theirs) < left
    assert results.state(WANTED, MADE) is State.COMPLETE
