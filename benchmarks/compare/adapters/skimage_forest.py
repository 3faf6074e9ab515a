"""scikit-image's trainable segmentation, as in its gallery."""

from functools import partial

import numpy as np
from protocol import Predict, arguments, serve_strokes
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

TASKS, OUT, _ = arguments()


def features(image: np.ndarray) -> np.ndarray:
    return multiscale_basic_features(
        image,
        intensity=True,
        edges=False,
        texture=True,
        sigma_min=1,
        sigma_max=16,
        channel_axis=-1 if image.ndim == 3 else None,
    )


def learn(image, strokes) -> Predict:
    # Features of the painted image are kept for its prediction, as its gallery does.
    own, painted = features(image), strokes > 0
    forest = RandomForestClassifier(
        n_estimators=50, n_jobs=-1, max_depth=10, max_samples=0.05, random_state=0
    ).fit(own[painted], strokes[painted])
    return partial(posterior, forest, image, own)


def posterior(forest, image, own, other) -> np.ndarray:
    maps = own if other is image else features(other)
    found = forest.predict_proba(maps.reshape(-1, maps.shape[-1]))
    return found.T.reshape(-1, *maps.shape[:2])


serve_strokes(learn, TASKS, OUT)
