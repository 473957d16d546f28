"""Ray Data with two workers on this machine: nothing lost, nothing doubled, a killed worker or not.

Two cores are enough; a run takes some tens of seconds, most of them Ray's start.
"""

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from soundfonts import INSTALLED, needs_soundfont

from musiclm.corpus.compose import Recipe, compose
from musiclm.data.manifest import read_manifest
from musiclm.data.parallel import spread
from musiclm.errors import UserError
from musiclm.system import load_tokenizers
from musiclm.tokenizers import tokenize_corpus

pytest.importorskip("ray.data", reason='Ray is not installed: pip install "musiclm[cluster]"')


WORK = """
import os
from pathlib import Path
from musiclm.errors import UserError

def squares(folder):
    def square(number):
        killed = Path(folder, "killed")
        if number == 13 and not killed.exists():
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), 9)
        if number == 99:
            raise UserError("99 cannot be read")
        with Path(folder, f"done-{number}").open("a") as file:
            file.write("x")
        return number * number
    return square
"""


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    folder = tmp_path_factory.mktemp("importable")
    (folder / "cluster_work.py").write_text(WORK)
    sys.path.insert(0, str(folder))
    import cluster_work

    yield cluster_work.squares
    sys.path.remove(str(folder))


def test_an_address_where_nothing_answers_is_named(squares, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no Ray cluster at 127.0.0.1:1: .*refused"):
        list(spread(partial(squares, str(tmp_path)), [1], cluster="127.0.0.1:1"))


def test_a_killed_worker_costs_nothing(
    squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musiclm.data.cluster.WINDOW", 25)  # the items need two datasets
    setup = partial(squares, str(tmp_path))
    found = list(spread(setup, range(40), processes=2, cluster="local", chunk=4))
    assert found == [number * number for number in range(40)]
    assert int((tmp_path / "killed").read_text()) != os.getpid()
    done = {path.name: path.read_text() for path in tmp_path.glob("done-*")}
    assert set(done) == {f"done-{number}" for number in range(40)}
    again = {name for name, times in done.items() if times != "x"}
    assert len(again) <= 8  # what the killed worker had done and not yet handed over: two chunks


@needs_soundfont
def test_a_cluster_writes_the_same_bytes(tmp_path: Path, tiny_folder: Path) -> None:
    load = partial(load_tokenizers, tiny_folder, torch.device("cpu"))

    def make(name: str, **workers) -> dict[str, bytes]:
        recipe = Recipe(1.0, 4, (INSTALLED,))
        manifest = compose(tmp_path / name, recipe, clips=20, progress=False, **workers)
        tokenize_corpus(
            load, read_manifest(manifest), tmp_path / name / "shards", rows_per_shard=6, **workers
        )
        folder = tmp_path / name
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    here = make("here")
    assert len(here) == 3 * 20 + 2 + 4 + 1
    assert make("there", processes=2, cluster="local") == here


def test_mistakes_are_one_line(squares, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^99 cannot be read$"):
        list(spread(partial(squares, str(tmp_path)), [1, 99], processes=1, cluster="local"))
