"""How many small faults the tests notice: ``python -m benchmarks.mutants``.

One fault at a time is put into a copy of the package: a comparison, an operator or a
number is changed at a random place in core/, features/ or probabilistic/. Tests named
like the module run first, then those of its room, then those that use it from other
rooms; the first that fails, or takes far longer than without a fault, has caught it,
and is named. Before, all of them are run once without a fault. ``--only 8 9`` tries
two of those drawn again.
"""

import argparse
import ast
import copy
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("core", "features", "probabilistic")
# Tests that use all of the rooms.
USERS = ("tests/contracts", "tests/kept", "tests/objects")
PATIENCE = 4  # times what the tests take without a fault, and a minute
NO_TESTS = 5  # what pytest returns

_SWAPPED: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True)
class Mutant:
    """A fault: the `number`-th node of a module that can be changed."""

    module: Path
    number: int


def changeable(tree: ast.AST) -> list[ast.AST]:
    """List the nodes that can be changed, but for what cannot be a fault."""
    quiet = set()
    for node in ast.walk(tree):
        # Messages and annotations change nothing that a test should notice.
        parts: list[ast.AST] = []
        if isinstance(node, ast.Raise):
            parts = [node]
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            parts = [node.annotation]
        elif isinstance(node, ast.FunctionDef) and node.returns:
            parts = [node.returns]
        elif isinstance(node, ast.ClassDef):
            parts = list(node.decorator_list)  # frozen and slots
        elif isinstance(node, ast.Call):
            parts = _without_effect(node)
        quiet |= {id(inner) for part in parts for inner in ast.walk(part)}
    return [n for n in ast.walk(tree) if id(n) not in quiet and _changed(n)]


def _without_effect(call: ast.Call) -> list[ast.AST]:
    """List what of a call may be changed without any effect."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if name == "zip":
        # Whether lengths are compared: no matter where they agree, as they have to.
        return [keyword.value for keyword in call.keywords if keyword.arg == "strict"]
    if name == "reshape":
        # The 1 of a -1: for NumPy -2 also means the length that is left.
        return [
            length.operand
            for argument in call.args
            for length in getattr(argument, "elts", [argument])
            if isinstance(length, ast.UnaryOp) and isinstance(length.op, ast.USub)
        ]
    return []


def _changed(node: ast.AST) -> ast.AST | None:
    """Return the node with a fault; None where it has no place for one."""
    new = copy.deepcopy(node)
    if isinstance(new, ast.Compare) and type(new.ops[0]) in _SWAPPED:
        new.ops[0] = _SWAPPED[type(new.ops[0])]()
    elif isinstance(new, ast.BinOp | ast.BoolOp) and type(new.op) in _SWAPPED:
        new.op = _SWAPPED[type(new.op)]()
    elif isinstance(new, ast.UnaryOp) and isinstance(new.op, ast.Not | ast.USub):
        return new.operand
    elif isinstance(new, ast.Constant) and isinstance(new.value, bool):
        new.value = not new.value
    elif isinstance(new, ast.Constant) and isinstance(new.value, int | float):
        new.value = new.value + 1
    else:
        return None
    return new


def mutated(source: str, number: int) -> tuple[str, int, str, str]:
    """Return a module with a fault, its line, and the code before and after."""
    tree = ast.parse(source)
    node = changeable(tree)[number]
    new = _changed(node)
    assert new is not None

    class Swap(ast.NodeTransformer):
        def visit(self, seen: ast.AST) -> ast.AST:
            return ast.copy_location(new, seen) if seen is node else super().visit(seen)

    said = ast.unparse(node), ast.unparse(new)
    return (
        ast.unparse(ast.fix_missing_locations(Swap().visit(tree))),
        node.lineno,
        *said,
    )


def test_runs(copy_root: Path, module: Path) -> Iterator[list[str]]:
    """Say which tests to try, those likely to notice first."""
    room, name = module.parts[0], module.stem
    own = sorted((copy_root / "tests" / room).rglob(f"test_*{name}*.py"))
    if own:
        yield [str(p.relative_to(copy_root)) for p in own]
    yield from groups(room)


def groups(room: str) -> list[list[str]]:
    """Say which tests use a room: its own, those of strokes, all others."""
    return [[f"tests/{r}"] for r in dict.fromkeys((room, "probabilistic"))] + [[*USERS]]


def reaches_kernels(copy_root: Path, module: Path) -> bool:
    """Whether a compiled kernel is in a module, or in one that imports from it."""
    name = ".".join(("napari_segen", *module.with_suffix("").parts))
    kernels = [
        path
        for path in (copy_root / "src" / "napari_segen").rglob("*.py")
        if "import njit" in path.read_text()
    ]
    own = copy_root / "src" / "napari_segen" / module
    return own in kernels or any(name in path.read_text() for path in kernels)


def failed(
    copy_root: Path, tests: Sequence[str], compiled: Path, most_seconds: float | None
) -> str:
    """Return which tests in a copy of the checkout failed; "" if they passed.

    The kernels that they compile are kept in the folder `compiled`.
    """
    environment = os.environ | {"PYTHONPATH": str(copy_root / "src")}
    environment["NUMBA_CACHE_DIR"] = str(compiled)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", *tests]
    command += ["-m", "not viewer and not keras", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            command,
            cwd=copy_root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=most_seconds,
        )
    except subprocess.TimeoutExpired:
        return "too slow: " + " ".join(tests)
    if done.returncode in (0, NO_TESTS):
        return ""
    # By name: on a crowded machine a test of times may fail without any fault.
    named = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return " ".join(named or tests)


def seconds_without_fault(
    copy_root: Path, compiled: Path
) -> dict[tuple[str, ...], float]:
    """Run all groups of tests once; returns what each takes; raises if one fails."""
    took = {}
    for group in {tuple(g): None for room in ROOMS for g in groups(room)}:
        start = time.perf_counter()
        if why := failed(copy_root, group, compiled, None):
            raise SystemExit(f"Without any fault these fail: {why}")
        took[group] = time.perf_counter() - start
        print(f"{' '.join(group)}: {took[group]:.0f} s without a fault", flush=True)
    return took


def caught_by(
    copy_root: Path,
    module: Path,
    compiled: Path,
    took: Mapping[tuple[str, ...], float],
) -> str:
    """Return which tests noticed the fault in a copy of the checkout; "" if none."""
    own = took[(f"tests/{module.parts[0]}",)]
    with tempfile.TemporaryDirectory() as anew:
        # A kernel is compiled anew when its own file changes, not when another's does.
        kept = Path(anew) if reaches_kernels(copy_root, module) else compiled
        for tests in test_runs(copy_root, module):
            most = PATIENCE * took.get(tuple(tests), own) + 60
            if why := failed(copy_root, tests, kept, most):
                return why
    return ""


def drawn(copy_root: Path, n: int, seed: int) -> list[Mutant]:
    """Draw faults, each changeable node being as likely."""
    package = copy_root / "src" / "napari_segen"
    all_of_them = [
        Mutant(path.relative_to(package), i)
        for room in ROOMS
        for path in sorted((package / room).rglob("*.py"))
        for i in range(len(changeable(ast.parse(path.read_text()))))
    ]
    return random.Random(seed).sample(all_of_them, n)


def main(arguments: Sequence[str] | None = None) -> None:
    """Try the faults and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER")
    args = parser.parse_args(arguments)
    tried = args.only or range(1, args.n + 1)
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy_root, compiled = Path(folder) / "copy", Path(folder) / "compiled"
        left_out = shutil.ignore_patterns(".git", ".*_cache", "__pycache__")
        shutil.copytree(ROOT, copy_root, ignore=left_out)
        took = seconds_without_fault(copy_root, compiled)
        mutants = drawn(copy_root, args.n, args.seed)
        for number in tried:
            mutant = mutants[number - 1]
            path = copy_root / "src" / "napari_segen" / mutant.module
            source = path.read_text()
            faulty, line, before, after = mutated(source, mutant.number)
            path.write_text(faulty)
            start = time.perf_counter()
            by = caught_by(copy_root, mutant.module, compiled, took)
            path.write_text(source)
            survivors += not by
            seconds = time.perf_counter() - start
            print(
                f"{number} {mutant.module}:{line} `{before}` -> `{after}`: "
                f"{by or 'SURVIVES'} ({seconds:.0f} s)",
                flush=True,
            )
    print(f"{len(tried) - survivors} of {len(tried)} caught")


if __name__ == "__main__":
    main()
