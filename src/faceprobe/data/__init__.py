"""The types that every part speaks: photos, face tables, pairs, templates, embeddings, and their readers."""
