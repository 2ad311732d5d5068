"""A stretch of the journal once more, under other settings: what would have come out.

The rule this package keeps: there is no second scheduler. Arrivals and work times are those of the
journal, and everything else is decided by the commands of the daemon, folded into tables of its
own: `recording` reads what happened, `play` has it happen again, and `figures` counts both. The
database is only read.
"""

from collections.abc import Sequence

from msgspec import Struct

from agentd.errors import Failure
from agentd.rehearsal.assumptions import assumptions
from agentd.rehearsal.figures import Figures, Span
from agentd.rehearsal.names import require_names
from agentd.rehearsal.play import Play
from agentd.rehearsal.policy import NAMED, SETTINGS, Policy, parse_policy
from agentd.rehearsal.recording import record_stretch
from agentd.rehearsal.stretch import Stretch, read_stretch


class Course(Struct, frozen=True):
    """What came out, who worked when, and the owner of each worker by its number."""

    figures: Figures
    spans: Sequence[Span]
    owners: dict[int, str]


class Rehearsal(Struct, frozen=True):
    """What was and what would have been, and what that `assumes`. Times are Unix milliseconds.

    So many nodes are `left`: they ended in fact, and would not have. `cut`: it would not have
    ended, or only after ten times the time, and was not played further.
    """

    begin: int
    end: int
    events: int
    tasks: int
    was: Course
    would: Course
    assumes: list[str]
    left: int
    cut: bool


def rehearse(stretch: Stretch, policy: Policy) -> Rehearsal:
    """Play the stretch under the policy.

    It takes as long as two folds of the stretch and the decisions in it.
    Raises `BadSetting` where nothing names the policy's limits or units, and `Failure` where nobody
    worked, nothing ended, and no workers are asked for.
    """
    require_names(stretch, policy)
    recording = record_stretch(stretch)
    worked = recording.attempts or recording.held or recording.targets
    if not worked and policy.workers is None:
        raise Failure(
            "no node was worked on, or ended, in that time: there is nothing to rehearse; --since "
            "looks further back"
        )
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
        played.left,
        played.cut,
    )


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
