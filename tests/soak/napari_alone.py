"""Close one of two viewers of napari alone: drawing the other one raises.

``python -m tests.soak.napari_alone`` (under ``xvfb-run``) prints what is raised; with
``mended``, the OpenGL context of the viewer itself is made current before what its
layers drew with is deleted, and nothing is.
"""

import sys

import napari
import numpy as np
from napari._vispy.canvas import VispyCanvas
from qtpy.QtCore import QEventLoop, QTimer

N_LAYERS = 3


def settle(seconds):
    """Let Qt draw for a while."""
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def mend():
    """Let napari delete in the right context."""
    clean = VispyCanvas._clean_and_update_scenegraph

    def clean_here(canvas):
        canvas._scene_canvas.set_current()
        clean(canvas)

    VispyCanvas._clean_and_update_scenegraph = clean_here


def main():
    if sys.argv[1:] == ["mended"]:
        mend()
    raised = []
    sys.excepthook = lambda kind, error, trace: raised.append(error)
    stays, other = napari.Viewer(), napari.Viewer()
    for viewer in (stays, other):
        for _ in range(N_LAYERS):
            viewer.add_labels(np.ones((96, 128), int))
    settle(1)
    # Whose context is current depends on who was drawn last.
    stays.window._qt_viewer.canvas.native.repaint()
    other.close()
    for width in (900, 800, 700):
        stays.window.resize(width, 700)
        settle(0.5)
        stays.layers[0].paint((20, 30), 2)
        settle(0.2)
    stays.close()
    print(*raised, f"raised: {len(raised)}", sep="\n")


if __name__ == "__main__":
    main()
