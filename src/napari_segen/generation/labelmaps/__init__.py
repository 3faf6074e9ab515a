"""New label maps of any size that look like the user's own."""

from napari_segen.generation.labelmaps.model import LabelModel

__all__ = ["LabelModel"]
