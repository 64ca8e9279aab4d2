"""Reports: one HTML page about runs, series and packaged networks, and its pictures as files."""

from tinymnist.report.api import Report, write_report
from tinymnist.report.contents import Entry

__all__ = ["Entry", "Report", "write_report"]
