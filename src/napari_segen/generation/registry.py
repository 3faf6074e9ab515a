"""The generators there are, by name."""

from napari_segen.core.registry import Registry
from napari_segen.generation.method import GeneratorMethod

GENERATORS: Registry[GeneratorMethod] = Registry(
    "generator",
    {
        "transform": "napari_segen.generation.transform:Transform",
        "shapes": "napari_segen.generation.shapes.method:Shapes",
        "texture": "napari_segen.generation.texture:Texture",
        "flow": "napari_segen.generation.flow:Flow",
        "decoder": "napari_segen.generation.decoder:Decoder",
    },
)
