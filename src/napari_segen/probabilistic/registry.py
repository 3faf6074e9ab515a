"""The classifiers by name. A new one is one class in a new file and one line here."""

from napari_segen.core.registry import Registry
from napari_segen.probabilistic.classifier import Classifier

CLASSIFIERS: Registry[Classifier] = Registry(
    "method",
    {
        "auto": "napari_segen.probabilistic.auto:AutoClassifier",
        "softmax": "napari_segen.probabilistic.softmax:SoftmaxClassifier",
        "forest": "napari_segen.probabilistic.forest.method:ForestClassifier",
        "bayes": "napari_segen.probabilistic.bayes:BayesClassifier",
        "mixture": "napari_segen.probabilistic.mixture:MixtureClassifier",
    },
)


def methods_with_strokes() -> list[str]:
    """Name the methods that learn from strokes."""
    return [name for name in CLASSIFIERS if CLASSIFIERS.get(name).needs_strokes]
