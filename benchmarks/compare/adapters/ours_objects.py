"""napari-segen's objects from numbered nuclei; the setting is "unet" or "pixels"."""

import numpy as np
from protocol import Predict, arguments, serve_objects

import napari_segen as ns
from napari_segen.workflows.pixel_labels import pixel_labels

TASKS, OUT, SETTING = arguments()


def train_network(images, ids, seconds, seed) -> tuple[Predict, int]:
    net = ns.CnnSegmenter("unet", task="instances", time_limit_s=seconds, seed=seed)
    net.fit(images, ids)
    return net.predict, net.n_steps_


def train_pixels(images, ids, seconds, seed) -> tuple[Predict, int]:
    marks = pixel_labels([np.where(i > 0, 2, 1).astype(np.uint8) for i in ids])
    model = ns.ProbabilisticSegmenter(seed=seed).fit(images, marks)

    def predict(image: np.ndarray) -> np.ndarray:
        return ns.instances(model.predict_proba(image), foreground=1)

    return predict, 0


if __name__ == "__main__":
    TRAIN = {"unet": train_network, "pixels": train_pixels}
    serve_objects(TRAIN[SETTING], TASKS, OUT)
