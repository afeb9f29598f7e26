"""Cloaked photos: of a folder, in memory and of a dataset; their files, their cache and their measures."""
