"""The built-in world: seeded synthetic people, so that everything runs without data or network."""
