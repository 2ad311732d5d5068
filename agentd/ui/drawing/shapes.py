"""The outline of a box in each state: who sees no colours sees the shape.

The rule this file keeps: every state of `agentd.states` has its own, and all leave the same room
for text.
"""

from collections.abc import Mapping
from types import MappingProxyType

from agentd.states import BLOCKED, COMPLETED, FAILED, GATE, PENDING, RUNNABLE, RUNNING
from agentd.ui.layout.placed import BOX_HEIGHT, BOX_WIDTH

TEXT_LEFT = 15
"""Pixels from a box's left edge to its text; as many are left at its right."""

_CUT = 9
_W, _H = BOX_WIDTH, BOX_HEIGHT


def _rounded_box(radius: int) -> str:
    across, down = _W - 2 * radius, _H - 2 * radius
    turn = f"a{radius} {radius} 0 0 1"
    return (
        f"M{radius} 0h{across}{turn} {radius} {radius}v{down}{turn} -{radius} {radius}"
        f"h-{across}{turn} -{radius} -{radius}v-{down}{turn} {radius} -{radius}z"
    )


_OCTAGON = (
    f"M{_CUT} 0H{_W - _CUT}L{_W} {_CUT}V{_H - _CUT}L{_W - _CUT} {_H}H{_CUT}L0 {_H - _CUT}V{_CUT}z"
)
_POINTED = f"M13 0H{_W - 13}L{_W} {_H // 2}L{_W - 13} {_H}H13L0 {_H // 2}z"
_FOLDED = f"M0 0H{_W - _CUT}L{_W} {_CUT}V{_H}H0z"

OUTLINES: Mapping[str, str] = MappingProxyType(
    {
        COMPLETED.word: _rounded_box(6),
        FAILED.word: _OCTAGON,
        RUNNING.word: _rounded_box(_H // 2),
        GATE.word: _POINTED,
        RUNNABLE.word: f"M0 0H{_W}V{_H}H0z",
        PENDING.word: _rounded_box(5),
        BLOCKED.word: _FOLDED,
    }
)
"""The `d` of a path, by the state's word. What is dotted or dashed besides, the stylesheet says."""
