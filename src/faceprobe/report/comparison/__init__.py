"""Paired differences: between the models of a run, between sizes of a family, and between runs."""
