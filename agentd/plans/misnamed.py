"""What other tools call the field that says what a node waits for.

The rule this file keeps: a dependency that nobody would read is a fault, for without it the plan
would be another one.
"""

from collections.abc import Mapping

from agentd.plans.part import Part

_NAMES = (
    *("after", "depend", "dependencies", "depends", "depends-on", "depends_on", "dependsOn"),
    *("need", "needs", "requires", "runAfter", "run_after", "waitFor", "wait_for"),
)


def fault_misnamed(fields: Mapping[str, Part], own: str) -> None:
    """Keep as faults the fields that name dependencies as this form, which has `own`, does not."""
    for name in _NAMES:
        if name in fields and name != own:
            written = fields[name].place.path[-1]
            told = (
                f"`{written}`: this form has no such field, and says in `{own}` what is waited for"
            )
            fields[name].fault(told)
