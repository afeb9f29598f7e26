"""Cloaks that compute gradients through surrogates, one file each, and the modules that they share."""
