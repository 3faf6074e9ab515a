"""What a fitted model tells its user: where to paint, when to stop, what to doubt."""
