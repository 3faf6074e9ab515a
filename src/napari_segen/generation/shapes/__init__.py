"""Synthetic scenes, drawn from formulas: what is in the image is known exactly."""
