"""Result layers: placed like their source, updated rather than multiplied.

A layer that was changed since it was written belongs to the user. Whether it was is
told by a digest, which is computed in the worker (`ready`); layers are touched on the
main thread (`Results.putting`).
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary, ref

from napari.layers import Image, Labels, Layer

from napari_segen.core.imagespec import Array
from napari_segen.core.provenance import array_hash
from napari_segen.widgets.layers import Source, remember_axes

MARK = "napari-segen"
# The mark of a layer that goes by itself.
PASSING = {MARK: {"role": "passing"}}


def mark_of(layer: Layer) -> Mapping[str, Any]:
    """Return what our mark on a layer says; empty where there is none."""
    mark = layer.metadata.get(MARK)
    return mark if isinstance(mark, dict) else {}


def layers_to_choose(layers: Iterable[Layer], kind: type[Layer]) -> list[Layer]:
    """List layers of one kind, but for those that go by themselves (`PASSING`).

    The first is the choice until the user chooses: no result of ours.
    """
    found = [
        layer
        for layer in layers
        if isinstance(layer, kind) and layer.metadata.get(MARK) != PASSING[MARK]
    ]
    return sorted(found, key=lambda layer: MARK in layer.metadata)


def images_to_choose(layers: Iterable[Layer]) -> list[Layer]:
    """List image layers to segment: results only beside an image of the user's.

    Or the removal of the last image would make a result the image.
    """
    found = layers_to_choose(layers, Image)
    return found if found and MARK not in found[0].metadata else []


def place_over(layers: Any, image: Layer) -> int:
    """Where in the list a passing layer goes: over the image and its results."""
    over = layers.index(image) + 1
    while over < len(layers) and MARK in layers[over].metadata:
        over += 1
    return over


def insert_unchosen(layers: Any, at: int, layer: Layer) -> None:
    """Insert a layer, and keep what the user holds: a brush in hand stays in hand."""
    active = layers.selection.active
    layers.insert(at, layer)
    if active is not None and active in layers:
        layers.selection.active = active


@dataclass(frozen=True)
class Earlier:
    """A result layer that a coming result may replace, as it was when the job began."""

    layer: "ref[Layer]"
    data: Any
    digest: str


@dataclass(frozen=True)
class Result:
    """One array on its way into a layer.

    Parameters
    ----------
    role : str
        What it is, such as ``"classes"``; one layer per role and source.
    layer_class : type
        `Image` or `Labels`.
    data : array
    title : str
        Second half of a new layer's name; the role if empty.
    attributes : mapping
        Further attributes of the layer, other than place and name.
    provenance : mapping
        Where it comes from, for the layer's metadata.
    """

    role: str
    layer_class: type[Layer]
    data: Array
    placement: Mapping[str, Any]
    title: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ready:
    """A result with its digest, and whether the earlier one was edited."""

    result: Result
    digest: str
    edited: bool

    def with_look(self, layer_class: type[Layer], **attributes: Any) -> "Ready":
        """Give it further attributes, if its layer is of this class."""
        if self.result.layer_class is not layer_class:
            return self
        look = {**self.result.attributes, **attributes}
        return replace(self, result=replace(self.result, attributes=look))


def ready(results: Sequence[Result], earlier: Mapping[str, Earlier]) -> list[Ready]:
    """Digest results and the layers that they may replace (for a worker)."""
    return [
        Ready(r, array_hash(r.data), _was_edited(earlier.get(r.role))) for r in results
    ]


def _was_edited(earlier: Earlier | None) -> bool:
    return earlier is not None and array_hash(earlier.data) != earlier.digest


class Results:
    """The result layers of one dock.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer) -> None:
        self._viewer = viewer
        self._written: WeakKeyDictionary[Layer, dict[str, ref[Layer]]] = (
            WeakKeyDictionary()
        )
        # Of what was made from no layer, or from one that has gone.
        self._unowned: dict[str, ref[Layer]] = {}

    def earlier(self, source: Source) -> dict[str, Earlier]:
        """Find the layers that results for `source` may replace, by role."""
        found = {}
        for layer in self._viewer.layers:
            mark = mark_of(layer)
            if self._belongs(layer, mark, source):
                role = mark["role"]
                # The latest one that this dock wrote comes before older look-alikes.
                if role not in found or self._wrote(source, role) is layer:
                    found[role] = Earlier(ref(layer), layer.data, mark["digest"])
        return found

    def _belongs(self, layer: Layer, mark: Mapping[str, Any], source: Source) -> bool:
        if not {"role", "source", "digest"} <= set(mark):
            return False
        image = source.layer()
        mine = self._wrote(source, mark["role"])
        if mine is not None and mine in self._viewer.layers:
            return mine is layer
        return image is not None and mark["source"] == image.name

    def _wrote(self, source: Source, role: str) -> Layer | None:
        known = self._written_for(source).get(_role_of(source, role))
        return None if known is None else known()

    def _written_for(self, source: Source) -> "dict[str, ref[Layer]]":
        image = source.layer()
        if image is None:
            return self._unowned
        return self._written.setdefault(image, {})

    def putting(
        self, source: Source, items: Sequence[Ready], earlier: Mapping[str, Earlier]
    ) -> Generator[None, None, tuple[list[Layer], str]]:
        """Show results; returns their layers, and what the user should know.

        It yields before each layer but the first: several at once would hold up the
        window.
        """
        layers, kept = [], []
        for i, item in enumerate(items):
            if i > 0:
                yield
            old = earlier.get(item.result.role)
            target = self._target(item, old)
            if target is None:
                if old is not None and old.layer() in self._viewer.layers:
                    kept.append(old.layer().name)
                target = self._add(source, item)
            else:
                self._update(source, target, item)
            role = _role_of(source, item.result.role)
            self._written_for(source)[role] = ref(target)
            layers.append(target)
        return layers, _said_of(kept)

    def _target(self, item: Ready, old: Earlier | None) -> Layer | None:
        """Return the layer to update, or None where a new one is due."""
        layer = None if old is None else old.layer()
        if (
            layer is None
            or layer not in self._viewer.layers
            or item.edited
            or layer.data is not old.data
            or type(layer) is not item.result.layer_class
            or layer.data.ndim != item.result.data.ndim
            or getattr(layer, "rgb", False) != item.result.attributes.get("rgb", False)
        ):
            return None
        return layer

    def _add(self, source: Source, item: Ready) -> Layer:
        result = item.result
        layer = result.layer_class(
            result.data,
            name=f"{source.name} {result.title or result.role}".strip(),
            metadata={MARK: _mark(source, item)},
            **result.placement,
            **result.attributes,
        )
        if isinstance(layer, Labels) and layer.ndim == len(source.spec.label_axes):
            remember_axes(layer, source.spec.label_axes)
        at = self._place_in_list(source, layer)
        insert_unchosen(self._viewer.layers, at, layer)
        return layer

    def _place_in_list(self, source: Source, layer: Layer) -> int:
        """Over the image: images first, labels over them; strokes stay on top."""
        layers, image = self._viewer.layers, source.layer()
        if image is None or image not in layers:
            return len(layers)
        last = layers.index(image)
        mine = {id(known()) for known in self._written.get(image, {}).values()}
        while (
            isinstance(layer, Labels)
            and last + 1 < len(layers)
            and id(layers[last + 1]) in mine
        ):
            last += 1
        return last + 1

    def _update(self, source: Source, layer: Layer, item: Ready) -> None:
        result = item.result
        layer.data = result.data
        layer.metadata = {**layer.metadata, MARK: _mark(source, item)}
        for name in ("features", "colormap"):
            if name in result.attributes and isinstance(layer, Labels):
                setattr(layer, name, result.attributes[name])
        for name, value in result.placement.items():
            if not _same(getattr(layer, name), value):
                setattr(layer, name, value)


def _role_of(source: Source, role: str) -> str:
    return role if source.layer() is not None else f"{source.name}: {role}"


def _same(a: Any, b: Any) -> bool:
    if hasattr(a, "affine_matrix"):
        a, b = a.affine_matrix, b.affine_matrix
    same = a == b
    return bool(same.all()) if hasattr(same, "all") else bool(same)


def _mark(source: Source, item: Ready) -> dict[str, Any]:
    return {
        "role": item.result.role,
        "source": source.name,
        "digest": item.digest,
        "provenance": dict(item.result.provenance),
    }


def said_of_layers(layers: Sequence[Layer]) -> str:
    """Name the result layers for the message line."""
    seen = ", ".join(f"“{layer.name}”" for layer in layers if layer.visible)
    n_hidden = sum(not layer.visible for layer in layers)
    hidden = f" Hidden: {n_hidden} more; open the eye in the list of layers."
    return f"Done: {seen}." + (hidden if n_hidden else "")


def _said_of(kept: list[str]) -> str:
    if not kept:
        return ""
    names = ", ".join(f"“{name}”" for name in kept)
    return (
        f"You have edited {names}: it stays as it is, the new result has its own layer."
    )
