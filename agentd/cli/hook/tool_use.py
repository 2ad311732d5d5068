"""`agentd hook tool-use`: an agent that uses tools is there, so it keeps what it holds.

The rules this file keeps: leases are found in the journal, behind the place up to which it was read
before, so a question is as long as what happened since. What a command of `agentd work` holds is
left to its worker.
"""

import argparse
import os
import time

from agentd.cli.hook import patience
from agentd.cli.hook.bounded import bounded_at_tool
from agentd.cli.hook.session import Session
from agentd.cli.hook.telling import read_telling

_EVERY_SECONDS = 20.0


def run(_options: argparse.Namespace) -> int:
    """Extend the leases and locks of the session's agent, unless that was done a moment ago."""
    with bounded_at_tool():
        if not os.environ.get("AGENTD_LEASE_ID"):
            session = Session.of(read_telling())
            since = session.seconds_since_kept()
            if session.may_have_daemon and (since is None or since >= _EVERY_SECONDS):
                session.keep()  # before, so that hooks beside this one leave it alone
                from agentd.cli.hook.keeping import extend_all

                extend_all(session, time.monotonic() + patience.TOOL / 2)
                session.keep()
    return 0
