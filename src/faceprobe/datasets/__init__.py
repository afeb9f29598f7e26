"""Datasets: each gives one :class:`FaceTable`. Names are ``NAME`` or ``NAME:PATH?options``."""

from __future__ import annotations

from faceprobe.datasets.base import Dataset, DatasetCard
from faceprobe.datasets.registry import DATASETS, list_datasets, load_dataset

__all__ = ["DATASETS", "Dataset", "DatasetCard", "list_datasets", "load_dataset"]
