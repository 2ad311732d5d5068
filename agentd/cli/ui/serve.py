"""`agentd ui`: serve pages to a browser on this machine until told to stop."""

import argparse
import contextlib
import os
import sys
import threading

from agentd.cli.extras import require_extra
from agentd.cli.remarks import say
from agentd.cli.signals import stop_like_an_interrupt
from agentd.cli.user import user_name
from agentd.client import Client
from agentd.client.away import AWAY

_FOR_PEOPLE = """\
agentd ui: this link lets one browser in, within ten minutes; `kill -USR1 {pid}`
prints another. Ctrl-C ends the pages."""


def run(options: argparse.Namespace) -> int:
    """Serve. Raises `Failure` where what it needs is not installed, `PortTaken`."""
    require_extra("agentd ui", "web", ("starlette", "uvicorn", "sse_starlette", "jinja2"))
    from agentd.ui.serve import serve

    stop_like_an_interrupt()
    _look_for_daemon()
    is_first = True

    def invite(link: str) -> None:
        nonlocal is_first
        if is_first:
            print(_FOR_PEOPLE.format(pid=os.getpid()), file=sys.stderr, flush=True)
        print(link, flush=True)
        if is_first and options.opens and _has_screen():
            threading.Thread(target=_open, args=(link,), daemon=True).start()
        is_first = False

    serve(options.port, invite, allow_actions=options.allow_actions, by=user_name())
    return 0


def _look_for_daemon() -> None:
    """Say where none is there: pages are shown all the same, and wait for it."""
    try:
        with Client() as client:
            client.health()
    except AWAY as error:
        say(f"{error}; the pages go on as soon as a daemon is there")


def _has_screen() -> bool:
    """Whether there is one that a browser could be on."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform == "darwin" or any(os.environ.get(each) for each in screens)


def _open(link: str) -> None:
    """In the browser that there is; who has none opens the link by hand."""
    import webbrowser

    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(link)
