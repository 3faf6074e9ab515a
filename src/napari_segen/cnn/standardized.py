"""Convolutions whose kernels are standardised (Qiao et al. 2019).

Each filter's weights get mean 0, and the variance that keeps the spread of what goes
through a ReLU (Brock et al. 2021), times a learnt gain. As batch normalisation does,
it lets a network learn in few steps; but a pixel's answer depends on nothing but its
surrounding, in training as in prediction, and in prediction it costs nothing.
"""

import math
from functools import cache
from typing import Any

from napari_segen.cnn import backend

# A ReLU of normal numbers of variance 1 has the variance 1 / RELU_GAIN ** 2.
RELU_GAIN = math.sqrt(2 / (1 - 1 / math.pi))
_LEAST = 1e-4


def standardized(np: Any, kernel: Any, gamma: Any) -> Any:
    """Standardise kernels.

    Parameters
    ----------
    np : module
        NumPy, or one with the same functions such as `keras.ops`.
    kernel : array of shape (*kernel, C, F)
    gamma : array of shape (F,)
        The gain of each filter.
    """
    axes = tuple(range(len(kernel.shape) - 1))
    centred = kernel - np.mean(kernel, axis=axes, keepdims=True)
    squares = np.sum(centred * centred, axis=axes, keepdims=True)
    return centred * (gamma * RELU_GAIN / np.sqrt(squares + _LEAST))


@cache
def standardized_convolution() -> Any:
    """Return the Keras layer: a convolution with bias, standardised in float32."""
    keras = backend.keras()

    class StandardizedConvolution(keras.layers.Layer):  # type: ignore[misc,name-defined]
        def __init__(
            self, filters: int, kernel: Any, strides: Any, padding: str, **options: Any
        ) -> None:
            super().__init__(**options)
            self._shape = (*kernel, filters)
            self._options = {"strides": strides, "padding": padding}

        def build(self, input_shape: Any) -> None:
            *kernel, filters = self._shape
            shape = (*kernel, input_shape[-1], filters)

            def weight(name: str, size: Any, start: str, **options: Any) -> Any:
                return self.add_weight(
                    name=name, shape=size, initializer=start, **options
                )

            self.kernel = weight("kernel", shape, "zeros", autocast=False)
            self.gamma = weight("gamma", (filters,), "ones", autocast=False)
            self.bias = weight("bias", (filters,), "zeros")

        def call(self, x: Any) -> Any:
            ops = keras.ops
            kernel = standardized(ops, self.kernel, self.gamma)
            kernel = ops.cast(kernel, self.compute_dtype)
            return ops.conv(x, kernel, **self._options) + self.bias

    return StandardizedConvolution
