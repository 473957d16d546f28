"""The same function over many items on a Ray cluster, through Ray Data.

A worker is an actor; Ray starts it again when it dies and gives its items to it or to another, so
none is lost. Results carry the place of their item: none comes twice, and they come in order. What
a function raises comes back as a result and is raised here, so that a user's mistake is one line.

    from musiclm.data.parallel import spread

    list(spread(setup, items, processes=2, cluster="local"))           # a small Ray of our own
    list(spread(setup, items, processes=0, cluster="10.0.0.1:6379"))   # all cores of a cluster

Pickles pass between our own processes only, and are never read from a file. The machines of a
cluster need this package and the same files. Ray's own settings hold: a cluster
that asks for a token (Ray's default) is joined with RAY_AUTH_MODE=token in the environment.
"""

import importlib.util
import itertools
import logging
import multiprocessing
import os
import pickle
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from musiclm.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

LOCAL = "local"
WINDOW = 10_000  # items of one Ray dataset: bounds what waits in memory
_STORE = 200 * 2**20  # bytes: items and results are small
_PATIENCE = 60.0  # seconds for Ray to end
_NEEDS = ("ray", "pyarrow", "pandas")


def check_ray() -> None:
    """Raise UserError if Ray Data is not installed."""
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f'a cluster needs {", ".join(missing)}: pip install "musiclm[cluster]"'
        ) from None


def spread_on_cluster(
    setup: Callable[[], Callable[[T], R]],
    items: Iterable[T],
    *,
    address: str,
    workers: int,
    chunk: int,
) -> Iterator[R]:
    """Yield `setup()(item)` for each item, in order; see `musiclm.data.parallel.spread`."""
    own = pickle.dumps(setup)
    items = iter(items)
    with _driver(address, workers, chunk, own) as pipe:
        while window := [pickle.dumps(item) for item in itertools.islice(items, WINDOW)]:
            pipe.send(window)
            for _ in window:
                done, value = _received(pipe)
                if not done:
                    raise value
                yield value


@contextmanager
def _driver(address: str, workers: int, chunk: int, setup: bytes) -> Iterator[Connection]:
    """A process that talks to Ray for us: Ray ends its driver without a word when it stumbles."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_drive, args=(theirs, address, workers, chunk, setup))
    process.start()
    theirs.close()
    try:
        yield pipe
    finally:
        pipe.close()
        process.join(_PATIENCE)
        process.kill()


def _received(pipe: Connection) -> tuple[bool, Any]:
    try:
        return pickle.loads(pipe.recv_bytes())
    except EOFError:
        raise UserError("Ray ended before the work was done: run it again to go on") from None


def _drive(pipe: Connection, address: str, workers: int, chunk: int, setup: bytes) -> None:
    """Windows of items in, one result after the other out, until nobody asks any more."""
    try:
        with _session(address, workers) as number:
            while True:
                window = pipe.recv()
                for result in _in_order(_dataset(setup, window, number, chunk), len(window)):
                    pipe.send_bytes(result)
    except (EOFError, BrokenPipeError):
        pass
    except UserError as error:
        pipe.send_bytes(pickle.dumps((False, error)))


@contextmanager
def _session(address: str, workers: int) -> Iterator[int]:
    """Connect to Ray, quietly, and say how many workers there are."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray
    import ray.data

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        workers = workers or os.cpu_count() or 1
        quiet |= {"num_cpus": workers, "object_store_memory": _STORE, "include_dashboard": False}
    try:
        _knock(address)
        ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        why = str(error.__cause__ or error)  # such as a token that it asks for
        raise UserError(f"no Ray cluster at {address}: {why[:300]}") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # one item may take as long as it takes
    try:
        yield workers or int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError if nothing answers: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


def _dataset(setup: bytes, window: list[bytes], workers: int, chunk: int) -> Any:
    """A Ray dataset of pickled results, one block of `chunk` items for each call of a worker.

    Ray Data starts its actors again, and gives them their blocks again, as often as they die.
    """
    import ray

    blocks = -(-len(window) // chunk)
    rows = [{"place": place, "item": item} for place, item in enumerate(window)]
    return ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
        _Worker,
        fn_constructor_args=(setup, tuple(sys.path)),
        batch_size=None,  # a block at a time
        batch_format="pyarrow",
        concurrency=min(workers, blocks),
        num_cpus=1,
    )


class _Worker:
    """An actor. It is set up when it has something to do, so that a failure is a result too."""

    def __init__(self, setup: bytes, path: tuple[str, ...]) -> None:
        sys.path += [place for place in path if place not in sys.path]  # as multiprocessing does
        self._setup = setup
        self._function: Callable[[Any], Any] | None = None

    def __call__(self, batch: Any) -> Any:
        import pyarrow

        results = [self._result(item) for item in batch["item"].to_pylist()]
        column = pyarrow.array(results, pyarrow.large_binary())
        return pyarrow.table({"place": batch["place"], "result": column})

    def _result(self, item: bytes) -> bytes:
        try:
            if self._function is None:
                self._function = pickle.loads(self._setup)()
            return pickle.dumps((True, self._function(pickle.loads(item))))
        except Exception as error:
            return pickle.dumps((False, error))


def _in_order(dataset: Any, count: int) -> Iterator[bytes]:
    waiting: dict[int, bytes] = {}
    place = 0
    for row in dataset.iter_rows():
        assert row["place"] >= place and row["place"] not in waiting, "Ray gave a result twice"
        waiting[row["place"]] = row["result"]
        while place in waiting:
            yield waiting.pop(place)
            place += 1
    assert place == count, f"Ray lost {count - place} results"
