"""The answer to strokes where it is looked at, while they are painted."""
