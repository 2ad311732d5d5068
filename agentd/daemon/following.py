"""What other daemons record, handed on here as this daemon's own records are.

The rules this file keeps: what is handed on is the journal, each record once and in its order; and
between two batches of the writer, as if it were one itself. So whoever has looked for something in
a batch, and waits because there was nothing, is there by the time that what came later is told.

As long as somebody waits here, the daemon listens, and reads at once what it hears of. Nothing is
lost between his look and that: once it listens, it reads. Where nobody waits, it listens to nothing
and reads once a second: daemons that are all busy have no use for each other's news, and to hear of
every commit costs a daemon a third of what it costs to make them, to read all of a second's at once
next to nothing. The same look is the net for what a notification should have told, and shows
whether the server is there.
"""

from collections.abc import Callable, Sequence

from agentd.daemon.follower_thread import FollowerThread
from agentd.daemon.in_order import InOrder
from agentd.daemon.log import logger
from agentd.daemon.timer import PeriodicTimer
from agentd.journal import Recorded
from agentd.store.protocols.following import Follower, Piece

LOOK_SECONDS = 1.0
"""Between two looks at what was not told."""

END_SECONDS = 0.5
"""How long the thread may take to end."""


class Following:
    """From its making until `stop`. On the event loop's thread."""

    def __init__(
        self,
        follower: Follower,
        last_seq: int,
        hand_on: Callable[[Sequence[Recorded]], None],
        is_busy: Callable[[], bool],
        is_awaited: Callable[[], bool],
    ) -> None:
        """`last_seq` is the end of the journal that needs not be handed on.

        `is_busy`: a batch is under way, and `note_batch_end` is called when it no longer is.
        `is_awaited`: somebody waits for what may be recorded.
        """
        self._order = InOrder(last_seq)
        self._to_hand_on = hand_on
        self._is_busy = is_busy
        self._is_awaited = is_awaited
        self._listens = False
        self._was_awaited = False  # since the last look
        self._is_reading = False
        self._reads_behind = last_seq
        self._is_due = False  # there may be something behind all that is known of
        self._stopped = False
        self._thread = FollowerThread(follower, self._read_all, self._take)
        self._timer = PeriodicTimer(LOOK_SECONDS, self.look)
        self._timer.start()

    def committed(self, recorded: Sequence[Recorded]) -> None:
        """Hand on what this daemon has recorded, as soon as all that is before it was."""
        if recorded:
            self._order.add_own(recorded)
            # Whoever looked in the same batch is not there yet for what was recorded behind it.
            self._hand_on(recorded[-1].seq)

    def note_batch_end(self) -> None:
        """A batch is over, and whoever waits because of it is there."""
        if self._is_awaited():
            self.somebody_waits()
        self._hand_on()
        self._read_on()

    def somebody_waits(self) -> None:
        """Somebody does, or is about to: hear of everything from now on."""
        self._was_awaited = True
        if not self._listens and not self._stopped:
            self._listens = True
            self._thread.listen(on=True)

    def look(self) -> None:
        """Read what nobody told of."""
        self._thread.check()
        if self._listens and not (self._was_awaited or self._is_awaited()):
            self._listens = False
            self._thread.listen(on=False)
        self._was_awaited = False
        self._read_all()

    def stop(self) -> None:
        """Hand on nothing more."""
        self._stopped = True
        self._timer.stop()
        self._thread.stop()

    def close(self) -> None:
        """Nobody is left."""
        self._thread.join(END_SECONDS)

    def _read_all(self) -> None:
        self._is_due = True
        self._read_on()

    def _read_on(self) -> None:
        """Read what is wanted, once all that was read was handed on."""
        if self._is_reading or self._order.has_read or self._stopped:
            return
        gap_before = self._order.gap_before
        if self._is_due:
            self._is_due = False
            self._read(None)
        elif gap_before is not None and self._listens:
            self._read(gap_before)

    def _read(self, before: int | None) -> None:
        self._is_reading = True
        self._reads_behind = self._order.end
        self._thread.read(self._reads_behind, before, self._order.own())

    def _take(self, piece: Piece | None) -> None:
        self._is_reading = False
        if piece is None:
            self._is_due = True  # once there is a connection, that is told
            return
        if piece.end < self._reads_behind:
            logger.warning(
                "the journal ends at %d, before %d: its database was restored, or its server's "
                "place was taken by one with less in it",
                piece.end,
                self._reads_behind,
            )
            self._order.fall_back(piece.end)
        self._order.add_read(piece)
        self._is_due = self._is_due or piece.more
        self._hand_on()
        self._read_on()

    def _hand_on(self, until: int | None = None) -> None:
        if not self._is_busy() and (records := self._order.take(until)):
            self._to_hand_on(records)
