"""Dashboard: pages and reports for people."""

from gaitway.dashboard.report import render_report

__all__ = ["render_report"]
