"""Which key does what, for the line at the bottom and for the help.

The rule this file keeps: the line has what one is likeliest to want where one is, and fits into 80
columns; the help has all.
"""

from collections.abc import Mapping
from types import MappingProxyType

TABS: Mapping[str, str] = MappingProxyType(
    {
        "tasks": "Tasks",
        "nodes": "Nodes",
        "graph": "Graph",
        "limits": "Limits & locks",
        "inbox": "Inbox",
        "journal": "Journal",
        "workers": "Workers",
    }
)
"""The tabs, by their names here, in their order."""

_NODE_KEYS = "o log  r R retry  l release  c cancel  p pause  a x gate  t past  ? help"

LINES: Mapping[str, str] = MappingProxyType(
    {
        "tasks": "enter nodes  R retry  c cancel  p pause  t past  / find  tab  ? help  q quit",
        "nodes": _NODE_KEYS,
        "graph": _NODE_KEYS,
        "limits": "/ find  tab next  ? help  q quit",
        "inbox": "a approve  x reject  R retry failed  enter go there  / find  ? help  q quit",
        "journal": "enter go there  End newest  / find  tab next  ? help  q quit",
        "workers": "/ find  tab next  ? help  q quit",
    }
)
"""What stands at the bottom."""

PAST = "← → event  [ ] 20 events  tab nodes or graph  Esc back to now  ? help"

HELP = (
    "Moving",
    "  ↑ ↓ PgUp PgDn Home End  move the cursor (also: k j g G)",
    "  Tab, Shift-Tab, 1 to 7  another tab",
    "  Enter                   a task's nodes; all about a node; where it happened",
    "  Esc                     back: from the past, from a filter, to the tasks",
    "  /                       only what has this in it; Enter keeps it, Esc ends it",
    "  mouse                   click a tab or a line, twice to open it; wheel",
    "",
    "Of the chosen task",
    "  R  try again all that FAILED (asks first)",
    "  p  pause it, or resume it",
    "  c  cancel it, and all below it (asks first)",
    "  t  look at it as it was: ← → go from event to event, [ ] by 20",
    "",
    "Of the chosen node",
    "  r  try it again (asks first)",
    "  l  take it from its holder, whose work is lost (asks first)",
    "  a  approve a gate, x reject it (asks first; a note may be given)",
    "  o  what its command wrote, if it ran on this machine",
    "",
    "  ?  this",
    "  q  quit",
    "",
    "States of nodes",
    "  ● RUNNING    somebody holds it",
    "  ✗ FAILED     for good, until it is tried again",
    "  ◇ gate       waits for a decision",
    "  ◎ runnable   the next worker who asks gets it",
    "  ○ PENDING    waits for something",
    "  ⊘ blocked    behind one that FAILED",
    "  ✓ COMPLETED  done",
    "",
    "Progress: # completed, ! failed, = running, . the rest",
    "/MIN: nodes that completed in the last minute, since this was opened",
)
