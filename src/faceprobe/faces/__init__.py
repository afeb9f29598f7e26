"""Faces: detect, align, crop and mask the part of a photo that a model may see."""
