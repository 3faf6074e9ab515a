import os
import sys
import unicodedata
from pathlib import Path

import pytest

from napari_segen.scale.folder.inputs import (
    Input,
    check_names,
    list_inputs,
    stem_of,
    truth_of,
)

ENDS = ["_labels.tif", "_record.json"]
links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.tif", "in/b.png", "in/c.jpg", "in/notes.txt", "other/a.tif"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(name.encode())
    return tmp_path


def names(*given):
    return [i.path.name for i in list_inputs([Path(g) for g in given])]


def check(inputs, out="out", given=()):
    check_names(list(map(Input, map(Path, inputs))), given, Path(out), ENDS)


def test_files_folders_and_patterns(here):
    assert names("in") == ["a.tif", "b.png", "c.jpg"]
    assert names("in/*.tif", "other") == ["a.tif", "a.tif"]
    assert names("**/a.*") == ["a.tif", "a.tif"]
    assert names("in/[!a]*") == ["b.png", "c.jpg"]


def test_a_file_with_signs_of_a_pattern_in_its_name_is_a_file(here):
    Path("in/x[1]*.tif").touch()
    assert names("in/x[1]*.tif") == ["x[1]*.tif"]


def test_what_is_given_twice_is_one_image(here):
    assert names("in", "in/a.tif", str(here / "in" / "a.tif"), "in/*.png") == [
        "a.tif",
        "b.png",
        "c.jpg",
    ]


def test_a_pattern_like_nothing_and_a_missing_file(here):
    with pytest.raises(
        ValueError, match=r"no TIFF, PNG, JPEG or OME-Zarr image is like in/\*\.x"
    ):
        names("in/*.x")
    with pytest.raises(OSError, match="no such file"):
        names("in/z.tif")


@links
def test_links_that_leave_the_folder_are_not_followed(here):
    os.symlink(here / "other" / "a.tif", "in/out.tif")
    os.symlink("a.tif", "in/inside.tif")
    os.symlink("nowhere.tif", "in/gone.tif")
    os.symlink("round.tif", "in/round.tif")
    problems = {i.path.name: i.problem for i in list_inputs([Path("in")])}
    assert "outside of in" in problems.pop("out.tif")
    for name in ("gone.tif", "round.tif"):
        assert "nothing is" in problems.pop(name)
    assert set(problems.values()) == {""}
    # By its name it is followed, and a link to the folder itself leads nowhere else.
    assert list_inputs([Path("in/out.tif")])[0].problem == ""
    os.symlink("in", "linked")
    assert list_inputs([Path("linked")])[0].problem == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("in/a.tif", "other/a.tif"),
        ("in/a.tif", "in/a.png"),
        ("in/a.tif", "in/A.png"),
        ("in/a.tif", "in/a.ome.tif"),
        ("in/\u00e9.tif", f"in/{unicodedata.normalize('NFD', chr(0xE9))}.png"),
    ],
)
def test_two_inputs_of_one_stem(one, other):
    with pytest.raises(ValueError, match="same output name"):
        check([one, other])


def test_a_result_over_an_input(here):
    check(["in/a.tif", "in/a_labels.tif"])
    with pytest.raises(ValueError, match="would overwrite an input"):
        check(["in/a.tif", "in/a_labels.tif"], out="in")


def test_the_folder_of_inputs_takes_no_results(here):
    with pytest.raises(ValueError, match="is a folder of inputs"):
        check(["in/a.tif"], out="other/../in", given=[Path("in")])


def test_ome_tif_is_one_ending():
    assert stem_of(Path("x/a.b.ome.tif")) == "a.b"
    assert stem_of(Path(".ome.tif")) == ".ome"


def test_truth_has_the_stem_of_its_image(here):
    images = [Input(Path("in/a.tif")), Input(Path("in/b.png"))]
    assert truth_of(images, Path("other")) == {"a": Path("other/a.tif")}
    Path("other/a.png").touch()
    with pytest.raises(ValueError, match="could both be the truth of 'a'"):
        truth_of(images, Path("other"))
    with pytest.raises(ValueError, match="no file that is named like"):
        truth_of(images[1:], Path("other"))
    with pytest.raises(ValueError, match="must be a folder"):
        truth_of(images, Path("in/a.tif"))
