"""A stretch of the journal once more, under other settings: what would have come out.

The rule this package keeps: there is no second scheduler. Arrivals and work times are those of the
journal, and everything else is decided by the commands of the daemon, folded into tables of its
own: `recording` reads what happened, `play` has it happen again, and `figures` counts both. The
database is only read.
"""

from collections.abc import Sequence

from msgspec import Struct

from agentd.errors import BadSetting
from agentd.events import LimitClosed, LimitSet, NodeAdded, NodeUpdated
from agentd.rehearsal.assumptions import assumptions
from agentd.rehearsal.figures import Figures, Span
from agentd.rehearsal.play import Play
from agentd.rehearsal.policy import NAMED, SETTINGS, Policy, parse_policy
from agentd.rehearsal.recording import record_stretch
from agentd.rehearsal.stretch import Stretch, read_stretch
from agentd.suggestion import closest_name


class Course(Struct, frozen=True):
    """What came out, who worked when, and the owner of each worker by its number."""

    figures: Figures
    spans: Sequence[Span]
    owners: dict[int, str]


class Rehearsal(Struct, frozen=True):
    """What was and what would have been, and what that `assumes`. Times are Unix milliseconds.

    `cut`: it would not have ended, or only after ten times the time, and was not played further.
    """

    begin: int
    end: int
    events: int
    tasks: int
    was: Course
    would: Course
    assumes: list[str]
    cut: bool


def rehearse(stretch: Stretch, policy: Policy) -> Rehearsal:
    """Play the stretch under the policy. Raises `BadSetting` where no node names one of its limits.

    It takes as long as two folds of the stretch and the decisions in it.
    """
    _require_limits(stretch, policy)
    recording = record_stretch(stretch)
    played = Play(stretch, recording, policy).run()
    return Rehearsal(
        stretch.begin,
        recording.end,
        len(stretch.records),
        len(stretch.tasks),
        Course(
            recording.figures,
            recording.spans,
            {worker.number: worker.owner for worker in recording.workers},
        ),
        Course(
            played.figures,
            played.spans,
            {worker.number: worker.owner for worker in played.workers},
        ),
        assumptions(recording, played, policy),
        played.cut,
    )


def _require_limits(stretch: Stretch, policy: Policy) -> None:
    if not policy.limit_names:
        return
    known: set[str] = set()
    for recorded in (*stretch.before, *stretch.records):
        event = recorded.event
        if isinstance(event, LimitSet | LimitClosed):
            known.add(event.name)
        elif isinstance(event, NodeAdded | NodeUpdated) and event.settings is not None:
            known.update(event.settings.limits or ())
    for name in sorted(policy.limit_names - known):
        meant = closest_name(name, sorted(known))
        hint = f"; did you mean {meant!a}?" if meant else ""
        raise BadSetting(f"no node of that time names the limit {name[:64]!a}{hint}")


__all__ = [
    "NAMED",
    "SETTINGS",
    "Course",
    "Figures",
    "Policy",
    "Rehearsal",
    "Span",
    "Stretch",
    "parse_policy",
    "read_stretch",
    "rehearse",
]
