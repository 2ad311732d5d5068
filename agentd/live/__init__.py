"""What people look at, kept as the daemon says it: the model behind every live view.

The rule this package keeps: what an event tells is not asked for, what it does not tell is, a
bounded number of times a second; and after whatever may have been missed all is asked anew. It
knows no widget and no page.
"""

from agentd.live.attention import by_attention, silent_secs
from agentd.live.board import Board, TaskRow
from agentd.live.feed import Change, Feed
from agentd.live.node_row import NodeRow
from agentd.live.spans import SPAN_KINDS, Span, attempt_spans
from agentd.live.task_nodes import TaskNodes

__all__ = [
    "SPAN_KINDS",
    "Board",
    "Change",
    "Feed",
    "NodeRow",
    "Span",
    "TaskNodes",
    "TaskRow",
    "attempt_spans",
    "by_attention",
    "silent_secs",
]
