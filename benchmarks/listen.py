"""Simulated raters against the real server: votes lost or doubled, latency, known strengths found.

    python benchmarks/listen.py --raters 50 --seconds 120        load, killed in the middle
    python benchmarks/listen.py --simulate --raters 60           known strengths, found again

Prints one JSON object. The server is `musiclm listen` in a process of its own, on clips that are
tones: raters know no system's name, but hear its pitch, and prefer by Bradley-Terry strengths with
ties (Davidson). They fetch both clips, think for a while, vote, and now and then send a vote twice.
In the middle the server is killed (SIGKILL) and started again; a vote that was not acknowledged is
sent again, as the page does it.
"""

import argparse
import asyncio
import csv
import io
import json
import math
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.listen.playback import RATE, noise
from musiclm.listen.statistics import Vote, bradley_terry, wilcoxon
from musiclm.listen.votes import Votes

TRUE = {"ash": 1.2, "birch": 0.4, "cedar": -0.4, "dogwood": -1.2}  # log-strengths, mean zero
PITCH = {"ash": 330.0, "birch": 660.0, "cedar": 1320.0, "dogwood": 2640.0}  # Hz
TIE = 0.5  # Davidson's nu
TWICE = 0.1  # of votes are sent again after they were acknowledged
CLIP_SECONDS = 2.0
PROMPTS = 40


@dataclass
class Notes:
    """What raters did and saw."""

    acknowledged: dict[str, list[int]] = field(default_factory=dict)  # answers by page
    sent: dict[str, list[int]] = field(default_factory=dict)
    vote_seconds: list[float] = field(default_factory=list)  # requests that were answered
    clip_seconds: list[float] = field(default_factory=list)
    cut: int = 0  # requests that met no server
    doubled: int = 0  # votes sent again on purpose
    refused: list[str] = field(default_factory=list)


class Line:
    """One HTTP connection that stays open: a client light enough to share a core with a server."""

    def __init__(self, port: int):
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None, extra: str = "") -> Any:
        """Status and body; ConnectionError if the server goes away."""
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
        head += f"Content-Type: application/json\r\n{extra}\r\n"
        try:
            writer.write(head.encode() + data)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(answer.split("content-length:")[1].split("\r\n")[0])
            return int(answer.split()[1]), await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.streams = None
            raise ConnectionError from error


async def rater(port: int, seed: int, until: float, pause: float, notes: Notes) -> None:
    """Somebody who comes again as a new rater when the pages are done, until time is up."""
    rng, line, me = random.Random(seed), Line(port), None
    while time.monotonic() < until:
        told = await persistent(line, "/api/session", {"rater": me}, until, notes)
        while told is not None and told["trial"] is not None and time.monotonic() < until:
            me, page = told["rater"], told["trial"]["id"]
            left = await hear(line, page, 0, notes)
            right = await hear(line, page, 1, notes)
            if left is None or right is None:
                break  # the server went away: begin where we were
            await asyncio.sleep(rng.expovariate(1 / pause) if pause else 0)
            answer = [prefer(left, right, rng)]
            notes.sent[page] = answer
            ballot = {"rater": me, "trial": page, "answer": answer, "seconds": pause}
            told = await persistent(line, "/api/vote", ballot, until + 10, notes)
            if told is not None:
                notes.acknowledged[page] = answer
            if told is not None and rng.random() < TWICE:
                notes.doubled += 1
                told = await persistent(line, "/api/vote", ballot, until + 10, notes)
        if told is not None and told["trial"] is None:
            me = None


async def persistent(line: Line, path: str, body: Any, until: float, notes: Notes) -> Any:
    """Send until somebody answers."""
    while time.monotonic() < until:
        begun = time.perf_counter()
        try:
            status, text = await line.ask("POST", path, body)
        except OSError:
            notes.cut += 1
            await asyncio.sleep(0.2)
            continue
        if path.endswith("vote"):
            notes.vote_seconds.append(time.perf_counter() - begun)
        if status == 200:
            return json.loads(text)
        notes.refused.append(f"{status} {text.decode()}")
        return None
    return None


async def hear(line: Line, page: str, place: int, notes: Notes) -> str | None:
    """Which system a clip is of, by its pitch; the noise of a check is nobody's."""
    begun = time.perf_counter()
    try:
        status, data = await line.ask("GET", f"/audio/{page}/{place}", extra="Range: bytes=0-\r\n")
    except OSError:
        notes.cut += 1
        return None
    notes.clip_seconds.append(time.perf_counter() - begun)
    if status != 206:
        notes.refused.append(f"{status} for a clip")
        return None
    return sounding(soundfile.read(io.BytesIO(data), frames=RATE // 10)[0])


def sounding(samples: np.ndarray) -> str:
    """By how often the wave crosses zero."""
    seconds = len(samples) / RATE
    hertz = np.count_nonzero(np.diff(np.signbit(samples))) / 2 / seconds
    name = min(PITCH, key=lambda one: abs(math.log(PITCH[one] / max(hertz, 1))))
    return name if abs(PITCH[name] - hertz) < 0.05 * PITCH[name] else "noise"


def prefer(left: str, right: str, rng: random.Random) -> int:
    """An answer as Davidson's model draws it."""
    if "noise" in (left, right):
        return -1 if right == "noise" else 1
    a, b = math.exp(TRUE[left]), math.exp(TRUE[right])
    tie = TIE * math.sqrt(a * b)
    side = rng.choices((-1, 0, 1), (a, tie, b))[0]
    return side * rng.choice((1, 2))


def make_clips(folder: Path) -> list[Path]:
    """A folder of tones for each system; their prompts are inside."""
    moments = np.arange(round(CLIP_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    for system, hertz in PITCH.items():
        (folder / system).mkdir()
        tone = (0.3 * np.sin(2 * np.pi * hertz * moments)).astype(np.float32)
        for i in range(PROMPTS):
            clip = Waveform(tone * (1 + i / PROMPTS))
            clip.save(folder / system / f"{i:03}.flac", {"prompt": f"prompt {i}"})
    assert sounding(noise(1.0)[: RATE // 10]) == "noise"
    return [folder / system for system in PITCH]


class Served:
    """`musiclm listen` in a process of its own."""

    def __init__(self, folders: list[Path], votes: str, trials: int, port: int):
        self.command = [sys.executable, "-m", "musiclm", "listen", *map(str, folders)]
        self.command += ["--votes", votes, "--trials", str(trials), "--port", str(port), "--quiet"]
        self.start()

    def start(self) -> float:
        """Begin, and wait until it listens; seconds that took."""
        begun = time.perf_counter()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("results:"):
                self.results = line.split()[1]
                return time.perf_counter() - begun
        raise SystemExit("the server did not start")

    def cpu(self) -> float:
        """Processor time of the server since it was started last."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """As a power cut would end it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


async def load(options: argparse.Namespace, served: Served, port: int) -> dict[str, Any]:
    """All raters at once; the server is killed half-way."""
    notes, begun = Notes(), time.monotonic()
    until = begun + options.seconds
    raters = [
        asyncio.create_task(rater(port, seed, until, options.pause, notes))
        for seed in range(options.raters)
    ]
    down = None
    if options.kill:
        await asyncio.sleep(options.seconds / 2)
        served.kill()
        down = await asyncio.to_thread(served.start)
    await asyncio.gather(*raters)
    return report(options, notes, down)


def report(options: argparse.Namespace, notes: Notes, down: float | None) -> dict[str, Any]:
    """What the database says beside what raters know."""
    votes = Votes(options.votes)
    kept = votes.read().ballots
    votes.close()
    answers = {ballot.trial: list(ballot.answer) for ballot in kept}
    lost = [page for page, answer in notes.acknowledged.items() if answers.get(page) != answer]
    return {
        "raters": options.raters,
        "seconds": options.seconds,
        "mean_pause_seconds": options.pause,
        "cores": len(os.sched_getaffinity(0)),
        "load_before": options.load_before,
        "database": votes.shown if "://" in options.votes else "SQLite",
        "acknowledged": len(notes.acknowledged),
        "votes_a_second": len(notes.acknowledged) / options.seconds,
        "lost": len(lost),
        "doubled": len(kept) - len(answers),
        "kept_but_not_sent": len(set(answers) - set(notes.sent)),
        "kept_not_acknowledged": len(set(answers) - set(notes.acknowledged)),
        "sent_twice_on_purpose": notes.doubled,
        "requests_that_met_no_server": notes.cut,
        "refused": notes.refused[:5],
        "server_restarted_in_seconds": down,
        "vote_milliseconds": quantiles(notes.vote_seconds),
        "clip_milliseconds": quantiles(notes.clip_seconds),
        "server_cpu_seconds": options.served.cpu(),
    }


def quantiles(seconds: list[float]) -> dict[str, float]:
    """In milliseconds."""
    found = np.quantile(seconds or [math.nan], (0.5, 0.95, 0.99, 1)) * 1000
    return dict(zip(("p50", "p95", "p99", "worst"), found.round(1).tolist(), strict=True)) | {
        "n": len(seconds)
    }


async def recovered(served: Served, port: int) -> dict[str, Any]:
    """The strengths that the exported votes give, beside those that raters voted by."""
    path = served.results.replace("/results?", "/results.csv?").split("/", 3)[3]
    _, text = await Line(port).ask("GET", "/" + path)
    rows = [row for row in csv.DictReader(io.StringIO(text.decode())) if row["kind"] == "new"]
    votes = [
        Vote(row["rater"], row["prompt"], row["left"], row["right"], int(row["answer"]))
        for row in rows
    ]
    found = bradley_terry(votes)
    pairs = wilcoxon(votes)
    wrong = [p for p in pairs if p.better and TRUE[p.better] < max(TRUE[p.first], TRUE[p.second])]
    return {
        "votes": len(votes),
        "strengths": {
            one.system: {
                "true": TRUE[one.system],
                "found": round(one.value, 3),
                "interval": [round(one.low, 3), round(one.high, 3)],
                "inside": one.low <= TRUE[one.system] <= one.high,
            }
            for one in found.systems
        },
        "ties": {"true": TIE, "found": round(found.ties, 3)},
        "pairs_decided": f"{sum(p.better is not None for p in pairs)} of {len(pairs)}",
        "pairs_decided_wrongly": len(wrong),
        "votes_by_pair": {f"{p.first}, {p.second}": p.votes for p in pairs},
    }


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raters", type=int, default=50, help="at once")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds to think, on average")
    parser.add_argument("--votes", help="a database; a new SQLite file if not given")
    parser.add_argument("--trials", type=int, default=100, help="pages for each rater")
    parser.add_argument("--no-kill", dest="kill", action="store_false")
    parser.add_argument("--simulate", action="store_true", help="also the strengths, found again")
    parser.add_argument("--page", type=Path, help="where to keep the results page")
    options = parser.parse_args()
    options.load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options.votes = options.votes or str(folder / "votes.db")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        served = Served(make_clips(folder), options.votes, options.trials, port)
        options.served = served
        try:
            figures = asyncio.run(load(options, served, port))
            if options.simulate:
                figures |= asyncio.run(recovered(served, port))
            if options.page:
                _, page = asyncio.run(Line(port).ask("GET", "/" + served.results.split("/", 3)[3]))
                options.page.write_bytes(page)
        finally:
            served.kill()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
