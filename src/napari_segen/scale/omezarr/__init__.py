"""OME-Zarr images of any size: labels, objects and tables of them, part by part."""
