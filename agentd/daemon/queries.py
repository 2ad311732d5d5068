"""Queries run beside the writer, on threads and connections of their own.

The rule this file keeps: a read, however large, never holds up a write. SQLite gives each query one
consistent snapshot, and its steps run outside Python's interpreter lock.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from msgspec import Struct

from agentd.daemon.contexts import Contexts
from agentd.daemon.writer import log_fault
from agentd.decide import Context
from agentd.errors import InternalError, RequestRefused, StorageError
from agentd.methods import Method
from agentd.protocol import encode_error, encode_result
from agentd.store import CheckpointedStore

THREADS = 4
"""Queries at a time; each thread keeps one read connection."""


class Queries:
    """Answers queries with encoded lines."""

    def __init__(self, store: CheckpointedStore, contexts: Contexts) -> None:
        self._store = store
        self._contexts = contexts
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="query")

    def submit(
        self, method: Method, params: Struct, request_id: bytes, answer: Callable[[bytes], None]
    ) -> None:
        """Run the query and give its response line to `answer`, on the event loop's thread."""
        context = self._contexts.make()
        future = self._threads.submit(self._run, method, params, request_id, context)

        def done(future: Future[bytes]) -> None:
            if not future.cancelled():
                self._loop.call_soon_threadsafe(answer, future.result())

        future.add_done_callback(done)

    def close(self) -> None:
        """Wait for the queries that run; begin no more."""
        self._threads.shutdown(cancel_futures=True)

    def _run(self, method: Method, params: Struct, request_id: bytes, context: Context) -> bytes:
        try:
            return encode_result(request_id, self._result(method, params, context))
        except RequestRefused as refusal:
            return encode_error(request_id, refusal)
        except Exception as error:  # noqa: BLE001 - one query's fault is answered, not fatal
            log_fault(error)
            return encode_error(request_id, InternalError())

    def _result(self, method: Method, params: Struct, context: Context) -> object:
        assert method.query is not None  # noqa: S101 - commands go to the writer
        try:
            self._store.wait_for_turn()
            with self._store.read() as reader:
                return method.query(reader, params, context)
        except StorageError as error:
            if method.unready is None:
                raise
            return method.unready(error, context)
