"""Many images, and images larger than memory: the results of one model on them."""
