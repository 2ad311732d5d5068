"""The names of fields in Dagu, of which several releases have had their own.

The rule this file keeps: all that mean the same are read by the newest.
"""

import re
from collections.abc import Mapping

from agentd.plans.part import Part, null_left_out

_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snake(fields: Mapping[str, Part]) -> dict[str, Part]:
    """The fields by their newer names: `retryPolicy` was what `retry_policy` is now."""
    found: dict[str, Part] = {}
    for name, part in null_left_out(dict(fields)).items():
        newer = _CAPITAL.sub(r"_\1", name).lower()
        newer = {"precondition": "preconditions", "timeout": "timeout_sec"}.get(newer, newer)
        if newer in found:
            part.fault(f"`{name}` and another name of `{newer}` are given: give one")
        found[newer] = part
    return found
