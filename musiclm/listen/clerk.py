"""One thread that decides and writes: all who vote at the same moment share one flush of the disk.

Flushing takes milliseconds and 50 raters may press the same second. The clerk takes what has
queued up, lets the desk decide on each, writes all in one transaction, and only then tells anybody.
If the database refuses, the desk forgets what was not written, reads it anew, and tries once more.

    clerk = Clerk(desk, votes)
    view = clerk.ask(lambda: desk.arrive(None, time.time())).result()
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from musiclm.listen.desk import Desk, Refused, View
from musiclm.listen.votes import Rows, Votes

MOST = 256  # answers in one transaction
ATTEMPTS = 2  # a connection may have been closed, or another server may use the same votes

Work = Callable[[], View]


class Clerk:
    """The only one who changes the desk and writes votes."""

    def __init__(self, desk: Desk, votes: Votes):
        self.desk, self.votes = desk, votes
        desk.load(votes.read())
        self._stale = False  # whether the desk may know other things than the database
        self._queue: queue.SimpleQueue[tuple[Work, Future[View]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
        self._thread.start()

    def ask(self, work: Work) -> "Future[View]":
        """What the desk says, once it is written."""
        future: Future[View] = Future()
        self._queue.put((work, future))
        return future

    def close(self) -> None:
        """Write what is waiting, and end."""
        self._queue.put(None)
        self._thread.join()
        self.votes.close()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = [first], False
            while len(batch) < MOST and not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    last = True
                    break
                batch.append(item)
            self._serve(batch)
            if last:
                return

    def _serve(self, batch: list[tuple[Work, "Future[View]"]]) -> None:
        outcomes: Sequence[View | Exception] = ()
        for _ in range(ATTEMPTS):
            try:
                outcomes = self._decide([work for work, _ in batch])
                break
            except Exception as error:  # nobody may wait for ever, whatever went wrong
                outcomes = [error] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _decide(self, works: Sequence[Work]) -> list[View | Exception]:
        if self._stale:
            self.desk.load(self.votes.read())
        self._stale = True  # until what was decided is written
        outcomes = [_outcome(work) for work in works]
        fresh, self.desk.fresh = self.desk.fresh, Rows()
        if fresh.raters or fresh.trials or fresh.ballots:
            self.votes.write(fresh)
        self._stale = False
        return outcomes


def _outcome(work: Work) -> View | Exception:
    try:
        return work()
    except Refused as refusal:
        return refusal
