import pytest
from tests.cnn.problems import STEPS, TINY, halves, two_strokes

from napari_segen.cnn.segmenter import CnnSegmenter


@pytest.fixture(scope="session", params=list(TINY))
def trained(request):
    """A tiny network of each kind, trained on two strokes."""
    image, truth = halves()
    net = CnnSegmenter(
        request.param, max_steps=STEPS[request.param], **TINY[request.param]
    )
    return net.fit(image, two_strokes(truth), unlabelled=0)
