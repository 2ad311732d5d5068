"""Text as roff, the language of man pages.

The rule this file keeps: what comes in is shown letter by letter; no part of it is an instruction
to the formatter.
"""

_ESCAPES = str.maketrans(
    {
        "\\": r"\e",
        "-": r"\-",
        "'": r"\(aq",
        "`": r"\(ga",
        "^": r"\(ha",
        "~": r"\(ti",
    }
)


def escape(text: str) -> str:
    """The text for the middle of a line; a full stop at its beginning is no request."""
    escaped = text.translate(_ESCAPES)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def bold(text: str) -> str:
    """What is typed as it stands."""
    return rf"\fB{escape(text)}\fR"


def italic(text: str) -> str:
    """What stands for something else."""
    return rf"\fI{escape(text)}\fR"


def section(title: str) -> list[str]:
    """The head of a section."""
    return [f".SH {escape(title)}"]


def entry(term: str, told: str) -> list[str]:
    """A term, roff already, and what is told of it, further in."""
    return [".TP", term, escape(told)]


def verbatim(text: str) -> list[str]:
    """Lines that keep their breaks and their columns, from the first one on: they are long."""
    lines = (escape(line) for line in text.strip("\n").splitlines())
    return [".nf", ".in 0", *lines, ".in", ".fi"]
