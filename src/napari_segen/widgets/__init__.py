"""The docks: napari layers to arrays, jobs, forms, figures."""
