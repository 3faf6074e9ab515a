"""A model applied to a folder of images, in the window."""
