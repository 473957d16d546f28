"""The same function over many items: in this process, on many, or on a Ray cluster.

Results come in the order of the items, whoever made them, so what is written does not depend on
the number of workers. `setup` runs once in each worker and returns the function: what is dear to
load (a soundfont, a model) is loaded once. A function that writes files should write each whole or
not at all, under a name that depends on its item alone: then an item may be done twice unharmed.

>>> def doubling() -> Callable[[int], int]:
...     return lambda number: 2 * number
>>> list(spread(doubling, [1, 2, 3]))
[2, 4, 6]
"""

import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from musiclm.data.cluster import check_ray, spread_on_cluster
from musiclm.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

CHUNK = 16  # items sent to a worker at a time
AHEAD = 4  # chunks in flight for each worker: bounds what waits in memory


def spread(
    setup: Callable[[], Callable[[T], R]],
    items: Iterable[T],
    *,
    processes: int = 1,
    chunk: int = CHUNK,
    cluster: str | None = None,
) -> Iterator[R]:
    """Yield `setup()(item)` for each item, in order; workers need a `setup` that can be pickled.

    `processes` 0 is one for each core. `cluster` is the address of a Ray cluster ("auto" finds
    one), or "local" for one that is started here and stopped afterwards.
    """
    if processes < 0:
        raise UserError(f"{processes} processes: give how many, or 0 for one for each core")
    if cluster is not None:
        check_ray()  # now, not when the first result is asked for
        return spread_on_cluster(setup, items, address=cluster, workers=processes, chunk=chunk)
    processes = processes or os.cpu_count() or 1
    return map(setup(), items) if processes == 1 else _pooled(setup, items, processes, chunk)


def _pooled(
    setup: Callable[[], Callable[[T], R]], items: Iterable[T], processes: int, chunk: int
) -> Iterator[R]:
    # Spawned, not forked: a fork of a process that runs PyTorch threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, _start, (setup,))
    try:
        pending: deque[Future[list[Any]]] = deque()
        for part in chunks(items, chunk):
            pending.append(pool.submit(_work, part))
            if len(pending) >= AHEAD * processes:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool:
        raise UserError(
            "a worker was killed or could not start (out of memory?): run it again to go on, "
            "perhaps with fewer processes"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last perhaps shorter.

    >>> list(chunks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    items = iter(items)
    while part := list(itertools.islice(items, size)):
        yield part


_function: Callable[[Any], Any] | None = None  # one a process, made by the pool


def _start(setup: Callable[[], Callable[[Any], Any]]) -> None:
    global _function
    threading.Thread(target=_follow_parent, daemon=True).start()
    _function = setup()


def _follow_parent() -> None:
    """End with the process that began the work; workers of one that was killed would wait on."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(part: list[Any]) -> list[Any]:
    assert _function is not None
    return [_function(item) for item in part]
