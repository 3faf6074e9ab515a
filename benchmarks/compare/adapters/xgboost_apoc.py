"""napari-xgboost's way: APOC's default features and `XGBClassifier()`.

The plugin's own function learns and predicts one image and returns labels only; the
same two calls are made here, so that there is a posterior and more than one image.
"""

from functools import partial

import apoc
import numpy as np
import xgboost
from protocol import Predict, arguments, serve_strokes

TASKS, OUT, _ = arguments()
GREY = np.array([0.2125, 0.7154, 0.0721])


def features(image: np.ndarray) -> np.ndarray:
    grey = image @ GREY if image.ndim == 3 else image
    stack = apoc.generate_feature_stack(grey.astype(np.float32))
    return np.asarray([np.asarray(plane).ravel() for plane in stack]).T


def learn(image, strokes) -> Predict:
    own, painted = features(image), strokes.ravel() > 0
    _, values = np.unique(strokes.ravel()[painted], return_inverse=True)
    model = xgboost.XGBClassifier().fit(own[painted], values)
    return partial(posterior, model, image, own)


def posterior(model, image, own, other) -> np.ndarray:
    found = model.predict_proba(own if other is image else features(other))
    return found.T.reshape(-1, *other.shape[:2])


serve_strokes(learn, TASKS, OUT)
