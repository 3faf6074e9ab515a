import warnings

import numpy as np
import pytest

from napari_segen.cnn import backend, precision
from napari_segen.cnn.precision import PRECISIONS, scaled_for, settle
from napari_segen.core.errors import DataWarning

ZEN4 = {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_bf16"}
SKYLAKE = ZEN4 - {"avx512_bf16"}
HASWELL = {"avx2"}


def on(monkeypatch, flags, gpus=()):
    """Pretend to be another machine."""

    class Machine:
        config = property(lambda self: self)

        def list_physical_devices(self, kind):
            return list(gpus)

    monkeypatch.setattr(precision, "processor_flags", lambda: frozenset(flags))
    monkeypatch.setattr(backend, "tensorflow", Machine)


@pytest.mark.parametrize(
    ("flags", "gpus", "expected"),
    [
        (ZEN4, (), "bfloat16"),
        ({"amx_bf16"}, (), "bfloat16"),
        (SKYLAKE, (), "float32"),
        (HASWELL, (), "float32"),
        (set(), (), "float32"),
        (HASWELL, ("GPU:0",), "mixed_float16"),
    ],
)
def test_auto_takes_what_the_machine_does_fast(monkeypatch, flags, gpus, expected):
    on(monkeypatch, flags, gpus)
    assert settle("auto") == expected


@pytest.mark.parametrize(
    ("name", "flags", "match"),
    [("bfloat16", HASWELL, "AVX-512"), ("mixed_float16", ZEN4, "GPU")],
)
def test_what_the_machine_cannot_do_becomes_float32(monkeypatch, name, flags, match):
    on(monkeypatch, flags)
    with pytest.warns(DataWarning, match=f"{name}.*{match}"):
        assert settle(name) == "float32"


@pytest.mark.parametrize(
    ("name", "flags", "gpus"),
    [
        ("float32", set(), ()),
        ("bfloat16", SKYLAKE, ()),
        ("bfloat16", set(), ("GPU:0",)),
        ("mixed_float16", set(), ("GPU:0",)),
    ],
)
def test_what_the_machine_can_do_is_done(monkeypatch, name, flags, gpus):
    on(monkeypatch, flags, gpus)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert settle(name) == name


def test_an_unknown_precision_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=f"{', '.join(PRECISIONS)}, got 'float64'"):
        settle("float64")


def test_a_machine_that_does_not_tell_has_no_flags(monkeypatch):
    def refuse(self, **more):
        raise OSError

    monkeypatch.setattr(precision.Path, "read_text", refuse)
    precision.processor_flags.cache_clear()
    assert precision.processor_flags() == frozenset()
    precision.processor_flags.cache_clear()


@pytest.mark.keras
@pytest.mark.parametrize("name", ["float32", "bfloat16", "mixed_float16"])
def test_an_optimiser_steps_as_far_in_any_precision(name):
    tf, keras = backend.tensorflow(), backend.keras()
    optimizer = scaled_for(name, keras.optimizers.SGD(0.5))
    weight = keras.Variable(np.float32(3.0))
    optimizer.build([weight])
    with tf.GradientTape() as tape:
        loss = optimizer.scale_loss(weight.value**2)
    optimizer.apply(tape.gradient(loss, [weight.value]), [weight])
    assert float(weight.value) == 0.0
