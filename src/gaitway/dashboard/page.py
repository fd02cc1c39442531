"""Plots and pages of reports, each one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import jinja2
import matplotlib
import numpy as np
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#1f6fb4", "#d9772b", "#8a919b"
_STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "axes.edgecolor": "#8a919b",
}


def render_page(template: str, **values: Any) -> str:
    """A template of this package, filled in; a value that it asks for and does not get is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gaitway.dashboard"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template(template).render(**values)


def smoothed(values: np.ndarray, window: int = 15) -> np.ndarray:
    """Mean over the newest `window` values."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    index = np.arange(1, len(values) + 1)
    first = np.maximum(0, index - window)
    return (sums[index] - sums[first]) / (index - first)


def plot(draw: Callable[[Figure], None], size: tuple[float, float]) -> str:
    """A figure as a PNG data URI."""
    return data_uri(plot_png(draw, size))


def plot_png(draw: Callable[[Figure], None], size: tuple[float, float]) -> bytes:
    """A figure as a PNG file; its size is in inches."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=144)
    return buffer.getvalue()


def data_uri(png: bytes) -> str:
    """A PNG file as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
