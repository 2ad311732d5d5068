"""A task's graph in the languages that other programs draw: Mermaid and Graphviz' dot.

The rule this file keeps: a label is text. Whatever a user wrote in it, it ends no quote and is no
markup.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from agentd.api import NodeView
from agentd.states import STATES, State
from agentd.text import printable

_SHADES: Mapping[str, str] = {
    "RUNNING": "#ffe08a",
    "gate": "#b9c8f5",
    "FAILED": "#f4a6a0",
    "runnable": "#a6e3ec",
    "PENDING": "#eeeeee",
    "blocked": "#dcb8e8",
    "COMPLETED": "#b5e2b0",
}
_MERMAID_MARKUP = re.compile(r"""[^\w .,:;()/+=-]""")


def mermaid(
    nodes: Sequence[NodeView], labels: Mapping[str, str], found: Mapping[str, State]
) -> str:
    """The graph as a Mermaid flowchart."""
    numbers = {node.id: f"n{number}" for number, node in enumerate(nodes)}

    def lines() -> Iterator[str]:
        yield "flowchart TD"
        for node in nodes:
            label = _MERMAID_MARKUP.sub(lambda c: f"#{ord(c[0])};", printable(labels[node.id]))
            state = found[node.id].word
            yield f'    {numbers[node.id]}["{label}<br/>{state}"]:::{state}'
        for node in nodes:
            for other in node.dependencies:
                yield f"    {numbers[other]} --> {numbers[node.id]}"
        for word in _present_words(found):
            yield f"    classDef {word} fill:{_SHADES[word]},color:#222222"

    return "\n".join(lines())


def dot(nodes: Sequence[NodeView], labels: Mapping[str, str], found: Mapping[str, State]) -> str:
    """The graph as a Graphviz digraph."""

    def lines() -> Iterator[str]:
        yield "digraph task {"
        yield '    node [shape=box, style="rounded,filled", fontname="sans-serif"];'
        for node in nodes:
            label = printable(labels[node.id]).replace("\\", r"\\").replace('"', r"\"")
            state = found[node.id].word
            yield f'    "{node.id}" [label="{label}\\n{state}", fillcolor="{_SHADES[state]}"];'
        for node in nodes:
            for other in node.dependencies:
                yield f'    "{other}" -> "{node.id}";'
        yield "}"

    return "\n".join(lines())


def _present_words(found: Mapping[str, State]) -> list[str]:
    return [state.word for state in STATES if state in found.values()]
