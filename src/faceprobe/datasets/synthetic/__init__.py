"""The built-in world: people drawn from a seed, so that everything runs without data and network."""
