"""What every room stands on: NumPy and SciPy only."""
