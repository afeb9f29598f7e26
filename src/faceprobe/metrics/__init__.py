"""Metrics and their intervals, computed from a :class:`faceprobe.scores.ScoreSummary`."""
