"""New images: the dock, what it asks for, previews, and tests on hard images."""
