"""Images larger than memory: part by part, with the result of the whole."""
