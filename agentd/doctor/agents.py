"""Is what `agentd setup` put into the settings of agents still there?"""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from agentd.doctor.finding import Finding, Subject, failed, not_checked, ok, warning
from agentd.setup.harness import Part, Scope
from agentd.setup.look import look, runs
from agentd.setup.record import SetUp, read_record
from agentd.setup.refusal import CannotSetUp
from agentd.setup.target import Target, known_target


def setups(subject: Subject, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Each that was set up; nothing where nothing was."""
    if subject.home is None:
        yield not_checked("agents", "AGENTD_HOME")
        return
    try:
        record = read_record(subject.home)
    except CannotSetUp as error:
        yield failed("agents", str(error), "do as it says")
        return
    for known in record.setups:
        if known.is_there:
            yield _setup(known, known_target(known, environment), subject)


def _setup(known: SetUp, target: Target, subject: Subject) -> Finding:
    """One of them, in a line."""
    again = f"agentd setup {known.harness} --{known.scope}"
    if known.scope is Scope.PROJECT:
        again = f"cd {shlex.quote(known.folder)} && {again}"
    if not runs(known):
        told = f"{target.title} runs {known.program}, which is gone"
        return warning("agents", told, f"run `{again}` with the agentd that is to be run")
    problems = [
        f"{each.path}: {each.entry}: {each.problem}" for each in look(target, known) if each.problem
    ]
    if problems:
        return warning("agents", f"{target.title}: {'; '.join(problems)}", f"run `{again}`")
    has_socket = any(Part.SOCKET in file.parts for _, file in target.files)
    socket = subject.address if isinstance(subject.address, Path) else subject.socket_path
    if has_socket and str(socket or known.socket) != known.socket:
        told = f"{target.title} may use {known.socket}, and the socket is {socket}"
        return warning("agents", told, f"run `{again}`, or set AGENTD_SOCKET_PATH as it was")
    return ok("agents", f"{target.title}: in place, runs {known.program}")
