"""Runs, series and packaged networks as pictures, and on one page that holds all of it."""

from tinymnist.report.api import Report, write_report
from tinymnist.report.contents import Entry

__all__ = ["Entry", "Report", "write_report"]
