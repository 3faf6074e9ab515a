"""The dock that compares two layers of labels: two results, or result and truth."""
