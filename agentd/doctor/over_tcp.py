"""The way over TCP: does a daemon answer there, and is its secret one?

The rule this file keeps: nobody is asked before the settings say that clients go this way.
"""

from collections.abc import Iterator

from agentd.client import Client
from agentd.client.address import TcpAddress
from agentd.doctor.finding import Finding, Subject, failed, ok
from agentd.doctor.process import PATIENCE_SECONDS, DaemonAnswer
from agentd.errors import BadSetting, DaemonUnreachable, RequestRefused
from agentd.secret_file import load_secret


def ask(address: TcpAddress) -> DaemonAnswer:
    """Ask the daemon how it is, where `AGENTD_ADDRESS` says."""
    try:
        with Client(address, PATIENCE_SECONDS) as client:
            health = client.health()
    except (BadSetting, DaemonUnreachable, RequestRefused) as error:
        advice = "do as it says; docs/agents.md has more of sandboxes, containers and ssh"
        return DaemonAnswer(failed("socket", str(error), advice))
    told = f"a daemon answers on {address}, and knows the secret"
    if (health.status, health.database) != ("ok", "ok"):
        told = f"{told}: {health.status}, database {health.database}"
        return DaemonAnswer(failed("socket", told, "look at the daemon's log"), answers=True)
    return DaemonAnswer(ok("socket", told), answers=True)


def secret(subject: Subject) -> Iterator[Finding]:
    """Is the secret, where there is one, for this user's eyes only?"""
    path = subject.secret_file
    if path is None or not path.exists():
        return
    try:
        load_secret(path)
    except BadSetting as error:
        yield failed("secret", *str(error).rsplit(": ", 1))
    else:
        yield ok("secret", f"{path}, for this user only")
