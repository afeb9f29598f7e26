"""Sweep: one pass over all pairs of a set, which every metric is computed from."""
