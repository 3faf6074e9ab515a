import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.kept.models import FOLDER, MODELS, answer

import napari_segen as ns


@pytest.mark.parametrize("name", MODELS)
def test_a_file_of_the_first_version_opens_and_answers_as_it_did(name):
    model = ns.load(FOLDER / f"{name}.segen")
    # Half precision: what is kept has three digits.
    assert_allclose(
        answer(model), np.load(FOLDER / f"{name}.npy"), rtol=2e-3, atol=2e-3
    )
