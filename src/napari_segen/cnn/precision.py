"""In what precision a network calculates; its weights are float32 in any."""

from functools import cache
from pathlib import Path
from typing import Any

from napari_segen.cnn import backend
from napari_segen.core.doubts import doubt

PRECISIONS = ("auto", "float32", "bfloat16", "mixed_float16")

_COMPUTE = {"float32": "float32", "bfloat16": "bfloat16", "mixed_float16": "float16"}
_POLICY = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "mixed_float16": "mixed_float16",
}
# Processors that multiply bfloat16 in hardware do it twice as fast as float32.
_FAST_FLAGS = {"avx512_bf16", "amx_bf16"}
# oneDNN's bfloat16 convolutions need these at least; they are slow without the others.
_NEEDED_FLAGS = {"avx512f", "avx512bw", "avx512vl", "avx512dq"}


def settle(name: str) -> str:
    """Return the precision that `name` means on this machine.

    ``auto`` is ``mixed_float16`` on a GPU, ``bfloat16`` where the processor has
    instructions for it, else ``float32``. What the machine cannot do becomes
    ``float32``, with a `DataWarning`. Nothing is timed: the answer is always the same.
    """
    if name not in PRECISIONS:
        raise ValueError(
            f"precision must be one of {', '.join(PRECISIONS)}, got {name!r}."
        )
    if name == "float32":
        return name
    has_gpu = bool(backend.tensorflow().config.list_physical_devices("GPU"))
    flags = processor_flags()
    if name == "auto":
        if has_gpu:
            return "mixed_float16"
        return "bfloat16" if flags & _FAST_FLAGS else "float32"
    if has_gpu or (name == "bfloat16" and flags >= _NEEDED_FLAGS):
        return name
    missing = "a GPU" if name == "mixed_float16" else "a processor with AVX-512"
    doubt(f"precision={name!r} needs {missing}; float32 is used instead.", stacklevel=2)
    return "float32"


@cache
def processor_flags() -> frozenset[str]:
    """Return the processor's instruction sets as Linux names them; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    for line in lines.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def compute_dtype(precision: str) -> str:
    """Return the type of number of a settled precision's products."""
    return _COMPUTE[precision]


def layer_policy(precision: str) -> Any:
    """Return what Keras layers take as `dtype` in a settled precision."""
    return backend.keras().DTypePolicy(_POLICY[precision])


def scaled_for(precision: str, optimizer: Any) -> Any:
    """Wrap a Keras optimiser so that small float16 gradients do not vanish.

    In any precision, differentiate ``optimizer.scale_loss(loss)`` and give the
    gradients to ``optimizer.apply``, which divides by the scale again.
    """
    if precision != "mixed_float16":
        return optimizer
    return backend.keras().optimizers.LossScaleOptimizer(optimizer)
