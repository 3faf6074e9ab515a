"""Clusters that are there, and that are not."""

import sys
import time

import pytest

from napari_segen.core.errors import MissingBackend
from napari_segen.scale import cluster
from napari_segen.scale.cluster import connected

pytest.importorskip("distributed")

from tests.scale.clusters import free_port


@pytest.mark.parametrize("scheme", ["tcp://127.0.0.1:{}", "127.0.0.1:{}"])
def test_a_scheduler_that_is_not_there_is_told_soon(scheme, monkeypatch):
    assert cluster.TIMEOUT_S < 10
    monkeypatch.setattr(cluster, "TIMEOUT_S", 1)
    address, began = scheme.format(free_port()), time.monotonic()
    with (
        pytest.raises(ConnectionError, match=f"no scheduler answers at {address}"),
        connected(address, None),
    ):
        pass
    assert time.monotonic() - began < 25  # Dask's own limit is 30


def test_an_address_without_sense_is_told():
    with (
        pytest.raises(ConnectionError, match="no scheduler answers at nonsense://a"),
        connected("nonsense://a", None),
    ):
        pass


def test_workers_of_this_machine(patient):
    with connected(None, 1) as client:
        assert list(client.nthreads().values()) == [1]
        again = client.scheduler.address
        with connected(again, None) as other:
            assert other.nthreads() == client.nthreads()


def test_neither_is_no_client():
    with connected(None, None) as client:
        assert client is None


def test_bad_arguments_are_told():
    for scheduler, workers in (("tcp://127.0.0.1:1", 2), (None, 0)):
        with (
            pytest.raises(ValueError, match="--workers"),
            connected(scheduler, workers),
        ):
            pass


def test_a_missing_package_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingBackend, match=r"pip install 'napari-segen\[scale\]'"),
        connected(None, 1),
    ):
        pass
