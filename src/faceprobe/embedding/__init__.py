"""Embedding: decode, crop and preprocess photos, encode them, cache and store the vectors."""

from __future__ import annotations

from faceprobe.embedding.embedded import Embedded, Excluded, count_reasons
from faceprobe.embedding.pipeline import check_local, embed
from faceprobe.embedding.store import EmbeddingStore

__all__ = ["Embedded", "EmbeddingStore", "Excluded", "check_local", "count_reasons", "embed"]
