"""Taking a service away: `agentd service uninstall`.

The rule this file keeps: only what is ours goes, and no data: the home stays as it is.
"""

from pathlib import Path

from agentd.errors import Failure
from agentd.service.failures import NoServiceManager
from agentd.service.files import Change, write
from agentd.service.lingering import Lingering
from agentd.service.manager import Manager


def there(manager: Manager) -> list[Change]:
    """What there is to remove."""
    return [Change(path, text, None) for path, text in manager.ours().items()]


def uninstall(manager: Manager, home: Path) -> tuple[list[Change], list[str]]:
    """Stop everything, and remove what is ours; what went, and what to say of it.

    Raises `ServiceFailed` where something does not stop: then all files are still there.
    """
    found = there(manager)
    remarks = []
    if found:
        try:
            manager.check()
            manager.take_down([], None)
        except NoServiceManager as error:
            remarks.append(f"nothing could be stopped: {_reason(error)}")
        for each in found:
            write(each)
        if not remarks:
            manager.forget()
    if manager.name == "systemd" and Lingering(manager.environment(), home).turn_off():
        remarks.append("lingering, which the service had turned on, is off again")
    return found, remarks


def _reason(error: Failure) -> str:
    return str(error).partition(":")[0]
