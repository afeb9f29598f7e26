"""The report of a run: tables, figures and sentences on one self-contained HTML page."""

from __future__ import annotations

from faceprobe.report.page import write_report
from faceprobe.report.tables.summary import summary_table

__all__ = ["summary_table", "write_report"]
