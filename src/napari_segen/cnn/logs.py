"""Training curves in TensorBoard's format."""

import os
from collections.abc import Mapping
from typing import Any

from napari_segen.cnn import backend
from napari_segen.core.archive import FilePath


class ScalarLog:
    """Writes numbers over steps into a folder that TensorBoard can show.

    Parameters
    ----------
    folder : path, or None
        None: nothing is written.
    """

    def __init__(self, folder: FilePath | None) -> None:
        self._writer: Any = None
        if folder is None:
            return
        tf = backend.tensorflow()
        self._writer = tf.summary.create_file_writer(os.fspath(folder))
        # What tf.summary.scalar would say, which needs TensorBoard to be installed.
        self._kind = tf.compat.v1.SummaryMetadata()
        self._kind.plugin_data.plugin_name = "scalars"

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Write named numbers of one step."""
        if self._writer is None:
            return
        tf = backend.tensorflow()
        with self._writer.as_default():
            for name, value in figures.items():
                if name != "step":
                    number = tf.constant(value, tf.float32)
                    tf.summary.write(name, number, step=step, metadata=self._kind)

    def close(self) -> None:
        """Write out what is left."""
        if self._writer is not None:
            self._writer.close()
