"""The ONNX network of a package, run by `onnxruntime`."""

from typing import Any

import numpy as np

from napari_segen.cnn.bioimageio import packages
from napari_segen.cnn.bioimageio.archive import opened
from napari_segen.core.errors import ModelFileError
from napari_segen.core.imagespec import Array
from napari_segen.features.parallel import is_on_one_thread


class Runtime:
    """Runs the network; reads its weights when it is first run.

    Parameters
    ----------
    package : bytes
    n_axes : int
        Of the network's output.
    """

    def __init__(self, package: bytes, n_axes: int) -> None:
        self._package, self._n_axes = package, n_axes
        self._session: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # The session cannot be pickled; it is made again from the package.
        return self.__dict__ | {"_session": None}

    def run(self, x: Array) -> Array:
        """Give a tensor to the network; returns its output."""
        if self._session is None:
            self._session = self._new_session()
        entry = self._session.get_inputs()[0]
        try:
            (found, *_) = self._session.run(None, {entry.name: x})
        except Exception as err:  # the runtime's own have no common base
            raise ModelFileError(
                f"its network does not take {x.dtype} of the shape {x.shape} ({err})."
            ) from err
        answer = np.asarray(found)
        if answer.ndim != self._n_axes:
            raise ModelFileError(f"its network gives {answer.ndim} axes.")
        return answer

    def _new_session(self) -> Any:
        runtime = packages.onnxruntime()
        with opened(self._package) as archive:
            weights = archive.weights(archive.description().weights.onnx)
        options = runtime.SessionOptions()
        if is_on_one_thread():
            options.intra_op_num_threads = 1
        try:
            return runtime.InferenceSession(
                weights, options, providers=["CPUExecutionProvider"]
            )
        except Exception as err:  # as in `run`
            raise ModelFileError(f"its network cannot be run ({err}).") from err
