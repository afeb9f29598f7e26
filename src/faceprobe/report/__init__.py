"""Results as tables, figures and one self-contained page."""

from __future__ import annotations

from faceprobe.report.page import write_report
from faceprobe.report.text.summary import summary_table

__all__ = ["summary_table", "write_report"]
