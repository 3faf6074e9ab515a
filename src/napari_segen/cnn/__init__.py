"""Convolutional networks: training from labels, dense prediction."""
