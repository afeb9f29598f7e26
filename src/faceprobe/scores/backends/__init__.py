"""Ways to multiply tiles other than numpy's."""
