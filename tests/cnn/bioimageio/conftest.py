from importlib.util import find_spec

NEEDED = ("bioimageio", "onnx", "onnxruntime")

# The packages are an extra: who has not got them tests all else.
if any(find_spec(name) is None for name in NEEDED):
    collect_ignore_glob = ["test_*.py"]
