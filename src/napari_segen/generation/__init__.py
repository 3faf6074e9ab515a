"""New images that look like the user's, with labels where they were given."""
