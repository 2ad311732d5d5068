"""A worker whose daemon goes away: it keeps what was finished, and says what is the matter once."""

import logging
import re
import threading
import time

import pytest

from agentd import AsyncLease, Client, Lease, Worker
from agentd.api import FailNodeResult
from agentd.worker.ending_log import log_end
from tests.daemon_process import DaemonProcess
from tests.working import node, task, until


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_trouble_is_said_once(
    daemon: DaemonProcess, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """However often a result is told in vain, the log says so once."""

    def come_back_when_that_is_said() -> None:
        try:
            until(lambda: any(each.startswith("CompleteNode") for each in caplog.messages))
            time.sleep(1)  # it is told in vain some more times
        finally:
            daemon.start()

    back = threading.Thread(target=come_back_when_that_is_said)

    def finish_without_a_daemon() -> str:
        daemon.kill()
        back.start()
        return "done"

    def handle(_lease: Lease) -> str:
        return finish_without_a_daemon()

    async def handle_async(_lease: AsyncLease) -> str:
        return finish_without_a_daemon()

    caplog.set_level(logging.WARNING, "agentd.worker")
    with Client(daemon.socket_path) as client:
        task_id = task(client, 1)
        client.timeout = 0.5
        Worker(client, handle if kind == "blocking" else handle_async, task_id=task_id).run()
        back.join()
        client.timeout = 30.0
        assert node(client, task_id).status == "COMPLETED"
    told = [message for message in caplog.messages if message.startswith("CompleteNode")]
    assert 1 <= len(told) == len(set(told))


def test_a_failure_that_is_tried_again_later(caplog: pytest.LogCaptureFixture) -> None:
    """The log says when; by default an attempt that fails is the node's end."""
    later = FailNodeResult("e", status="PENDING", attempt=2, not_before=time.time() + 3600.9)
    log_end("build", ValueError("broken"), later)
    log_end("test", ValueError("broken"), FailNodeResult("e"))
    assert re.fullmatch(
        r"node build failed \(attempt 2\), and is tried again in 36\d\d s: ValueError\('broken'\)",
        caplog.messages[0],
    )
    assert caplog.messages[1] == "node test failed: ValueError('broken')"
