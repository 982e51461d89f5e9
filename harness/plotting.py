"""What a plugin needs to draw plots like those of the core, for `Section.plots`: the same sizes, colours and markers.

A `Plot` is a table and a function that draws it, called when the style is set. `figure` and `facets` make figures of a
page's width, `looks` gives each method the same colour, marker and dashes everywhere, `order` the order of methods.
"""

from harness.report.figures import order
from harness.report.layout import WIDTH, facets, figure, legend_below
from harness.report.plot import Plot
from harness.report.style import INK, MUTED, PAPER, SIZE, Look, is_wide, looks, names, short, ticks, width

__all__ = [
    "INK",
    "MUTED",
    "PAPER",
    "SIZE",
    "WIDTH",
    "Look",
    "Plot",
    "facets",
    "figure",
    "is_wide",
    "legend_below",
    "looks",
    "names",
    "order",
    "short",
    "ticks",
    "width",
]
