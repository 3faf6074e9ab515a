"""Training and applying networks: the dock, its pairs, its checkpoints."""
