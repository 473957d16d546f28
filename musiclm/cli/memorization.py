"""`musiclm evaluate memorization`: whether the semantic stage recites its training examples."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from musiclm.cli.app import Model, Quiet, bars, evaluate
from musiclm.cli.measure import Save, _clips, _report


@evaluate.command()
def memorization(
    data: Annotated[
        Path, typer.Option("--data", help="The manifest that the system was trained on.")
    ],
    model: Model = "mini",
    number: Annotated[int, typer.Option(help="Examples of each set, at most.")] = 200,
    seconds: Annotated[
        Optional[str], typer.Option(help="Lengths of prompts, as in 0,2.5,5; up to 10.")
    ] = None,
    seed: int = 0,
    output: Save = None,
    quiet: Quiet = False,
) -> None:
    """How often the semantic stage recites training examples, exactly or nearly; a picture.

    Its own training split beside the valid and test splits, which it never met.
    """
    from musiclm.errors import UserError
    from musiclm.evaluate.memorisation import memorisation
    from musiclm.pipeline import MusicLM

    try:
        lengths = [float(one) for one in seconds.split(",")] if seconds else None
    except ValueError as error:
        raise UserError(f"--seconds takes numbers with commas between, not {seconds!r}") from error
    clips, music = _clips(data), MusicLM.from_pretrained(model, "cpu")
    with bars(quiet) as bar:
        figures = memorisation(
            music, clips, n=number, seconds=lengths, seed=seed, pictures=output, progress=bar
        )
    _report(figures, output)
