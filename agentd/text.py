"""Text of others, as it is shown to people.

The rule this file keeps: what somebody else wrote is text. It moves no cursor, sets no colour,
turns no line round and ends none: whatever a terminal would obey, or not show, is spelled out
(spaces of other widths, too: they are not seen to be there).
"""

_QUOTED = 80
"""Characters of a value that a message repeats."""


def printable(text: object) -> str:
    r"""What somebody wrote, on one line: `\x1b` stands for the character that steers terminals."""
    words = str(text)
    if words.isprintable():  # nearly always, and a goal may have a million characters
        return words
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


def printable_start(text: str, most: int) -> str:
    """The first so many characters of what somebody wrote, on one line."""
    return printable(text if len(text) <= most else f"{text[:most]}…")


def printable_json(written: bytes) -> str:
    r"""JSON that is the same value: `\u009b` stands for what `printable` spells out."""
    # Tabs and returns stand between values only: inside of a text they are escaped already.
    lines = written.decode(errors="replace").translate({9: " ", 13: " "}).split("\n")
    return "\n".join(line if line.isprintable() else _escape_line(line) for line in lines)


def malformed_reason(error: Exception) -> str:
    """Why something cannot be read as text or JSON, without a word of the libraries' own."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1:,} (0x{error.object[error.start]:02x}) is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    told = str(error)
    if "truncated" in told:
        return "it ends too early"
    return "an integer in it has too many digits" if "digits" in told else told


def quote(value: object) -> str:
    """Somebody's value in a message: as JSON, shortened, on one line."""
    import json  # noqa: PLC0415 - what is shown seldom needs it, and it costs a start 2 ms

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return printable(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…")


def _escape_line(line: str) -> str:
    import json  # noqa: PLC0415 - as above

    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)
