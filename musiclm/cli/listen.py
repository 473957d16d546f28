"""`musiclm listen`: the listening test of the paper, served to whoever has the address."""

import sys
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from musiclm.cli.app import Quiet, app, bars
from musiclm.errors import UserError


@app.command()
def listen(
    folders: Annotated[list[Path], typer.Argument(help="Clips of each system, one folder each.")],
    prompts: Annotated[
        Optional[Path],
        typer.Option(help=".jsonl, .csv or .txt; else what folders or files say of themselves."),
    ] = None,
    votes: Annotated[
        str, typer.Option(help="An SQLite file, or an SQLAlchemy address (postgresql://...).")
    ] = "votes.db",
    mode: Annotated[
        Literal["pairs", "quality", "mos", "mushra"],
        typer.Option(help="pairs: which clip the text describes better, the paper's question."),
    ] = "pairs",
    reference: Annotated[Optional[Path], typer.Option(help="True recordings, for mushra.")] = None,
    trials: Annotated[int, typer.Option(help="New comparisons for each rater.")] = 20,
    seconds: Annotated[float, typer.Option(help="Of each clip that is heard, at most.")] = 10.0,
    raters: Annotated[
        int, typer.Option(help="Invite so many, with a link for each; 0: whoever comes.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of orders and sides.")] = 0,
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8000,
    host: Annotated[str, typer.Option(help="0.0.0.0: also for other machines.")] = "127.0.0.1",
    quiet: Quiet = False,
) -> None:
    """Let people compare systems blindly, and see what they said.

    Votes are kept in a database; run the same command again to go on after a stop.
    """
    _check(trials, raters, port)
    from musiclm.listen.experiment import gather
    from musiclm.listen.server import open_test

    with bars(quiet) as bar:
        experiment = gather(
            folders, mode, prompts=prompts, reference=reference, seconds=seconds, progress=bar
        )
        test = open_test(experiment, votes, trials=trials, seed=seed, raters=raters, progress=bar)
    for note in experiment.notes:
        print(f"musiclm: left out, {note}", file=sys.stderr)
    test.serve(host, port, told=lambda address: _tell(test.lines(address)))


def _tell(lines: list[str]) -> None:
    print("\n".join(lines), flush=True)


def _check(trials: int, raters: int, port: int) -> None:
    for name, value, highest in (
        ("trials", trials, 1000),
        ("raters", raters, 10_000),
        ("port", port, 65_535),
    ):
        lowest = 1 if name == "trials" else 0
        if not lowest <= value <= highest:
            raise UserError(f"--{name} must be from {lowest} to {highest}, not {value}")
