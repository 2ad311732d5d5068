"""JSON on standard output: indented for a person, one line for a program.

The rule this file keeps: for a program it is byte for byte as it came; on a terminal it is the same
values, with what steers terminals escaped. With `--json` a verb prints one envelope and nothing
else, here if it did what it was asked to, in `failures` if not.
"""

import sys

import msgspec

from agentd.text import printable_json


def print_json(result: bytes) -> None:
    """Print JSON, indented for a person, as it came for a program."""
    if sys.stdout.isatty():
        result = printable_json(msgspec.json.format(result, indent=2)).encode()
    sys.stdout.buffer.write(result + b"\n")
    sys.stdout.buffer.flush()


def print_data(data: object) -> None:
    """Print the envelope around what was found or done."""
    print_envelope({"ok": True, "data": data})


def print_envelope(envelope: object) -> None:
    """Print what a program reads, whatever became of the verb."""
    print_json(msgspec.json.encode(envelope))
