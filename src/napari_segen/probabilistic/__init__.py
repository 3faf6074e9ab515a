"""Class probabilities per pixel from a few strokes."""
