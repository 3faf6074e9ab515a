"""Random fields with the mean and the correlations of given ones.

A stationary Gaussian field is white noise sent through a kernel; the kernel is the
square root of the cross-spectrum, estimated from windowed autocovariances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from napari_segen.core.imagespec import Array

# Lattice points over which correlations are kept.
REACH = 16

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GaussianField:
    """A stationary Gaussian field with L channels on a 2D lattice.

    Parameters
    ----------
    mean : float32 array of shape (L,)
    kernel : float32 array of shape (L, L, M, M)
        Output channel, noise channel, and offset with 0 first, wrapped around.
    """

    mean: Floats
    kernel: Floats

    @classmethod
    def white(cls, n_channels: int) -> "GaussianField":
        """Return the field of independent standard normal numbers."""
        kernel = np.eye(n_channels, dtype=np.float32)[:, :, np.newaxis, np.newaxis]
        return cls(np.zeros(n_channels, np.float32), kernel)

    @classmethod
    def fit(
        cls, samples: Sequence[Array], reach: int, own_variance: Array | None = None
    ) -> "GaussianField":
        """Learn from samples ``(L, H, W)``.

        Parameters
        ----------
        samples : sequence of arrays
        reach : int
            Correlations over this many lattice points and more count as none.
        own_variance : array of shape (L,), optional
            Variance of each channel at each point to add, independent of all else.
        """
        count = sum(s[0].size for s in samples)
        mean = sum(s.sum(axis=(1, 2), dtype=np.float64) for s in samples) / count
        lags = np.zeros((len(mean), len(mean), 2 * reach, 2 * reach))
        for s in samples:
            lags += _lagged_products(s - mean[:, np.newaxis, np.newaxis], reach)
        lags *= _parzen_window(reach) / count
        if own_variance is not None:
            lags[..., 0, 0] += np.diag(own_variance)
        return cls(mean.astype(np.float32), _root(lags).astype(np.float32))

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Draw a field ``(L, *shape)``."""
        n_channels, size = len(self.mean), self.kernel.shape[-1]
        if size == 1:
            noise = rng.standard_normal((n_channels, *shape), dtype=np.float32)
            mixed = np.einsum("ij,jhw->ihw", self.kernel[:, :, 0, 0], noise)
            white: Floats = mixed + self.mean[:, np.newaxis, np.newaxis]
            return white
        big = tuple(fft.next_fast_len(n + size, real=True) for n in shape)
        noise = rng.standard_normal((n_channels, *big), dtype=np.float32)
        spectrum = fft.rfft2(noise)
        result = np.empty((n_channels, *shape), np.float32)
        for i, row in enumerate(self.kernel):
            response = fft.rfft2(_unwrapped(row, big))
            mixed = np.einsum("jhw,jhw->hw", response, spectrum)
            result[i] = fft.irfft2(mixed, s=big)[: shape[0], : shape[1]] + self.mean[i]
        return result

    def arrays(self, name: str) -> dict[str, Array]:
        """Return the arrays for a model file; `from_arrays` reads them back."""
        return {f"{name}_mean": self.mean, f"{name}_kernel": self.kernel}

    @classmethod
    def from_arrays(
        cls, name: str, arrays: Mapping[str, Array], n_channels: int
    ) -> "GaussianField":
        """Read what `arrays` returned."""
        mean, kernel = arrays[f"{name}_mean"], arrays[f"{name}_kernel"]
        size = kernel.shape[-1] if kernel.ndim else 0
        if mean.shape != (n_channels,) or kernel.shape != (
            n_channels,
            n_channels,
            size,
            size,
        ):
            raise ValueError(f"the field {name!r} has odd shapes.")
        return cls(mean.astype(np.float32), kernel.astype(np.float32))


def _lagged_products(sample: Array, reach: int) -> Array:
    """Sum over positions of x_i(p + lag) x_j(p), ``(L, L, 2 reach, 2 reach)``."""
    n_channels = len(sample)
    big = tuple(fft.next_fast_len(n + reach, real=True) for n in sample.shape[1:])
    spectrum = fft.rfft2(sample, s=big)
    keep = np.r_[0:reach, -reach:0]
    products = np.empty((n_channels, n_channels, 2 * reach, 2 * reach))
    for i in range(n_channels):
        for j in range(n_channels):
            full = fft.irfft2(spectrum[i] * spectrum[j].conj(), s=big)
            products[i, j] = full[np.ix_(keep % big[0], keep % big[1])]
    return products


def _parzen_window(reach: int) -> Array:
    """Return a lag window ``(2 reach, 2 reach)`` whose own spectrum is not negative."""
    u = np.abs(np.r_[0:reach, -reach:0]) / reach
    w = np.where(u <= 0.5, 1 - 6 * u**2 * (1 - u), 2 * (1 - u) ** 3)
    return np.outer(w, w)


def _root(lags: Array) -> Array:
    """Kernel whose autocovariance is `lags`: square root of the cross-spectrum."""
    spectrum = np.moveaxis(fft.fft2(lags), (0, 1), (-2, -1))
    spectrum = (spectrum + spectrum.conj().swapaxes(-1, -2)) / 2
    values, vectors = np.linalg.eigh(spectrum)
    roots = np.sqrt(np.maximum(values, 0))
    half = np.einsum("...ik,...k,...jk->...ij", vectors, roots, vectors.conj())
    kernel: Array = fft.ifft2(np.moveaxis(half, (-2, -1), (0, 1))).real
    return kernel


def _unwrapped(kernel: Array, shape: tuple[int, ...]) -> Array:
    """Put a wrapped kernel ``(L, M, M)`` into a larger wrapped lattice."""
    size = kernel.shape[-1]
    half = size // 2
    big = np.zeros((len(kernel), *shape), np.float32)
    at = np.r_[0 : size - half, -half:0]
    big[np.ix_(range(len(kernel)), at, at)] = kernel
    return big
