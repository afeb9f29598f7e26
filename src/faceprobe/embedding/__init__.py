"""Embedding: decode, crop and preprocess photos, encode them, cache and store the vectors."""

from __future__ import annotations

from faceprobe.embedding.embed_dataset import check_local, check_readable, embed
from faceprobe.embedding.embed_result import Embedded, Excluded, count_reasons
from faceprobe.embedding.store import EmbeddingStore

__all__ = [
    "Embedded",
    "EmbeddingStore",
    "Excluded",
    "check_local",
    "check_readable",
    "count_reasons",
    "embed",
]
