"""Texts that some program, somewhere, has taken for an instruction.

The rule this file keeps: the list is by hand, from what has broken programs; the seed makes more of
them by joining, nesting and repeating. No text here is valid as an id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

SQL = [
    "' OR '1'='1",
    "'; DROP TABLE journal; --",
    '"; DELETE FROM tasks; --',
    "1); ATTACH DATABASE '/tmp/x' AS x; --",
    "' UNION SELECT group_concat(sql) FROM sqlite_master --",
    "%' ESCAPE '\\",
    "x' || load_extension('evil') || '",
    "`; PRAGMA journal_mode=DELETE; --",
    "?1 :goal @goal $goal",
    "\\'; VACUUM INTO '/tmp/x'; --",
    "COMMIT; BEGIN",
]
SHELL = [
    "; touch /tmp/agentd-was-here",
    "$(touch /tmp/agentd-was-here)",
    "`id`",
    "| cat /etc/passwd",
    "&& reboot",
    "${IFS}cat${IFS}$HOME",
    "> /dev/null 2>&1 &",
    "-rf --no-preserve-root /",
    "%PATH%",
    "!!",
    "~root",
    "*?[a-z]{a,b}",
]
PATHS = [
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/dev/stdin",
    "/proc/self/mem",
    "file:///etc/passwd",
    "agent_state.db",
    "agentd.sock",
    ".env",
    "a" * 300,
    "con",
    "nul.txt",
    "./-",
    "\\\\host\\share",
]
FORMATS = [
    "%s%s%s%n",
    "%(levelname)s",
    "{0.__class__.__mro__}",
    "{settings}",
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{% raw %}",
    "$$",
    "%%",
    "%d %i %999999999d",
    "f'{1}'",
    "\\g<0>\\1",
    "__import__('os').system('id')",
]
JSON = [
    '"',
    "\\",
    '\\"',
    '"}',
    '","method":"Health","x":"',
    '\n{"id":1,"method":"RegisterTask","params":{"goal":"smuggled"}}\n',
    '\r\n{"id":1}\r\n',
    "{}",
    "[]",
    "null",
    "NaN",
    "-0",
    "1e999",
    "9" * 400,
    "\\u0000",
    "\\ud800",
    "/*x*/",
    "]]>",
    "<script>alert(1)</script>",
    "<!--",
    "__proto__",
    "constructor",
]
TERMINAL = [
    "\x1b[2J\x1b[H",
    "\x1b]0;owned\x07",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b[31mERROR\x1b[0m",
    "\x9b31m",
    "\x90q\x9c",
    "\r2026-01-31T12:00:00.123Z INFO  all is well",
    "a\x08\x08b",
    "\x07" * 10,
    "\x00",
    "a\x00b",
    "\x7f",
    "\x0b\x0c",
    "\x1bc",
    "\t",
    "\x04\x1a",
]
UNICODE = [
    "\ufeffbom",
    "\u202egnp.exe",
    "\u2066\u2069",
    "\u200b\u200d\u2060",
    "\u2028\u2029\u0085",
    "\ufffe\uffff",
    "e\u0301 \u00e9",
    "\u0130\u0131\u017f\u212a",
    "Z\u0351\u036b\u0343\u036a" * 20,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea",
    "\U000e0061\U000e007f",
    "\U0010ffff",
    "\ue000",
    "\ufdfa",
    "\u0660\u0661\u0662",
    "\uff1b\uff07 OR \uff11=\uff11",
    "\u2126\u03a9",
    "\u1e9e\u00df ss",
    "\uac00 \u1100\u1161",
    "\u0e33\u0e4d\u0e32",
    "\u180e\u00a0\u3000",
    "日本語 العربية עברית ไทย",
    "",
    " ",
    "\u00ad",
]
BY_HAND = [*SQL, *SHELL, *PATHS, *FORMATS, *JSON, *TERMINAL, *UNICODE]


def injections(chance: random.Random, count: int) -> list[str]:
    """Return that many texts, the list's own first."""
    made = BY_HAND[:count]
    while len(made) < count:
        one, other = chance.choice(BY_HAND), chance.choice(BY_HAND)
        at = chance.randrange(len(one) + 1)
        made.append(
            chance.choice([one + other, one[:at] + other + one[at:], one * chance.randint(2, 9)])
        )
    return made
