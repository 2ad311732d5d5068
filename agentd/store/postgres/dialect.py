"""SQLite's SQL as PostgreSQL says it.

The rule this file keeps: the questions are written once (`store.sql`), in the words that both
engines know. What only SQLite spells so is named here, and nothing else is rewritten: what is
bound, what tells SQLite's planner which index to take, the lists that are bound as JSON, and parts
that are merged.
"""

import re
from functools import cache
from itertools import count

_VALUE = r"(?:value|CAST\(value AS BIGINT\))"
_CHANGES = (
    (re.compile(r"\?(\d+) IS NULL"), r"?\1::text IS NULL"),  # which type is bound is not told else
    (re.compile(r" INDEXED BY \w+"), ""),
    # `+column`: no index on it. PostgreSQL has no + for texts.
    (re.compile(r"(?<=[\s(,])\+(task_id)\b"), r"(\1 || '')"),
    # A list, whose length the server would have to guess, is looked up in the index one by one.
    (re.compile(rf"\bIN (\(SELECT {_VALUE} FROM json_each\(\?\d*\)\))"), r"= ANY (ARRAY\1)"),
    (re.compile(r"\bjson_each\("), "json_array_elements_text("),
    (re.compile(r"\bgate = 0\b"), "NOT gate"),
    (re.compile(r"\bGLOB (\?\d+)"), r"LIKE (SELECT like_of_glob(\1))"),
    (re.compile(r"\bCROSS JOIN\b"), "JOIN"),  # which keeps the order for SQLite's planner
)
_PARTS = re.compile(r"(SELECT .+ UNION ALL SELECT .+)( ORDER BY version(?: DESC)?)( LIMIT .+)?")
_BOUND = re.compile(r"\?(\d*)")


@cache
def to_postgres(sql: str) -> str:
    """The statement with `$1`, `$2`, … in the place of what is bound."""
    if merged := _PARTS.fullmatch(sql):
        sql = _merge(*merged.groups(""))
    for pattern, replacement in _CHANGES:
        sql = pattern.sub(replacement, sql)
    numbers = count(1)
    return _BOUND.sub(lambda found: f"${found[1] or next(numbers)}", sql)


def _merge(parts: str, order: str, rest: str) -> str:
    """Parts that are each in this order: else they are read to their ends, and sorted."""
    ordered = (f"({part}{order})" for part in parts.split(" UNION ALL "))
    return f"{' UNION ALL '.join(ordered)}{order}{rest}"
