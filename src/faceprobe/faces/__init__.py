"""Faces: detect, align, crop and mask. What part of a photo a model may see."""
