"""What becomes of a service's files, for people and for programs."""

from agentd.cli.screen import console, is_terminal, plain_text, print_fields
from agentd.service.files import Change, What

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def show_change(change: Change) -> None:
    """One line, and on a terminal what differs in a file that was there before."""
    if not is_terminal():
        print_fields(change.what, change.path)
        return
    screen = console()
    screen.print(plain_text(f"{change.what:10}{change.path}"), soft_wrap=True)
    if change.what is What.CHANGED:
        for line in change.difference()[2:]:
            screen.print(plain_text(f"  {line}", _COLOURS.get(line[:1], "")), soft_wrap=True)
