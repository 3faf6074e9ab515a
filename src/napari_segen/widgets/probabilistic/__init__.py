"""Segmentation from strokes: its dock, its classes and their frequencies."""
