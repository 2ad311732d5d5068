"""Which tasks there are.

The rule this file keeps: however few of them fit what is asked for, a call looks at so many, and
says where the next one is to go on.
"""

from collections.abc import Iterator, Mapping

from msgspec import UNSET

from agentd.api import ListTasksParams, ListTasksResult, TaskSummary, rfc3339, to_milliseconds
from agentd.events import TaskRegistered
from agentd.projections import TaskRow, TaskStateRow
from agentd.queries.counts import count_by_status
from agentd.queries.pages import take_page
from agentd.queries.queue import Takeable, hands_out
from agentd.queries.registration import registration_of
from agentd.queries.task_states import state_of_task, state_row
from agentd.store import Reader

MOST_LOOKED_AT = 10_000
"""Tasks that one call looks at."""

_AT_ONCE = 500


def list_tasks(reader: Reader, params: ListTasksParams, now: int) -> ListTasksResult:
    """A page of the tasks, at that moment (Unix milliseconds)."""
    look = _Look(reader, params, now)
    page = take_page(look.matches(), params.limit)
    place = page.last if page.more else look.last if look.is_cut else None
    return ListTasksResult(page.entries, place)


class _Look:
    """The tasks that fit, in their order, among those that one call looks at."""

    def __init__(self, reader: Reader, params: ListTasksParams, now: int) -> None:
        self._can_take = Takeable(reader, frozenset(), now)
        self._reader = reader
        self._params = params
        self._goal = params.goal_contains.casefold()
        self._since = None if params.since is None else to_milliseconds(params.since, "$.since")
        self._until = None if params.until is None else to_milliseconds(params.until, "$.until")
        self.last = 0
        self.is_cut = False

    def matches(self) -> Iterator[tuple[int, TaskSummary]]:
        """Each with its place."""
        place, left = self._params.before, MOST_LOOKED_AT
        while left:
            # One more than the page has, to see whether it is the last.
            asked = min(left, max(self._params.limit + 1, _AT_ONCE if left < MOST_LOOKED_AT else 1))
            rows = self._candidates(place, asked)
            states = self._reader.states_of([row.task_id for row in rows])
            for row in rows:
                place = self.last = row.registered_seq
                if (summary := self._match(row, states)) is not None:
                    yield place, summary
            if len(rows) < asked:
                return
            left -= asked
        self.is_cut = True

    def _candidates(self, place: int | None, limit: int) -> list[TaskRow]:
        reader, params = self._reader, self._params
        if params.runnable:
            return reader.runnable_tasks(params.prefix, place or 0, limit)
        if params.parent_task_id is not None:
            return reader.children(params.parent_task_id, place, limit)
        return reader.tasks(params.prefix, place, limit)

    def _match(self, row: TaskRow, states: Mapping[str, TaskStateRow]) -> TaskSummary | None:
        params = self._params
        if not self._fits_row(row):
            return None
        state = states.get(row.task_id) or state_row(self._reader, row.task_id)  # which raises
        if params.runnable and not hands_out(self._reader, row.task_id, self._can_take):
            return None
        if params.state is not None and state_of_task(self._reader, state) != params.state:
            return None
        _, event = registration_of(self._reader, row)
        return self._summary(row, state, event) if self._fits_event(event) else None

    def _fits_row(self, row: TaskRow) -> bool:
        params, since, until = self._params, self._since, self._until
        return (
            row.task_id.startswith(params.prefix)
            and params.parent_task_id in (None, row.parent_task_id)
            and (since is None or since <= row.created_at)
            and (until is None or row.created_at < until)
        )

    def _fits_event(self, event: TaskRegistered) -> bool:
        wanted = self._params.label.items()
        return wanted <= event.labels.items() and self._goal in event.goal.casefold()

    def _summary(self, row: TaskRow, state: TaskStateRow, event: TaskRegistered) -> TaskSummary:
        reader = self._reader
        return TaskSummary(
            row.task_id,
            event.goal,
            rfc3339(row.created_at),
            count_by_status(state),
            bool(state.pending) and hands_out(reader, row.task_id, self._can_take),
            state_of_task(reader, state),
            row.parent_task_id or UNSET,
            dict(event.labels) or UNSET,
        )
