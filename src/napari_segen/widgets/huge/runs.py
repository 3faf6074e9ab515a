"""Runs on huge images: what they take is said before, then they go to a file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_segen.core.lazyview import ArrayReader, LazyView
from napari_segen.widgets.huge.tasks import (
    NAME,
    estimating,
    labelling,
    learning_and_estimating,
)
from napari_segen.widgets.jobs.job import Showing
from napari_segen.widgets.layers import Source
from napari_segen.widgets.looks import look_of
from napari_segen.widgets.results import MARK, insert_unchosen
from napari_segen.widgets.tasks import provenance_of
from napari_segen.widgets.visible import visible_part
from napari_segen.workflows.cost import in_time

NOT_WRITTEN = "Nothing was written. The model is there: press Apply, or Save… it."


class HugeRuns:
    """Learns, says what a run takes, asks where to write, labels and shows it.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QWidget
        Of what is asked.
    start : callable
        Starts a job of the dock.
    say : callable
        Shows a message in the dock.
    fitted : callable
        Gets the model that was learnt, on the window's thread.
    """

    def __init__(
        self,
        viewer: Any,
        parent: QWidget,
        start: Callable[..., None],
        say: Callable[..., None],
        fitted: Callable[[Any], None],
    ) -> None:
        self._viewer, self._parent = viewer, parent
        self._start, self._say, self._fitted = start, say, fitted

    def learn(
        self,
        source: Source,
        strokes: Any,
        model: Any,
        cache: Any,
        expected: Mapping[int, float],
        init_from: Any,
    ) -> None:
        """Learn from strokes and go on with `apply`."""

        def done(outcome: tuple[Any, Any]) -> Showing:
            yield
            self._fitted(outcome[0])
            return lambda: self._ask(source, *outcome)

        at = self._position(source)
        more = (cache, expected, init_from)
        self._start(
            learning_and_estimating, source, strokes, at, model, *more, done=done
        )

    def apply(self, source: Source, model: Any) -> None:
        """Say what labelling takes; then do it, if the user says where."""

        def done(outcome: tuple[Any, Any]) -> Showing:
            yield
            return lambda: self._ask(source, *outcome)

        self._start(estimating, source, self._position(source), model, done=done)

    def _position(self, source: Source) -> tuple[int, ...]:
        """Return the pixel in the middle of what is looked at, or of the image."""
        shape = source.spec.label_shape(source.shape)
        layer = source.layer()
        view = None if layer is None else visible_part(self._viewer, layer, source)
        if view is None:
            return tuple(n // 2 for n in shape)
        return tuple(s + n // 2 for s, n in zip(view.start, view.shape, strict=True))

    def _ask(self, source: Source, model: Any, estimate: Any) -> None:
        folder = where_to_write(self._parent, f"Labelling {estimate}.")
        if not folder:
            self._say(f"{estimate}. {NOT_WRITTEN}")
            return

        def done(outcome: tuple[Path, float]) -> None:
            self._show(source, model, *outcome)

        self._start(labelling, source, Path(folder), model, done=done)

    def _show(self, source: Source, model: Any, path: Path, seconds: float) -> None:
        layer = result_layer(source, model, path)
        image, layers = source.layer(), self._viewer.layers
        at = layers.index(image) + 1 if image in layers else len(layers)
        insert_unchosen(layers, at, layer)
        self._say(f"Done in {in_time(max(seconds, 1))}: “{layer.name}”, in {path}.")


def where_to_write(parent: QWidget, text: str) -> str:
    """Say what a run takes, and ask for a folder; empty if the user does not want it.

    Parameters
    ----------
    parent : QWidget
    text : str
    """
    icon, none = QMessageBox.Icon.Question, QMessageBox.StandardButton.NoButton
    box = QMessageBox(icon, "Label the whole image", text, none, parent)
    box.setInformativeText(
        "The classes are written to a folder as OME-Zarr, part by part; Cancel ends it "
        "without a trace."
    )
    go = box.addButton("Choose folder…", QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.exec()
    if box.clickedButton() is not go:
        return ""
    return QFileDialog.getExistingDirectory(parent, "Folder for the labels")


def result_layer(source: Source, model: Any, path: Path) -> Labels:
    """Show labels that were written, at all their resolutions."""
    from napari_segen.scale.omezarr.image import zarr

    group = zarr().open_group(str(path), mode="r")
    n_levels = len(list(group.array_keys()))
    levels = [LazyView.of(ArrayReader(group[str(i)])) for i in range(n_levels)]
    layer = Labels(
        levels if n_levels > 1 else levels[0],
        multiscale=n_levels > 1,
        name=f"{source.name} {NAME}",
        opacity=0.5,
        metadata={MARK: {"provenance": provenance_of(model, path=str(path))}},
        **look_of(model),
        **source.label_placement,
    )
    layer.editable = False
    return layer
