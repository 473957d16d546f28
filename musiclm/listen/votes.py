"""Votes in a database: what was acknowledged is on disk, once.

Four tables of one experiment: its identity, raters, what each was given, and their votes. SQLite by
default (its write-ahead log is flushed to the disk before a vote is acknowledged, so that neither
kill -9 nor a power cut loses one), or any address that SQLAlchemy knows, PostgreSQL for example.

>>> import tempfile
>>> votes = Votes(str(Path(tempfile.mkdtemp()) / "votes.db"))
>>> votes.claim({"mode": "pairs"}) == votes.claim({"mode": "pairs"})  # the experiment's secret
True
>>> votes.claim({"mode": "mos"})
Traceback (most recent call last):
musiclm.errors.UserError: ...votes.db holds votes of another experiment: other mode
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from musiclm.errors import UserError

try:
    from sqlalchemy import (
        JSON,
        Column,
        Float,
        ForeignKey,
        Integer,
        MetaData,
        String,
        Table,
        Text,
        UniqueConstraint,
        create_engine,
        event,
        insert,
        select,
    )
    from sqlalchemy.engine import URL, Engine, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
except ImportError as error:
    raise UserError('the listening test needs SQLAlchemy: pip install "musiclm[listen]"') from error

SQLITE = "sqlite"
WAIT = 10.0  # seconds for a lock on the file, or for a database that does not answer

tables = MetaData()
experiments = Table(
    "listen_experiment",
    tables,
    Column("id", Integer, primary_key=True),
    Column("identity", JSON, nullable=False),
    Column("secret", String(64), nullable=False),
    Column("created", Float, nullable=False),
)
raters = Table(
    "listen_rater",
    tables,
    Column("id", String(64), primary_key=True),
    Column("pages", Text, nullable=False),
    Column("created", Float, nullable=False),
)
trials = Table(
    "listen_trial",
    tables,
    Column("id", String(64), primary_key=True),
    Column("rater", String(64), ForeignKey("listen_rater.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(1), nullable=False),
    Column("prompt", Text, nullable=False),
    Column("sounds", JSON, nullable=False),
    Column("created", Float, nullable=False),
    UniqueConstraint("rater", "position"),
)
ballots = Table(
    "listen_vote",
    tables,
    Column("trial", String(64), ForeignKey("listen_trial.id"), primary_key=True),
    Column("answer", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created", Float, nullable=False),
)


@dataclass(frozen=True)
class Rater:
    """Somebody who listens: a random name, and the kinds of the pages to come."""

    id: str
    pages: str
    created: float


@dataclass(frozen=True)
class Trial:
    """One page that a rater was given; `sounds` are systems, left first."""

    id: str
    rater: str
    position: int
    kind: str
    prompt: str
    sounds: tuple[str, ...]
    created: float


@dataclass(frozen=True)
class Ballot:
    """A rater's answer to one page, and how long it took."""

    trial: str
    answer: tuple[int, ...]
    seconds: float
    created: float


@dataclass
class Rows:
    """What is in the database, or what is to be added to it in one transaction."""

    raters: list[Rater] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    ballots: list[Ballot] = field(default_factory=list)


class Votes:
    """The database of one experiment; `address` is a file or an SQLAlchemy address."""

    def __init__(self, address: str):
        self.address = address
        self.url = _url(address)
        self.engine = _engine(self.url)
        try:
            tables.create_all(self.engine)
        except SQLAlchemyError as error:
            raise UserError(f"cannot keep votes in {self.shown}: {_first_line(error)}") from error

    @property
    def shown(self) -> str:
        """The address without its password."""
        is_file = self.url.get_backend_name() == SQLITE and self.url.database
        return str(self.url.database) if is_file else self.url.render_as_string(hide_password=True)

    def claim(self, identity: Mapping[str, Any]) -> str:
        """Begin an experiment, or go on with the same one: its secret; UserError if another."""
        with self.engine.begin() as connection:
            known = connection.execute(select(experiments)).first()
            if known is None:
                secret = secrets.token_hex(32)
                row = {"id": 1, "identity": dict(identity), "secret": secret}
                connection.execute(insert(experiments), row | {"created": time.time()})
                return secret
        if known.identity != identity:
            keys = sorted({*known.identity, *identity})
            other = [key for key in keys if known.identity.get(key) != identity.get(key)]
            raise UserError(
                f"{self.shown} holds votes of another experiment: other {', '.join(other)}"
            )
        return str(known.secret)

    def read(self) -> Rows:
        """Everything, oldest first."""
        with self.engine.connect() as connection:
            return Rows(
                [Rater(**row._mapping) for row in connection.execute(_oldest(raters))],
                [
                    Trial(**{**row._mapping, "sounds": tuple(row.sounds)})
                    for row in connection.execute(_oldest(trials))
                ],
                [
                    Ballot(**{**row._mapping, "answer": tuple(row.answer)})
                    for row in connection.execute(_oldest(ballots))
                ],
            )

    def write(self, rows: Rows) -> None:
        """Add rows in one transaction: when this returns, they are on the disk."""
        with self.engine.begin() as connection:
            for table, some in (
                (raters, rows.raters),
                (trials, rows.trials),
                (ballots, rows.ballots),
            ):
                if some:
                    connection.execute(insert(table), [asdict(one) for one in some])

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


def _oldest(table: Table) -> Any:
    return select(table).order_by(table.c.created, table.primary_key.columns[0])


def _url(address: str) -> URL:
    if "://" not in address:
        path = Path(address)
        if path.is_dir():
            raise UserError(f"cannot keep votes in {path}: it is a folder")
        if not path.absolute().parent.is_dir():
            raise UserError(f"cannot keep votes in {path}: there is no such folder")
        return URL.create(SQLITE, database=str(path))
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise UserError(f"{address} is not an address of a database") from error
    if url.drivername in ("postgres", "postgresql"):  # the driver that we name as an extra
        url = url.set(drivername="postgresql+psycopg")
    return url


def _engine(url: URL) -> Engine:
    is_sqlite = url.get_backend_name() == SQLITE
    try:
        engine = create_engine(
            url,
            pool_pre_ping=not is_sqlite,  # a server may have been restarted
            connect_args=_patience(url),
        )
    except NoSuchModuleError as error:
        raise UserError(f"SQLAlchemy knows no database called {url.drivername}") from error
    except ModuleNotFoundError as error:
        raise UserError(
            f"{url.get_backend_name()} needs a driver: pip install {error.name}"
        ) from error
    if is_sqlite:
        event.listen(engine, "connect", _durable)
    return engine


def _patience(url: URL) -> dict[str, float | int]:
    """How each driver is told to wait no longer than `WAIT`."""
    if url.get_backend_name() == SQLITE:
        return {"timeout": WAIT}
    return {"connect_timeout": round(WAIT)} if url.get_backend_name() == "postgresql" else {}


def _durable(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # flush the log at every commit
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _first_line(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
