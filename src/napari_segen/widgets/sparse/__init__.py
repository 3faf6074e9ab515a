"""Strokes on images of any size: a layer that can be painted on, and its file."""
