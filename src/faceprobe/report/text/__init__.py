"""Sentences and numbers as text: templates, the check of their evidence, and the findings on a run."""
