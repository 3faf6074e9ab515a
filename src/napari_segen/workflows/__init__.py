"""What joins two rooms."""
