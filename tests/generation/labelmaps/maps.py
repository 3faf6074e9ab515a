"""Label maps to learn from: discs in a background, cells between membranes."""

import numpy as np
from scipy import ndimage


def discs(shape=(160, 160), spacing=20, seed=0, share=0.7):
    """Ids of discs of radius 3 to 7 on a disturbed lattice, some places empty."""
    rng = np.random.default_rng(seed)
    ids = np.zeros(shape, np.uint16)
    grid = np.indices(shape)
    for y in range(spacing // 2, shape[0], spacing):
        for x in range(spacing // 2, shape[1], spacing):
            if rng.random() < share:
                at = np.array([y, x]) + rng.uniform(-2, 2, 2)
                radius = rng.uniform(3, 7)
                far = np.hypot(grid[0] - at[0], grid[1] - at[1])
                ids[far <= radius] = ids.max() + 1
    return ids


def foam(shape=(200, 200), n_cells=60, thickness=4, seed=0):
    """Membranes (1) between the cells (0) of random points; all of them closed."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros(shape, bool)
    seeds[tuple(rng.integers(0, n, n_cells) for n in shape)] = True
    numbers, _ = ndimage.label(seeds)
    nearest = ndimage.distance_transform_edt(
        ~seeds, return_distances=False, return_indices=True
    )
    cells = numbers[tuple(nearest)]
    edges = np.zeros(shape, bool)
    edges[1:] |= cells[1:] != cells[:-1]
    edges[:, 1:] |= cells[:, 1:] != cells[:, :-1]
    return (ndimage.distance_transform_edt(~edges) < thickness / 2).astype(np.uint8)
