"""What all verbs share: the application and its groups, common options, progress bars.

A user's mistake gets one line on standard error and exit code 2. PyTorch is imported inside the
verbs, so that `--help` and mistakes answer at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

app = typer.Typer(
    help="An open MusicLM: a sentence in, music out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Make, gather and inspect training data.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a system on held-out data.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(evaluate, name="evaluate")

Model = Annotated[str, typer.Option("--model", help="A released system's name, or a folder.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, mps.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Processes = Annotated[int, typer.Option(help="Worker processes; 0: one for each core.")]
Cluster = Annotated[
    Optional[str],
    typer.Option(help="Work on a Ray cluster: its address, or `local` to start one here."),
]


@contextmanager
def seconds_bar(what: str, total: float, quiet: bool) -> Iterator[Callable[[float], None]]:
    columns = (TextColumn(what), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task(what, total=total)
        yield lambda seconds: progress.update(task, advance=seconds)


class bars:  # noqa: N801 - used like a function
    """One progress bar for each stage, called with (stage, done, total)."""

    def __init__(self, quiet: bool) -> None:
        columns = (TextColumn("{task.description:9}"), BarColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=Console(stderr=True), disable=quiet)
        self.tasks: dict[str, Any] = {}

    def __enter__(self) -> "bars":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.progress.add_task(stage, total=total)
        self.progress.update(self.tasks[stage], completed=done)


@contextmanager
def counter(what: str, quiet: bool) -> Iterator[Callable[[int], None]]:
    """How many were done, where nobody knows how many there will be."""
    columns = (TextColumn(what), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done: progress.update(task, advance=done)
