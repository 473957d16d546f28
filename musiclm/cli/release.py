"""`musiclm evaluate release`: a system between its ceiling, its floor and a simple baseline."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from musiclm.cli.app import Model, Quiet, bars, evaluate
from musiclm.cli.judging import KEPT
from musiclm.cli.measure import Corpus, Save, _clips, _report


@evaluate.command(name="release")
def evaluate_release(
    data: Corpus,
    clips: Annotated[
        Path, typer.Option(help="Folder of what each contender makes; what is there is kept.")
    ],
    model: Model = "mini",
    ablated: Annotated[
        Optional[str],
        typer.Option(help="A system whose coarse stage is not given semantic tokens."),
    ] = None,
    number: Annotated[int, typer.Option(help="Prompts.")] = 100,
    links: Annotated[
        int, typer.Option(help="Clips that enter the chain at each link; 0 leaves that out.")
    ] = 80,
    seed: int = 0,
    output: Save = None,
    quiet: Quiet = False,
) -> None:
    """The table of a release: everybody is asked for the same held-out recordings in words."""
    from musiclm.evaluate.embedders.cache import default_cache
    from musiclm.evaluate.judges import Judges
    from musiclm.evaluate.release import asked_for, contenders, reference, release, with_links
    from musiclm.evaluate.stages import stages
    from musiclm.pipeline import MusicLM

    corpus = _clips(data)
    held = reference(corpus, asked_for(corpus, number, seed))
    music = MusicLM.from_pretrained(model, "cpu")
    without = MusicLM.from_pretrained(ablated, "cpu") if ablated else None
    judges = Judges.load(model=model, cache=default_cache())
    with bars(quiet) as bar:
        folders = contenders(
            music, corpus, clips, n=number, seed=seed, ablated=without, progress=bar
        )
        figures = release(folders, held, judges, bar)
        if links:
            place = clips / "links"
            chain = stages(music, corpus, judges, n=links, seed=seed, folder=place, progress=bar)
            figures = with_links(figures, chain)
    _report({name: told for name, told in figures.items() if name not in KEPT}, output)
