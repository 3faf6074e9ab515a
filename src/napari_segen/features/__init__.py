"""What a pixel's neighbourhood looks like: filters, in 2D and 3D."""
