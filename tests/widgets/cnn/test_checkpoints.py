"""What an interrupted training leaves behind."""

import os
import subprocess
import sys

import pytest

from napari_segen.core.archive import write_archive
from napari_segen.widgets.cnn import checkpoints


def leave(folder, pid, n_steps=7, when=None):
    """Write what a training in process `pid` would."""
    folder.mkdir(exist_ok=True)
    path = folder / f"training-{pid}-1.segen"
    write_archive(path, "cnn", {"n_steps": n_steps}, {})
    if when is not None:
        os.utime(path, (when, when))
    return path


@pytest.fixture
def dead():
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_nothing_is_left_behind_at_first(checkpoint_folder):
    assert checkpoints.left_behind() is None


def test_every_training_has_a_file_of_its_own():
    first, second = checkpoints.new_path(), checkpoints.new_path()
    assert first != second
    assert str(os.getpid()) in first.name


def test_where_nothing_can_be_written_a_training_goes_without(checkpoint_folder):
    checkpoint_folder.write_text("a file where the folder should be")
    assert checkpoints.new_path() is None


def test_a_checkpoint_of_a_dead_process_is_found(checkpoint_folder, dead):
    path = leave(checkpoint_folder, dead)
    found = checkpoints.left_behind()
    assert (found.path, found.n_steps) == (path, 7)
    assert "(7 steps)" in found.title


def test_one_of_a_living_process_is_not(checkpoint_folder):
    leave(checkpoint_folder, os.getpid())
    assert checkpoints.left_behind() is None


def test_a_number_that_a_new_process_has_got_does_not_hide_it(checkpoint_folder):
    leave(checkpoint_folder, os.getpid(), when=1e9)
    assert checkpoints.left_behind() is not None


def test_the_newest_comes_first_and_damaged_ones_never(checkpoint_folder, dead):
    leave(checkpoint_folder, dead, n_steps=1, when=1e9)
    (checkpoint_folder / f"training-{dead}-2.segen").write_bytes(b"half")
    leave(checkpoint_folder, f"{dead}-9", n_steps=2, when=1.1e9)
    assert checkpoints.left_behind().n_steps == 2


def test_an_offer_can_be_discarded(checkpoint_folder, dead, qtbot):
    path = leave(checkpoint_folder, dead)
    offer = checkpoints.Offer()
    qtbot.addWidget(offer)
    offer.show_checkpoint(checkpoints.left_behind())
    assert "Load it, then press Continue" in offer.text
    offer._discard.click()
    assert not path.exists()
    assert not offer.isVisibleTo(None)


def test_an_offer_that_is_accepted_hands_over_the_checkpoint(
    checkpoint_folder, dead, qtbot
):
    path = leave(checkpoint_folder, dead)
    offer = checkpoints.Offer()
    qtbot.addWidget(offer)
    offer.show_checkpoint(checkpoints.left_behind())
    with qtbot.waitSignal(offer.accepted) as heard:
        offer._load.click()
    assert heard.args[0].path == path
