"""Many workers: in order, each set up once, bounded, and stopped with the one who asked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from musiclm.data.parallel import AHEAD, chunks, spread
from musiclm.errors import UserError

# What workers call must be importable by them: a module on the path that they are given.
WORK = """
import os, time
from pathlib import Path
from musiclm.errors import UserError

def squares():
    me = os.getpid()
    return lambda number: (number * number, me)

def hasty(number):
    time.sleep(0.05 if number % 7 == 0 else 0.0)
    return number

def hurry():
    return hasty

def broken():
    raise UserError("no such thing: x")

def refuse(number):
    raise UserError(f"{number} cannot be read")

def refusing():
    return refuse

def dying():
    return lambda number: os.kill(os.getpid(), 9)

def sleeping(folder):
    def sleep(number):
        Path(folder, str(os.getpid())).touch()
        time.sleep(60)
    return sleep
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    folder = tmp_path_factory.mktemp("importable")
    (folder / "some_work.py").write_text(WORK)
    sys.path.insert(0, str(folder))
    import some_work

    yield some_work
    sys.path.remove(str(folder))


def test_results_come_in_order_whoever_made_them(work) -> None:
    alone = [result for result, _ in spread(work.squares, range(20))]
    found = list(spread(work.squares, range(20), processes=2, chunk=3))
    assert [result for result, _ in found] == alone == [n * n for n in range(20)]
    assert os.getpid() not in {worker for _, worker in found}
    assert list(spread(work.hurry, range(30), processes=2, chunk=1)) == list(range(30))


def test_items_are_taken_as_they_are_needed(work) -> None:
    """A generator of millions must not be drawn at once."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 1000:
            taken += 1
            yield taken

    results = spread(work.squares, items(), processes=2, chunk=2)
    assert next(results)[0] == 1
    assert taken <= 2 * (2 * AHEAD + 1)
    results.close()


@pytest.mark.parametrize("processes", [1, 2])
def test_mistakes_come_back_as_they_were_raised(work, processes: int) -> None:
    with pytest.raises(UserError, match="^1 cannot be read$"):
        list(spread(work.refusing, [1, 2, 3], processes=processes))


def test_a_worker_that_dies_is_one_clear_line(work) -> None:
    with pytest.raises(UserError, match="a worker was killed.*run it again"):
        list(spread(work.dying, [1, 2, 3], processes=2))
    with pytest.raises(UserError, match="-1 processes"):
        spread(work.squares, [], processes=-1)


def test_without_ray_the_extra_is_named(work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'ray.*pip install "musiclm\[cluster\]"'):
        spread(work.squares, [1], cluster="local")


def test_workers_end_with_the_one_who_asked(work, tmp_path: Path) -> None:
    """Killed, it cannot tell them; they must not go on writing, nor wait for ever."""
    code = (
        "import functools, some_work; from musiclm.data.parallel import spread\n"
        f"setup = functools.partial(some_work.sleeping, {str(tmp_path)!r})\n"
        "if __name__ == '__main__': list(spread(setup, range(9), processes=2, chunk=1))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    asking = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        assert _soon(lambda: len(list(tmp_path.iterdir())) == 2, 30)
        workers = [int(path.name) for path in tmp_path.iterdir()]
        asking.send_signal(signal.SIGKILL)
        assert _soon(lambda: not any(Path("/proc", str(pid)).exists() for pid in workers), 10)
    finally:
        asking.kill()
        asking.wait()


def test_chunks_lose_nothing() -> None:
    assert list(chunks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks([], 3)) == []


def _soon(true: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.05)
    return False
