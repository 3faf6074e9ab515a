"""New label maps of any size that look like the user's own."""

from napari_segen.generation.labelmaps.model import Drawn, LabelModel, kept_parts

__all__ = ["Drawn", "LabelModel", "kept_parts"]
