"""Reports of what was trained and run."""

from gaitway.dashboard.demo_report import render_demo_report
from gaitway.dashboard.training_report import render_training_report

__all__ = ["render_demo_report", "render_training_report"]
