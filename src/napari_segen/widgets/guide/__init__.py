"""Where to paint next, when to stop, what to doubt: told beside the strokes."""
