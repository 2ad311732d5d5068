"""Drawings of a task: its graph, its levels where it is large, and who worked when; as SVG.

The rule this package keeps: a drawing is made from values and is the same for the same values. What
others wrote in them is text; how things look is the stylesheet's to say (ui/static/drawing.css).
"""

from agentd.ui.drawing.drawn import Drawn
from agentd.ui.drawing.gantt import Bar, gantt_svg, span_bars
from agentd.ui.drawing.graph_svg import graph_svg
from agentd.ui.drawing.layout import CannotDraw, Graph, Layout, graph_of
from agentd.ui.drawing.layouts import Layouts
from agentd.ui.drawing.levels import Level, collapse, is_large, levels_svg
from agentd.ui.drawing.neighbourhood import Neighbourhood, neighbourhood

__all__ = [
    "Bar",
    "CannotDraw",
    "Drawn",
    "Graph",
    "Layout",
    "Layouts",
    "Level",
    "Neighbourhood",
    "collapse",
    "gantt_svg",
    "graph_of",
    "graph_svg",
    "is_large",
    "levels_svg",
    "neighbourhood",
    "span_bars",
]
