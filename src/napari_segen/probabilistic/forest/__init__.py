"""A forest of decision trees: grown by scikit-learn, read and predicted without."""
