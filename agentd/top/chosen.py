"""What is chosen on the screen, and which command a key gives about it.

The rule this file keeps: a key that does not fit what is chosen says what it is for; nothing is
done to what was.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from agentd.api import Decision
from agentd.inbox.waiting import Waiting
from agentd.live import NodeRow, TaskRow
from agentd.top import commands
from agentd.top.commands import Command, Refused
from agentd.top.main import Main
from agentd.top.model import Model


class Chosen:
    """Of one screen."""

    def __init__(self, model: Model, main: Main, by: str) -> None:
        self._model = model
        self._main = main
        self._by = by

    @property
    def node(self) -> NodeRow | None:
        """The node that the cursor stands on, where nodes are seen."""
        if self._main.tab not in ("nodes", "graph"):
            return None
        return self._model.nodes.get(self._main.node_id or "")

    @property
    def at(self) -> int | None:
        """The seq after which it is looked at; None: now."""
        past = self._model.past
        return past.event.seq if past is not None and past.event is not None else None

    def require_node(self) -> NodeRow:
        """The same. Raises `Refused`."""
        if (node := self.node) is None:
            raise Refused("choose a node first: Enter on a task shows its nodes")
        return node

    def require_task(self) -> TaskRow:
        """The chosen task. Raises `Refused`."""
        live = self._model.live
        if live is None:
            raise Refused("choose a task first")
        return TaskRow(  # what events have told already, not what was asked for a second ago
            live.task.id,
            live.task.goal,
            live.state,
            live.counts,
            runnable=False,
            created_at=live.task.created_at,
            labels={},
            parent=None,
        )

    def _seen_task(self) -> TaskRow:
        """The chosen task, where it is seen which that is. Raises `Refused`."""
        if self._main.tab not in ("tasks", "nodes", "graph"):
            raise Refused("choose a task first: 1 shows the tasks, Enter here goes to one")
        return self.require_task()

    def command(self, name: str) -> Command:
        """What this key does to what is chosen. Raises `Refused`."""
        if self._model.past is not None:
            raise Refused("this is how it was: Esc goes back to now, where things can be done")
        return _COMMANDS[name](self)

    def retry(self) -> Command:
        """Try the node again. Raises `Refused`."""
        return commands.retry(self.require_task(), self.require_node(), self._by)

    def retry_all(self) -> Command:
        """Try again all that failed of the task. Raises `Refused`."""
        if self._main.tab != "inbox":
            return commands.retry_all(self._seen_task(), self._by)
        item = self._main.lines.item
        if not isinstance(item, Waiting) or item.kind != "failed" or not item.task_id:
            raise Refused("R tries again what FAILED; this is none")
        return commands.retry_failed(item.task_id, item.goal or "", item.text, self._by)

    def release(self) -> Command:
        """Take the node from its holder. Raises `Refused`."""
        return commands.release(self.require_task(), self.require_node())

    def cancel(self) -> Command:
        """Cancel the task. Raises `Refused`."""
        return commands.cancel(self._seen_task(), self._by)

    def pause(self) -> Command:
        """Pause the task, or resume it. Raises `Refused`."""
        return commands.pause_or_resume(self._seen_task(), self._by)

    def approve(self) -> Command:
        """Let the work behind the gate go on. Raises `Refused`."""
        return self._decide("a")

    def reject(self) -> Command:
        """Say no: the gate fails. Raises `Refused`."""
        return self._decide("x")

    def _decide(self, key: str) -> Command:
        decision: Decision = "approve" if key == "a" else "reject"
        if self._main.tab == "inbox":
            item = self._main.lines.item
            if not isinstance(item, Waiting) or item.kind != "gate" or not item.task_id:
                raise Refused(f"{key} decides a gate that is open; this is none")
            label = item.name or item.node_id or ""
            return commands.decide(item.task_id, item.node_id or "", label, decision, self._by)
        node = commands.require_gate(self.require_node(), key)
        return commands.decide(self.require_task().id, node.id, node.label, decision, self._by)


_COMMANDS: Mapping[str, Callable[[Chosen], Command]] = MappingProxyType(
    {
        "retry": Chosen.retry,
        "retry_all": Chosen.retry_all,
        "release": Chosen.release,
        "cancel": Chosen.cancel,
        "pause": Chosen.pause,
        "approve": Chosen.approve,
        "reject": Chosen.reject,
    }
)
