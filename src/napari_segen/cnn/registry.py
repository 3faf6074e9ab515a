"""The networks by name."""

from napari_segen.cnn.network import Network
from napari_segen.core.registry import Registry

NETWORKS: Registry[Network] = Registry(
    "network",
    {
        "unet": "napari_segen.cnn.unet:UNet",
        "unet3d": "napari_segen.cnn.unet3d:UNet3D",
        "patch": "napari_segen.cnn.patch:PatchNetwork",
    },
)
