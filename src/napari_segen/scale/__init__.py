"""Many images, and large ones: folders of files segmented with one model."""
