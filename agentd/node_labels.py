"""What to call the nodes of a task, and ids beside each other, so that each is told from the rest.

The rule this file keeps: what is said of one stands for no other of those that are shown.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise, takewhile

from agentd.api import NodeView
from agentd.label import SHORTEST_ID
from agentd.references import node_name


def shorten_ids(ids: Iterable[str], shortest: int = SHORTEST_ID) -> dict[str, str]:
    """The shortest beginning of each id, from so many on, that stands for no other of them."""
    ordered = sorted(set(ids))
    lengths = dict.fromkeys(ordered, shortest)
    for one, other in pairwise(ordered):  # only neighbours share much
        shared = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
        )
        for each in (one, other):
            lengths[each] = max(lengths[each], shared + 1)
    return {each: each[:length] for each, length in lengths.items()}


def node_labels(nodes: Sequence[NodeView]) -> dict[str, str]:
    """What to call each node: its name where no other has it, else the end of its id."""
    return labels_of({node.id: node_name(node) for node in nodes})


def labels_of(names: Mapping[str, str | None]) -> dict[str, str]:
    """What to call each of these ids, most of which have names."""
    times = Counter(names.values())
    ends = shorten_ids(each[::-1] for each in names)
    return {
        each: chosen if chosen and times[chosen] == 1 else ends[each[::-1]][::-1]
        for each, chosen in names.items()
    }
