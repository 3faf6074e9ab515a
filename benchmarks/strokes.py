"""Simulated strokes and scores, as the figures in RESULTS.md are defined.

Seeds: strokes for data set `name`, `level` strokes per class and run `seed` are drawn
with zlib.crc32(f"{name}{level}{seed}".encode()); run `seed` uses training image
`seed % 4`. Masks: instance sets count as two classes (mask > 0);
em_membranes_isbi2012 and steel_microstructure_uhcs are semantic. Colour images are
averaged to grey with the weights 0.2125, 0.7154, 0.0721 where a method takes one
channel; a method that takes colour may use it. At most the centre 512 x 512 is used.
"Same image" leaves the labelled pixels out.
Mean IoU = mean over the classes present in the truth.
"""

import numpy as np


def make_scribbles(mask, n_strokes_per_class, stroke_len=40, width=3, seed=0):
    """Draw strokes (0 unlabelled, class c -> c+1): random walks within each class."""
    rng = np.random.default_rng(seed)
    out = np.zeros(mask.shape, np.uint8)
    r = (width - 1) / 2
    g = np.arange(-int(np.ceil(r)), int(np.ceil(r)) + 1)
    off = np.array([(y, x) for y in g for x in g if y * y + x * x <= r * r + 1e-6])
    lead = mask.shape[:-2]  # 3D: each stroke in one plane
    for c in np.unique(mask):
        ids = np.flatnonzero(mask == c)
        if c < 0 or ids.size == 0:
            continue
        for _ in range(n_strokes_per_class):
            p = np.unravel_index(rng.choice(ids), mask.shape)
            plane, lab = mask[p[:-2]] if lead else mask, out[p[:-2]] if lead else out
            pos, ang = np.array(p[-2:], float), rng.uniform(0, 2 * np.pi)
            curv = rng.normal(0, 0.06)
            for _ in range(stroke_len):
                q = np.rint(pos).astype(int) + off
                q = q[((q >= 0) & (q < plane.shape)).all(1)]
                q = q[plane[q[:, 0], q[:, 1]] == c]
                lab[q[:, 0], q[:, 1]] = c + 1
                curv = 0.9 * curv + rng.normal(0, 0.04)
                ang += curv
                side = rng.choice([-1, 1])
                for turn in (0, 0.4, -0.4, 0.9, -0.9, 1.6, -1.6, 2.4, -2.4, 3.1):
                    turned = ang + side * turn
                    n = pos + np.array([np.sin(turned), np.cos(turned)])
                    i = np.rint(n).astype(int)
                    if (
                        (i >= 0).all()
                        and (i < plane.shape).all()
                        and plane[i[0], i[1]] == c
                    ):
                        pos, ang = n, ang + side * turn
                        break
                else:
                    break
    return out


def mean_iou(prediction, truth, ignore=None):
    """Mean intersection over union over the classes present in `truth` (0..K-1)."""
    keep = np.ones(truth.shape, bool) if ignore is None else ~ignore
    p, t = prediction[keep], truth[keep]
    k = int(max(p.max(), t.max())) + 1
    table = np.bincount(t * k + p, minlength=k * k).reshape(k, k).astype(float)
    hit, rows, cols = np.diag(table), table.sum(1), table.sum(0)
    present = rows > 0
    return (hit / np.maximum(rows + cols - hit, 1))[present].mean()


def average_precision(predicted_ids, true_ids, threshold=0.5):
    """TP / (TP + FP + FN); objects match at IoU > `threshold` of 0.5 or more."""
    p, t = (
        np.asarray(predicted_ids).astype(np.int64),
        np.asarray(true_ids).astype(np.int64),
    )
    n_p, n_t = len(np.unique(p[p > 0])), len(np.unique(t[t > 0]))
    both = np.zeros((t.max() + 1, p.max() + 1))
    np.add.at(both, (t.ravel(), p.ravel()), 1)
    union = both.sum(1, keepdims=True) + both.sum(0, keepdims=True) - both
    tp = int(((both / np.maximum(union, 1))[1:, 1:] > threshold).sum())
    return tp / total if (total := n_p + n_t - tp) else 1.0


def expected_calibration_error(posterior, truth, bins=15, ignore=None):
    """Mean |confidence - accuracy| over confidence bins, weighted by their pixels."""
    keep = np.ones(truth.shape, bool) if ignore is None else ~ignore
    confidence, right = posterior.max(0)[keep], (posterior.argmax(0) == truth)[keep]
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    return sum(
        abs(confidence[which == b].mean() - right[which == b].mean())
        * (which == b).mean()
        for b in range(bins)
        if (which == b).any()
    )
