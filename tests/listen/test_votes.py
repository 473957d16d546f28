"""What was acknowledged is kept: through kill -9, restarts, and in PostgreSQL."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from musiclm.errors import UserError
from musiclm.listen.clerk import Clerk
from musiclm.listen.desk import Desk
from musiclm.listen.votes import Ballot, Rater, Rows, Trial, Votes

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))  # on Debian


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """The address of a real server of our own; it refuses to run as root."""
    pytest.importorskip("psycopg", reason="no PostgreSQL driver: pip install psycopg[binary]")
    initdb = shutil.which("initdb") or (INSTALLED[-1] if INSTALLED else None)
    if initdb is None:
        pytest.skip("no PostgreSQL here")
    binaries = Path(initdb).parent
    other = {}
    if os.geteuid() == 0:
        if subprocess.run(["id", "postgres"], capture_output=True).returncode:
            pytest.skip("PostgreSQL refuses root, and there is no user postgres")
        other = {"user": "postgres", "group": "postgres", "extra_groups": []}
    folder = tmp_path_factory.mktemp("pg")
    for path in (folder, *folder.parents):  # the other user must come through
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    if other:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "-A", "trust", "-U", "tester", "--no-sync"],
        capture_output=True,
        text=True,
        cwd=folder,
        **other,
    )
    assert made.returncode == 0, made.stderr
    words = ["-D", data, "-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1"]
    server = subprocess.Popen(
        [binaries / "postgres", *words], cwd=folder, stderr=subprocess.DEVNULL, **other
    )
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    server.send_signal(signal.SIGINT)  # do not wait for connections to end
    server.wait()


def rows(count):
    rater = Rater("r", "n" * count, 0.0)
    trials = [Trial(f"t{i}", "r", i, "n", "p", ("a", "b"), float(i)) for i in range(count)]
    return Rows([rater], trials, [Ballot("t0", (-2,), 1.5, 3.0)])


def keeps(votes):
    votes.claim({"mode": "pairs"})
    votes.write(rows(2))
    with pytest.raises(Exception, match="(?i)unique"):
        votes.write(Rows(ballots=[Ballot("t0", (1,), 1.0, 4.0)]))
    with pytest.raises(Exception, match="(?i)unique"):  # all or nothing
        votes.write(Rows(ballots=[Ballot("t1", (1,), 1.0, 4.0), Ballot("t0", (1,), 1.0, 4.0)]))
    again = Votes(votes.address)
    assert again.read() == rows(2)
    assert again.claim({"mode": "pairs"}) == votes.claim({"mode": "pairs"})
    with pytest.raises(UserError, match="another experiment: other mode"):
        again.claim({"mode": "mos"})
    again.close()


def test_sqlite_keeps_votes_once(tmp_path):
    votes = Votes(str(tmp_path / "votes.db"))
    with votes.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    keeps(votes)


def test_postgresql_keeps_votes_once(postgres):
    keeps(Votes(postgres))


def test_a_whole_test_on_postgresql(serve, experiment, postgres):
    from sqlalchemy import create_engine, text

    with create_engine(
        postgres.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    ).connect() as connection:
        connection.execute(text("CREATE DATABASE whole"))
    address = postgres.rsplit("/", 1)[0] + "/whole"
    client = serve(experiment, address, trials=3)
    told = client.post("/api/session", {})[1]
    told = client.vote(told, [1])[1]
    # The database is restarted, or the connection cut: the next vote finds a new one.
    with create_engine(
        postgres.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    ).connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'whole'")
        )
    assert client.vote(told, [2])[0] == 200
    assert [one.answer for one in client.test.clerk.votes.read().ballots] == [(1,), (2,)]


def test_what_was_not_written_is_not_known(experiment, tmp_path):
    votes = Votes(str(tmp_path / "votes.db"))
    desk = Desk(experiment, votes.claim(experiment.identity), trials=3)
    clerk = Clerk(desk, votes)
    view = clerk.ask(lambda: desk.arrive(None, 0.0)).result()

    def vote():
        return clerk.ask(lambda: desk.vote(view.rater, view.trial.id, (1,), 1.0, 1.0)).result()

    with votes.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE listen_vote RENAME TO away")
    with pytest.raises(Exception, match="listen_vote"):
        vote()
    with pytest.raises(Exception, match="listen_vote"):
        vote()  # it is not taken for known
    with votes.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO listen_vote")
    with pytest.raises(ZeroDivisionError):
        clerk.ask(lambda: 1 // 0).result()  # whoever waits hears of any fault
    assert vote().done == 1
    assert [one.answer for one in votes.read().ballots] == [(1,)]
    clerk.close()


def test_addresses_that_cannot_be_are_one_line(tmp_path):
    (tmp_path / "song.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    for address, match in (
        (str(tmp_path), "is a folder"),
        (str(tmp_path / "no" / "votes.db"), "no such folder"),
        (str(tmp_path / "song.db"), "not a database"),
        ("nothing://x", "nothing"),
        ("postgresql://:::", "not an address"),
        ("postgresql://nobody:hidden@127.0.0.1:1/votes", "cannot keep votes"),
    ):
        with pytest.raises(UserError, match=match) as caught:
            Votes(address)
        assert "\n" not in str(caught.value) and "hidden" not in str(caught.value)


def test_kill_9_loses_nothing_that_was_acknowledged(command, folders, tmp_path):
    process, client = command(*folders, "--port", 0, "--trials", 12)
    acknowledged, sent, lock = {}, {}, threading.Lock()

    def rate():
        try:
            while True:
                told = client.post("/api/session", {})[1]
                while told["trial"] is not None:
                    page, answer = told["trial"]["id"], [len(sent) % 5 - 2]
                    with lock:
                        sent[page] = answer
                    told = client.vote(told, answer)[1]
                    with lock:
                        acknowledged[page] = answer
        except OSError:
            pass  # killed

    raters = [threading.Thread(target=rate) for _ in range(6)]
    for one in raters:
        one.start()
    until = time.monotonic() + 30
    while len(acknowledged) < 60 and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for one in raters:
        one.join()
    assert len(acknowledged) >= 60
    process, client = command(*folders, "--port", 0, "--trials", 12)
    kept = Votes(str(tmp_path / "votes.db")).read().ballots
    answers = {one.trial: list(one.answer) for one in kept}
    assert len(answers) == len(kept)
    assert {page: answers.get(page) for page in acknowledged} == acknowledged
    assert answers.items() <= sent.items()
    lines = client.get(f"/results.csv?key={client.admin}")[2].decode().splitlines()
    assert len(lines) == 1 + len(kept)
