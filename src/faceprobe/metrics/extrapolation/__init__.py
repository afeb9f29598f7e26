"""Accuracy in galleries larger than the data, as a band of several models."""
