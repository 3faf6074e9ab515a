import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.kept.models import FOLDER, NETWORKS, answer

import napari_segen as ns

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_of_the_first_version_opens_and_answers_as_it_did(name):
    model = ns.load(FOLDER / f"{name}.segen")
    kept = np.load(FOLDER / f"{name}.npy")
    # Networks round otherwise on other processors; grey values are whole numbers.
    assert_allclose(answer(model), kept, atol=1 if name == "flow" else 0.02)
