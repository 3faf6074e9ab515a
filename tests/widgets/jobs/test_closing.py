"""The end of a docked widget: told once, however it comes."""

import gc

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_segen.widgets.jobs.closing import Closing

pytestmark = pytest.mark.viewer


class Owner:
    def __init__(self, told):
        self.told = told
        self.widget = QWidget()
        self.closing = Closing(self.widget, self.end)

    def end(self):
        self.told.append(self.widget)


def delete(qtbot, thing):
    # Not waitSignal: it disconnects at the end, from what PySide6 has taken away.
    gone = []
    thing.destroyed.connect(lambda: gone.append(True))
    thing.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))


def test_the_end_of_the_dock_is_told_and_not_told_again_with_the_widget(qtbot):
    told, dock = [], QDockWidget()
    owner = Owner(told)
    dock.setWidget(owner.widget)
    owner.widget.setParent(None)  # as napari does before it deletes the dock
    delete(qtbot, dock)
    assert told == [owner.widget]
    delete(qtbot, owner.widget)
    assert len(told) == 1


def test_the_end_of_a_dock_with_the_widget_in_it_is_told_once(qtbot):
    told, dock = [], QDockWidget()
    owner = Owner(told)
    dock.setWidget(owner.widget)  # as when the viewer is closed
    delete(qtbot, dock)
    assert told == [owner.widget]


def test_the_end_of_a_widget_without_a_dock_is_told(qtbot):
    told = []
    owner = Owner(told)
    delete(qtbot, owner.widget)
    assert len(told) == 1


def test_an_owner_that_nobody_needs_is_collected_in_silence(qtbot):
    told = []
    for _ in range(20):
        owner = Owner(told)
        owner.itself = owner  # only the garbage collector can end it
    del owner
    gc.collect()
    assert told == []


def test_the_end_of_a_dock_is_told_also_when_its_owner_was_collected_before(qtbot):
    told, window = [], QMainWindow()
    qtbot.addWidget(window)
    for _ in range(5):
        dock = QDockWidget()
        owner = Owner(told)
        owner.itself = owner
        dock.setWidget(owner.widget)
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        owner.widget.setParent(None)
        window.removeDockWidget(dock)
        dock.deleteLater()
    del dock, owner
    gc.collect()
    qtbot.waitUntil(lambda: len(told) == 5)
