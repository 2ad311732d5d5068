"""A document in JSON Lines, as the list that it stands for.

The rule this file keeps: a line that is no JSON is a fault of that line, and reading goes on.
"""

import msgspec
from msgspec import Raw

from agentd.documents.faults import DocumentText, Fault
from agentd.text import malformed_reason


def parse_lines(text: str) -> DocumentText:
    """All lines as one list; lines with nothing on them are left out."""
    found: list[bytes] = []
    numbers: list[int] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            msgspec.json.decode(line, type=Raw)
        except (msgspec.MsgspecError, RecursionError) as error:
            faults.append((number, f": it is not valid JSON: {malformed_reason(error)}"))
            continue
        found.append(line.strip().encode())
        numbers.append(number)

    def line_of(path: tuple[str | int, ...]) -> int:
        return numbers[int(path[0])] if path and numbers else 1

    return DocumentText(b"[" + b",".join(found) + b"]", line_of, faults)
