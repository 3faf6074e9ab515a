"""Features of one plane or volume `(*S)` by scipy.ndimage; eigenvalues by LAPACK."""

from itertools import combinations_with_replacement

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude, gaussian_laplace


def derivative(plane, sigma, *axes):
    order = [axes.count(a) for a in range(plane.ndim)]
    scale = np.prod(np.power(sigma, order))
    return scale * gaussian_filter(plane, sigma, order=order)


def eigenvalues(matrix_of):
    def compute(plane, sigma):
        n = plane.ndim
        matrix = np.empty((*plane.shape, n, n))
        for a, b in combinations_with_replacement(range(n), 2):
            matrix[..., a, b] = matrix[..., b, a] = matrix_of(plane, sigma, a, b)
        return list(np.moveaxis(np.linalg.eigvalsh(matrix)[..., ::-1], -1, 0))

    return compute


def moment(plane, sigma, a, b):
    fine = [s / 2 for s in sigma]
    product = derivative(plane, fine, a) * derivative(plane, fine, b)
    return gaussian_filter(product, sigma, truncate=3)


def texture_energy(plane, windows, sigmas):
    return [
        np.sqrt(gaussian_filter((s**2 * gaussian_laplace(plane, s)) ** 2, w))
        for w in windows
        for s in sigmas
    ]


REFERENCE = {  # gradient magnitude and Laplacian: for one sigma along all axes
    "gaussian": lambda p, s: [gaussian_filter(p, s)],
    "gradient_magnitude": lambda p, s: [s[0] * gaussian_gradient_magnitude(p, s)],
    "laplacian": lambda p, s: [s[0] ** 2 * gaussian_laplace(p, s)],
    "hessian": eigenvalues(derivative),
    "structure_tensor": eigenvalues(moment),
}
