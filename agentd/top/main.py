"""The screen: what is going on at the top, one tab at a time below, and why something waits.

The rule this file keeps: it draws what the model has and asks for nothing; only the tab that is
seen is drawn.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Input

from agentd.top.bars import goal_parts, progress_parts, status_parts, tab_at, tab_parts
from agentd.top.graph import Graph, graph_lines
from agentd.top.inbox import Inbox, waiting_lines
from agentd.top.journal import Journal, event_lines
from agentd.top.keys import LINES, PAST, TABS
from agentd.top.limits import Limits, limit_lines
from agentd.top.lines import Bar, Item, Line, Lines, Part
from agentd.top.model import Model
from agentd.top.nodes import Nodes, node_lines
from agentd.top.tasks import Tasks, task_lines
from agentd.top.workers import Workers, worker_lines
from agentd.top.wrapped import wrap

_OF_A_TASK = ("nodes", "graph")
_WHY_LINES = 2
_TOLD_LINES = 3
_TOLD_SECONDS = 15.0


class _Tabs(Bar):
    """The names of the tabs; a click chooses one."""

    def on_click(self, event: events.Click) -> None:
        """The tab that was clicked."""
        if (name := tab_at(event.x)) is not None and isinstance(self.screen, Main):
            self.screen.action_tab(name)


class Main(Screen[None]):
    """All tabs; what is chosen in them is told by the messages of `Lines`."""

    CSS = """
    Main { background: ansi_default; color: ansi_default; overflow: hidden; }
    #panes { height: 1fr; }
    #panes > * { height: 1fr; }
    #overview { layout: vertical; }
    #overview > #tasks { height: 2fr; }
    #overview > Vertical { height: 3fr; }
    #told-1, #told-2 { display: none; }
    #filter { display: none; height: 1; border: none; padding: 0; background: ansi_default;
        color: ansi_default; }
    #filter:focus { border: none; background: ansi_default; background-tint: ansi_default 0%; }
    #filter.-shown { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_tab(1)", show=False),
        Binding("shift+tab", "next_tab(-1)", show=False),
        Binding("slash", "filter", show=False),
        *(
            Binding(str(number), f"tab('{name}')", show=False)
            for number, name in enumerate(TABS, start=1)
        ),
    ]

    class TabChosen(Message):
        """Another tab is seen."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model = model
        self._filters: dict[str, str] = {}
        self._why: Sequence[Part] = ()
        self._forgets: Timer | None = None
        self.tab = "tasks"
        self.node_id: str | None = None
        """The node that is chosen."""

        self._wanted: str | None = None

    def compose(self) -> ComposeResult:
        """The bars, and a list a tab."""
        yield Bar(id="status")
        yield _Tabs(id="tabs")
        with ContentSwitcher(initial="overview", id="panes"):
            with Container(id="overview"):
                yield Tasks(id="tasks")
                with Vertical():
                    yield Bar(id="about")
                    preview = Nodes(self._model.now, id="preview")
                    preview.can_focus = False
                    yield preview
            with Vertical(id="of-task"):
                yield Bar(id="goal")
                yield Bar(id="progress")
                yield Nodes(self._model.now, id="nodes")
                yield Graph(id="graph")
            yield Limits(id="limits")
            yield Inbox(id="inbox")
            yield Journal(id="journal")
            yield Workers(id="workers")
        for number in range(_WHY_LINES):
            yield Bar(id=f"why-{number}")
        for number in range(_TOLD_LINES):
            yield Bar(id=f"told-{number}")
        yield Input(id="filter", placeholder="only what has this in it", select_on_focus=False)
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """Begin with the tasks."""
        self.action_tab("tasks")

    @property
    def lines(self) -> "Lines[object]":
        """The list of the tab that is seen."""
        return self.query_one(f"#{self.tab}", Lines)

    @property
    def filter(self) -> str:
        """What the lines of this tab have in them."""
        return self._filters.get(self._filter_name, "")

    @property
    def _filter_name(self) -> str:
        return "nodes" if self.tab in _OF_A_TASK else self.tab

    def action_tab(self, name: str) -> None:
        """Show this tab; of the past there are only those of a task."""
        if self._model.past is not None and name not in _OF_A_TASK:
            return
        self.tab = name
        self._wanted = self.node_id
        is_of_task = name in _OF_A_TASK
        shown = "of-task" if is_of_task else "overview" if name == "tasks" else name
        self.query_one(ContentSwitcher).current = shown
        for each in _OF_A_TASK:
            self.query_one(f"#{each}").display = each == name
        self.end_filter_input()
        self.lines.focus()
        self.draw()
        self.post_message(self.TabChosen())

    def forget_node(self) -> None:
        """Another task is chosen: none of its nodes is, until its list is there."""
        self.node_id = self._wanted = None
        for each in _OF_A_TASK:
            self.query_one(f"#{each}", Lines).forget()
        self.explain(())

    def go_to(self, node_id: str | None) -> None:
        """Show the nodes of the chosen task, and one of them chosen."""
        self.node_id = node_id
        self.action_tab("nodes")

    def action_next_tab(self, by: int) -> None:
        """Show the next one, or the one before."""
        names = _OF_A_TASK if self._model.past is not None else tuple(TABS)
        at = names.index(self.tab) if self.tab in names else 0
        self.action_tab(names[(at + by) % len(names)])

    def action_filter(self) -> None:
        """Ask what the lines are to have in them."""
        asked = self.query_one("#filter", Input)
        asked.value = self.filter
        asked.add_class("-shown")
        asked.focus()

    def end_filter_input(self) -> None:
        """No more is typed; the filter stays."""
        asked = self.query_one("#filter", Input)
        if asked.has_class("-shown"):
            asked.remove_class("-shown")
            self.lines.focus()

    def clear_filter(self) -> bool:
        """Show all again; whether there was a filter."""
        was_typed = self.query_one("#filter", Input).has_class("-shown")
        self.end_filter_input()
        was_filtered = self._filters.pop(self._filter_name, "") != ""
        self.draw()
        return was_typed or was_filtered

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        if event.input.has_class("-shown"):
            self._filters[self._filter_name] = event.value
            self.draw()

    def on_input_submitted(self) -> None:
        """Keep the filter."""
        self.end_filter_input()

    def tell(self, words: str, *, is_good: bool = True) -> None:
        """Say what came of something, for a while."""
        if self._forgets is not None:
            self._forgets.stop()
        self._forgets = self.set_timer(_TOLD_SECONDS, self._forget)
        sign = ("✓ ", "green") if is_good else ("! ", "bold red")
        lines = wrap(words, max(self.size.width - 5, 10))[:_TOLD_LINES]
        for number in range(_TOLD_LINES):
            bar = self.query_one(f"#told-{number}", Bar)
            bar.display = number < max(len(lines), 1)
            text = lines[number] if number < len(lines) else ""
            bar.show([("  ", ""), ("  ", "") if number else sign, (text, "")])

    def _forget(self) -> None:
        for number in range(_TOLD_LINES):
            bar = self.query_one(f"#told-{number}", Bar)
            bar.display = number == 0
            bar.show([])

    def explain(self, parts: Sequence[Part]) -> None:
        """Say why what is chosen waits."""
        self._why = parts
        self._draw_why()

    def draw(self) -> None:
        """Draw what can be seen."""
        model, width = self._model, self.size.width
        self.query_one("#status", Bar).show(status_parts(model, width))
        self.query_one("#tabs", Bar).show(tab_parts(self.tab, model, self.filter))
        self.query_one("#keys", Bar).show(
            [("  " + (LINES[self.tab] if model.past is None else PAST), "dim")]
        )
        self.query_one("#goal", Bar).show(goal_parts(model, width))
        self.query_one("#progress", Bar).show(progress_parts(model, width))
        self._draw_why()
        self._drawers()[self.tab]()

    def _drawers(self) -> dict[str, Callable[[], None]]:
        board, wanted = self._model.board, self.filter
        return {
            "tasks": self._draw_tasks,
            "nodes": self._draw_nodes,
            "graph": self._draw_graph,
            "limits": lambda: self._show(Limits, limit_lines(board.limits, board.locks, wanted)),
            "inbox": lambda: self._show(Inbox, waiting_lines(board.waiting, wanted)),
            "journal": lambda: self._show(Journal, event_lines(self._model.kept.events, wanted)),
            "workers": lambda: self._show(Workers, worker_lines(board.workers, wanted)),
        }

    def _show(self, kind: type[Lines[Item]], lines: Sequence[Line[Item]]) -> None:
        self.query_one(f"#{self.tab}", kind).show(lines)

    def _draw_tasks(self) -> None:
        board = self._model.board
        self._show(Tasks, task_lines(board.tasks, self.filter, has_more=board.has_more))
        preview = self.query_one("#preview", Nodes)
        self.query_one("#about", Bar).show(progress_parts(self._model, preview.size.width))
        lines = node_lines(self._model.nodes.values(), "")
        preview.show([Line(None, line.item) for line in lines[: self.size.height]])

    def _draw_nodes(self) -> None:
        nodes = self.query_one("#nodes", Nodes)
        nodes.show(node_lines(self._model.nodes.values(), self.filter))
        self._put_cursor(nodes)

    def _draw_graph(self) -> None:
        graph, model = self.query_one("#graph", Graph), self._model
        cells = graph.size.width - 2
        graph.show(graph_lines(model.task_id or "", model.nodes, self.node_id, cells))
        self._put_cursor(graph)

    def _put_cursor(self, lines: Nodes | Graph) -> None:
        """On the node that is chosen, once: from then on keys move it."""
        if self._wanted is not None and lines.go_to(self._wanted):
            self._wanted = None

    def _draw_why(self) -> None:
        """Two lines of it: what has room."""
        is_told = self.tab in ("tasks", *_OF_A_TASK) and bool(self._why)
        text = "".join(text[:2000] for text, _ in self._why) if is_told else ""
        lines = wrap(text, max(self.size.width - 3, 10))
        for number in range(_WHY_LINES):
            shown = lines[number] if number < len(lines) else ""
            if number == _WHY_LINES - 1 and len(lines) > _WHY_LINES:
                shown = shown[:-1] + "…"
            self.query_one(f"#why-{number}", Bar).show([("  " + shown, "")])
