"""Write the lists of methods into the pages, from the registries.

    python docs/make_lists.py

Where a page says ``<!-- list: classifiers -->``, what follows up to ``<!-- end -->``
is made from the registry, so that a page on its own tells what there is. A test says
so when a list is not what this script would write.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from napari_segen.cnn.registry import NETWORKS
from napari_segen.core.registry import Registry
from napari_segen.features.sets import SETS
from napari_segen.generation.registry import GENERATORS
from napari_segen.probabilistic.registry import CLASSIFIERS

DOCS = Path(__file__).parent
LIST = re.compile(r"(<!-- list: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    ruler = "|---" * len(head.split(" | ")) + "|"
    return "\n".join([f"| {head} |", ruler, *(f"| {' | '.join(r)} |" for r in rows)])


def methods(registry: Registry) -> str:
    found = ((name, registry.get(name)) for name in registry)
    rows = ((method.title, f"`{name}`", method.summary) for name, method in found)
    return table("method | name | what it does", rows)


def generators() -> str:
    rows = []
    for name, method in ((name, GENERATORS.get(name)) for name in GENERATORS):
        needs = "an image" if method.needs_images else "nothing"
        made = {
            "images": True,
            "labels with them": method.makes_pairs,
            "images for your labels": method.can_paint,
            "variations": method.can_vary,
        }
        rows.append(
            (
                method.title,
                f"`{name}`",
                method.summary,
                f"{needs}, training" if method.needs_training else needs,
                ", ".join(what for what, can in made.items() if can),
                ", ".join(f"{n}D" for n in method.dimensions),
            )
        )
    return table("method | name | what it does | needs | makes | in", rows)


def feature_sets() -> str:
    rows = ((f"`{name}`", chosen.summary) for name, chosen in SETS.items())
    return table("features | what they see", rows)


LISTS: Mapping[str, Callable[[], str]] = {
    "classifiers": lambda: methods(CLASSIFIERS),
    "networks": lambda: methods(NETWORKS),
    "generators": generators,
    "features": feature_sets,
}


def filled(page: str) -> str:
    """Return a page's text with its lists as they have to be."""
    return LIST.sub(lambda m: f"{m[1]}\n{LISTS[m[2]]()}\n\n{m[3]}", page)


def main() -> None:
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if filled(page) != page:
            path.write_text(filled(page), encoding="utf-8")
            print(f"{path.name}: written anew")


if __name__ == "__main__":
    main()
