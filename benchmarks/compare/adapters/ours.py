"""napari-segen from strokes; the setting is "METHOD SMOOTHING"."""

from protocol import Predict, arguments, serve_strokes

import napari_segen as ns

TASKS, OUT, SETTING = arguments()
METHOD, SMOOTHING = SETTING.split()


def learn(image, strokes) -> Predict:
    model = ns.ProbabilisticSegmenter(METHOD, smoothing=float(SMOOTHING))
    cache = ns.FeatureCache()
    fitted = model.fit(image, strokes, cache=cache)
    return lambda other: fitted.predict_proba(other, cache=cache)


serve_strokes(learn, TASKS, OUT)
