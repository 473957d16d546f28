"""The server of a listening test: a page, clips, votes, results.

    GET  /                        the page
    POST /api/session             {"rater"}: begin, or go on; this page and the next
    POST /api/vote                {"rater", "trial", "answer", "seconds"}: count it, once
    GET  /audio/{trial}/{place}   a clip of a page, by ranges if asked
    GET  /results?key=            for who holds the key that is printed at the start
    GET  /results.csv?key=        every vote

Nothing that a rater can see names a system or a file: a clip's address is the name of the page it
is on (see `desk`) and its place there. A vote is answered when it is on the disk.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from musiclm.errors import UserError
from musiclm.evaluate.sound import Progress, quiet
from musiclm.listen.clerk import Clerk
from musiclm.listen.desk import TRIALS, Desk, Refused, View
from musiclm.listen.experiment import REFERENCE, Experiment
from musiclm.listen.playback import Sounds, prepare
from musiclm.listen.report import Results
from musiclm.listen.votes import Trial, Votes

try:
    import uvicorn
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
    from fastapi.staticfiles import StaticFiles
    from pydantic import BaseModel, ConfigDict, Field
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ImportError as error:
    raise UserError(
        f'the listening test needs {error.name}: pip install "musiclm[listen]"'
    ) from error

PAGE = Path(__file__).parent / "page"
MOST_BYTES = 8192  # of what a rater may send
REFERENCE_PLACE = "reference"
KEEP_ALIVE = 75  # seconds: a rater listens for longer than the usual 5
EVERYWHERE = ("0.0.0.0", "::")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
STRICT = ConfigDict(extra="forbid", strict=True)


class Visit(BaseModel):
    """Somebody opens the page; `rater` is who they were."""

    model_config = STRICT
    rater: str | None = Field(default=None, max_length=64)


class Answer(BaseModel):
    """A vote as the page sends it."""

    model_config = STRICT
    rater: str = Field(max_length=64)
    trial: str = Field(max_length=64)
    answer: list[int] = Field(min_length=1, max_length=64)
    seconds: float = Field(ge=0)


class Limits:
    """Refuses what is too long before it is read, and sets the same headers on every answer."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MOST_BYTES:
                raise _TooLong
            return message

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        length = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if not length.isdigit() or int(length) > MOST_BYTES:
                raise _TooLong
            await self.app(scope, counted, dressed)
        except _TooLong:
            await JSONResponse({"error": "too long"}, 413)(scope, receive, dressed)


class _TooLong(Exception):
    pass


def create_app(
    clerk: Clerk, sounds: Sounds, results: Results, invited: frozenset[str] = frozenset()
) -> FastAPI:
    """The application over a test that is ready."""
    desk = clerk.desk
    app = FastAPI(title="listening test", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Limits)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"error": str(error)}, error.status)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)

    @app.get("/")
    async def page() -> HTMLResponse:
        return HTMLResponse((PAGE / "index.html").read_text(), headers=_fresh())

    @app.post("/api/session")
    async def session(visit: Visit) -> JSONResponse:
        asked = clerk.ask(lambda: desk.arrive(visit.rater, time.time(), invited))
        return await _told(asked, desk.experiment, whole=True)

    @app.post("/api/vote")
    async def vote(one: Answer) -> JSONResponse:
        answer = tuple(one.answer)
        asked = clerk.ask(lambda: desk.vote(one.rater, one.trial, answer, one.seconds, time.time()))
        return await _told(asked, desk.experiment)

    @app.get("/audio/{trial}/{place}")
    async def audio(trial: str, place: str) -> Response:
        path = _sound(desk.trial(trial), place, sounds)
        # A validator made of the file's size and date would tell where a clip comes again.
        headers = {"Cache-Control": "private, max-age=86400", "ETag": f'"{trial}-{place}"'}
        headers["Last-Modified"] = "Thu, 01 Jan 1970 00:00:00 GMT"
        return FileResponse(path, media_type="audio/flac", headers=headers)

    @app.get("/results")
    async def shown(key: str = "", all: bool = False) -> HTMLResponse:
        _admit(desk, key)
        text = await asyncio.to_thread(results.page, key, everybody=all)
        return HTMLResponse(text, headers=_fresh())

    @app.get("/results.csv")
    async def table(key: str = "") -> Response:
        _admit(desk, key)
        text = await asyncio.to_thread(results.csv)
        headers = {"Content-Disposition": 'attachment; filename="votes.csv"'} | _fresh()
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    return app


def _admit(desk: Desk, key: str) -> None:
    if not desk.is_admin(key):
        raise Refused(403, "results need the key that was printed when the test was started")


def _fresh() -> dict[str, str]:
    return {"Cache-Control": "no-store"}


async def _told(asked: Any, experiment: Experiment, *, whole: bool = False) -> JSONResponse:
    try:
        view = await asyncio.wrap_future(asked)
    except Refused:
        raise
    except Exception as error:  # the database does not answer: the page keeps the vote and retries
        raise Refused(503, "the vote could not be kept; it will be sent again") from error
    return JSONResponse(_json(view, experiment, whole=whole), headers=_fresh())


def _json(view: View, experiment: Experiment, *, whole: bool) -> dict[str, Any]:
    told = {
        "rater": view.rater,
        "done": view.done,
        "total": view.total,
        "trial": _page(view.trial, experiment),
        "next": _page(view.following, experiment),
    }
    if whole:
        told |= {"mode": experiment.mode, "question": experiment.question.as_dict()}
        told["seconds"] = experiment.seconds
    return told


def _page(trial: Trial | None, experiment: Experiment) -> dict[str, Any] | None:
    """What a rater may know of a page."""
    if trial is None:
        return None
    return {
        "id": trial.id,
        "text": experiment.texts[trial.prompt] if experiment.question.shows_prompt else None,
        "clips": len(trial.sounds),
        "reference": experiment.mode == "mushra",
    }


def _sound(trial: Trial | None, place: str, sounds: Sounds) -> Path:
    """The file at a place of a page; nothing of the address becomes a path."""
    if trial is not None and place == REFERENCE_PLACE and REFERENCE in trial.sounds:
        return sounds[REFERENCE, trial.prompt]
    if trial is None or not place.isdecimal() or len(place) > 3 or int(place) >= len(trial.sounds):
        raise Refused(404, "no such clip")
    return sounds[trial.sounds[int(place)], trial.prompt]


@dataclass(frozen=True)
class Test:
    """A test that is ready to be served."""

    experiment: Experiment
    clerk: Clerk
    sounds: Sounds
    invited: tuple[str, ...] = ()

    @property
    def app(self) -> FastAPI:
        """The application."""
        results = Results(self.experiment, self.clerk.votes)
        return create_app(self.clerk, self.sounds, results, frozenset(self.invited))

    def lines(self, address: str) -> list[str]:
        """What whoever runs the test must know."""
        groups, prompts = len(self.experiment.groups), len(self.experiment.prompts)
        links = [f"{address}/?rater={name}" for name in self.invited] or [f"{address}/"]
        return [
            f"{len(self.experiment.systems)} systems, {prompts} prompts: {groups * prompts} "
            f"different pages; votes are kept in {self.clerk.votes.shown}",
            *(f"rater:   {link}" for link in links),
            f"results: {address}/results?key={self.clerk.desk.admin}",
            "Ctrl-C stops; the same command goes on.",
        ]

    def serve(self, host: str, port: int, told: Callable[[str], None]) -> None:
        """Serve until interrupted; `told` hears the address. UserError if the port is taken."""
        with _listening(host, port) as listening:
            shown = socket.gethostname() if host in EVERYWHERE else host
            shown = f"[{shown}]" if ":" in shown else shown
            told(f"http://{shown}:{listening.getsockname()[1]}")
            # No access log: the key to the results is part of an address.
            config = uvicorn.Config(
                self.app, log_level="warning", access_log=False, timeout_keep_alive=KEEP_ALIVE
            )
            with suppress(KeyboardInterrupt):  # the usual end
                uvicorn.Server(config).run(sockets=[listening])
        self.clerk.close()


def open_test(
    experiment: Experiment,
    address: str = "votes.db",
    *,
    trials: int = TRIALS,
    seed: int = 0,
    raters: int = 0,
    cache: Path | None = None,
    progress: Progress = quiet,
) -> Test:
    """Begin a test, or go on with it; UserError if the votes there are of another one."""
    votes = Votes(address)
    desk = Desk(experiment, votes.claim(experiment.identity), trials=trials, seed=seed)
    sounds = prepare(experiment, cache, progress)
    return Test(experiment, Clerk(desk, votes), sounds, tuple(desk.invite(raters)))


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise UserError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listening
