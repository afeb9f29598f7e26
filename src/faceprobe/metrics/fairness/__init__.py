"""Error rates by group of people."""
