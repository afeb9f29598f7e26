"""Search: probes against a gallery, counted by photo and by identity."""
