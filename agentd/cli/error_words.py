"""An error in a few words: what a list has room for.

The rule this file keeps: nobody says how an error is to look, so what is not of a usual form is
shown as it is. `agentd node show` has all of it.
"""

from msgspec import MsgspecError, Raw, Struct, json


class _Usual(Struct):
    """What errors of agentd and of many agents have; each may be anything."""

    kind: Raw = Raw()
    exit_code: Raw = Raw()
    message: Raw = Raw()
    error: Raw = Raw()
    reason: Raw = Raw()
    stderr: Raw = Raw()


def error_words(payload: Raw, kind: str | None = None) -> str:
    """What went wrong: its kind, and a message or the last line of what was complained."""
    try:
        usual = json.decode(payload, type=_Usual)
    except (MsgspecError, UnicodeDecodeError, RecursionError):  # no object
        words = _text(payload) or bytes(payload).decode(errors="replace")
        return ": ".join(filter(None, (kind, "" if words == "null" else words)))
    told = (_last_line(each) for each in (usual.message, usual.error, usual.reason, usual.stderr))
    code = bytes(usual.exit_code).decode(errors="replace")
    parts = (
        kind or _text(usual.kind),
        f"exit code {code}" if code not in ("", "0", "null") else "",
        next(filter(None, told), ""),
    )
    return ": ".join(filter(None, parts)) or bytes(payload).decode(errors="replace")


def _last_line(value: Raw) -> str:
    lines = [line.strip() for line in _text(value).splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _text(value: Raw) -> str:
    """The text that it is, empty where it is none."""
    try:
        return json.decode(value, type=str)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
