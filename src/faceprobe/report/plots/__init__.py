"""Figures of the report as SVG, and the pictures of failure pairs."""
