"""Fawkes: its modes, the geometry of its face crops, its optimisation and its targets."""
