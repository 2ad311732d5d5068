"""What waits for something that is left out, and runs nevertheless.

The rule this file keeps: the order stays: in the place of what is left out stands what that waits
for.
"""

from collections.abc import Mapping, Sequence


def reach_through(
    key: str, needs: Mapping[str, Sequence[str]], left_out: Mapping[str, str]
) -> list[str]:
    """What a node waits for, by what each one needs: nothing of it is left out."""
    found: dict[str, None] = {}
    waiting, seen = [*reversed(needs.get(key, ()))], {key}
    while waiting:
        each = waiting.pop()
        if each not in left_out:
            found[each] = None
        elif each not in seen:
            seen.add(each)
            waiting += reversed(needs.get(each, ()))
    return [*found]
