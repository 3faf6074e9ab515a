import json
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from tests.strategies import images

from napari_segen.core.provenance import array_hash, package_versions, provenance


@given(images())
def test_the_hash_does_not_depend_on_the_memory_layout(image):
    assert array_hash(np.asfortranarray(image)) == array_hash(image)
    wide = np.repeat(image, 2, axis=1)
    assert array_hash(wide[:, ::2]) == array_hash(image)


@pytest.mark.parametrize(
    "other",
    [
        np.zeros((2, 3), np.int16),
        np.zeros((3, 2), np.uint8),
        np.zeros(6, np.uint8),
        np.ones((2, 3), np.uint8),
    ],
)
def test_the_hash_tells_type_shape_and_values_apart(other):
    assert array_hash(other) != array_hash(np.zeros((2, 3), np.uint8))


def test_arrays_without_axes_or_pixels_have_a_hash():
    hashes = {
        array_hash(a) for a in (np.float64(3), np.zeros((0, 2)), np.zeros((2, 0)))
    }
    assert len(hashes) == 3


def test_packages_that_are_not_installed_are_left_out():
    versions = package_versions(["numpy", "no-such-package-here"])
    assert versions["numpy"] == np.__version__
    assert set(versions) == {"python", "numpy"}


def test_provenance_is_json_and_says_when_and_of_what():
    image = np.arange(6.0).reshape(2, 3)
    said = json.loads(json.dumps(provenance([image], [], seed=3)))
    assert datetime.fromisoformat(said["created"]).tzinfo is not None
    assert said["images"] == [array_hash(image)]
    assert said["seed"] == 3
