"""New images from existing ones, from noise."""
