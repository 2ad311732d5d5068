"""The texts of systemd's units: the socket, the daemon, and a template for each kind of worker.

The rule this file keeps: the same plan gives the same texts, byte for byte, and each setting that
is not plain has its reason beside it. What an older systemd does not know
(Type=exec: before 240, OOMPolicy=: before 243) it passes over.
"""

from collections.abc import Iterator, Mapping

from agentd.service.plan import Plan, Worker
from agentd.service.quoting import bare_path, quoted_assignment, quoted_command

SERVICE = "agentd.service"
SOCKET = "agentd.socket"
MARK = "# Written by `agentd service install`"
WORKERS_MARK = "# --workers "
"""Before what a worker was asked for with: so it is kept when the service is written anew."""

_HEAD = """\
{mark} of agentd {version}.
# What is changed here is lost when that runs again: `systemctl --user edit {unit}`.
"""

_SOCKET = """
[Unit]
Description=agentd's socket: who connects starts the daemon

[Socket]
ListenStream={socket}
SocketMode=0600
DirectoryMode=0700
# Else a client finds a socket that nobody will ever listen on.
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
"""

_SERVICE = """
[Unit]
Description=agentd, which keeps the state of AI agents' work
# Stopping the socket stops the daemon: else the next client would start it again.
Requires={socket}
After={socket}
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
{variables}
# One that migrates a large database asks for more while it works; one that hangs is ended.
TimeoutStartSec=90
TimeoutStopSec=30
WatchdogSec=60
Restart=on-failure
RestartSec=1
# Settings that do not parse, another agentd, a database that is refused: no repeat mends these.
RestartPreventExitStatus=2 4 5
KillMode=mixed
# A command of AGENTD_NOTIFY that takes too much memory takes the daemon with it otherwise.
OOMPolicy=continue
UMask=0077
# What a user's manager can do without privileges. What needs a user namespace (ProtectSystem=, say)
# would show the daemon its clients as nobody. NETLINK is how AGENTD_NOTIFY's programs find names.
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=default.target
Also={socket}
"""

_WORKER = """{mark}{told}

[Unit]
Description=agentd worker {name} %i
# To the socket, not to the daemon: a daemon that is started anew takes no worker's work from it.
BindsTo={socket}
After={socket} {service}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
{variables}
Restart=always
RestartSec=10
# A command line that is not understood.
RestartPreventExitStatus=2
# The worker ends its command itself, within its --grace, and gives the node back.
KillMode=mixed
TimeoutStopSec=10min
OOMPolicy=continue

[Install]
WantedBy={socket}
"""


def unit_texts(plan: Plan) -> Iterator[tuple[str, str]]:
    """The name and the text of every unit. Raises `BadSetting`."""
    values = {"socket": bare_path(str(plan.socket))}
    yield SOCKET, _head(plan, SOCKET) + _SOCKET.format(**values)
    values = {"socket": SOCKET, "variables": _assignments(plan.variables)}
    values["command"] = quoted_command([*plan.program, "serve"])
    yield SERVICE, _head(plan, SERVICE) + _SERVICE.format(**values)
    for worker in plan.workers:
        name = template_name(worker.told.name)
        yield name, _head(plan, name) + _worker_text(plan, worker)


def template_name(worker: str) -> str:
    """The template of a worker's units."""
    return f"agentd-worker-{worker}@.service"


def instance_names(worker: Worker) -> list[str]:
    """The units of a worker, one for each of its processes."""
    template = template_name(worker.told.name)
    return [template.replace("@", f"@{number}") for number in range(1, worker.told.instances + 1)]


def _head(plan: Plan, unit: str) -> str:
    return _HEAD.format(mark=MARK, version=plan.version, unit=unit)


def _worker_text(plan: Plan, worker: Worker) -> str:
    return _WORKER.format(
        mark=WORKERS_MARK,
        told=worker.told.told,
        name=worker.told.name,
        socket=SOCKET,
        service=SERVICE,
        command=quoted_command(worker.words),
        variables=_assignments(plan.variables),
    )


def _assignments(variables: Mapping[str, str]) -> str:
    each = (quoted_assignment(name, value) for name, value in variables.items())
    return "\n".join(f"Environment={one}" for one in each)
