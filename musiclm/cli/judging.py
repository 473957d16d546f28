"""`musiclm evaluate music`: any system's clips, judged side by side; the paper's protocol too."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from musiclm.cli.app import Json, Model, Quiet, bars, evaluate
from musiclm.errors import UserError

if TYPE_CHECKING:
    from musiclm.evaluate.musiccaps import Caption
    from musiclm.evaluate.sound import Progress

KEPT = "clips", "reference_clips"  # of the figures, too long to print


@evaluate.command(name="music")
def evaluate_music(
    clips: Annotated[
        Optional[list[Path]], typer.Argument(help="A folder of clips for each system.")
    ] = None,
    reference: Annotated[
        Optional[Path], typer.Option(help="Real recordings: a folder, or a manifest's test split.")
    ] = None,
    prompts: Annotated[
        Optional[Path],
        typer.Option(help="jsonl (file, prompt, facts), csv, or txt with a line for each clip."),
    ] = None,
    embedder: Annotated[
        Optional[list[str]],
        typer.Option(help="judge, mulan, vggish=FILE, clap=DIR, mert=DIR, encodec=DIR; repeat."),
    ] = None,
    tagger: Annotated[str, typer.Option(help="judge, or ast=DIR.")] = "judge",
    musiccaps: Annotated[
        Optional[Path],
        typer.Option(help="The paper's protocol: its captions; without CLIPS, --model makes them."),
    ] = None,
    balanced: Annotated[bool, typer.Option(help="Only MusicCaps' balanced 1,000.")] = False,
    number: Annotated[Optional[int], typer.Option(help="Of MusicCaps, at most.")] = None,
    seed: Annotated[int, typer.Option(help="Of the clips that are made for MusicCaps.")] = 0,
    model: Model = "mini",
    output: Annotated[
        Optional[Path], typer.Option("-o", "--output", help="A folder for the report.")
    ] = None,
    cache: Annotated[
        Optional[Path], typer.Option(help="Where embeddings are kept; ~/.cache/musiclm.")
    ] = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Whether music is like real music, fits its prompts, and is sound at all."""
    if not clips and musiccaps is None:
        raise UserError("name a folder of clips, or MusicCaps' table with --musiccaps")
    if not clips and output is None:
        raise UserError("--musiccaps generates clips: name a folder for them with -o")
    if musiccaps is None and (balanced or number is not None):
        raise UserError("--balanced and --number are of --musiccaps")
    if output is not None and output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; the report needs a folder")
    captions = _captions(musiccaps, balanced, number)

    from musiclm.evaluate.clips import open_folder, open_reference
    from musiclm.evaluate.embedders.cache import default_cache
    from musiclm.evaluate.judges import ALWAYS, Judges
    from musiclm.evaluate.music import music

    judges = Judges.load(embedder or ALWAYS, tagger, model=model, cache=cache or default_cache())
    with bars(quiet or json_) as bar:
        folders, asked = clips or [], prompts or musiccaps
        if not folders:
            assert output is not None
            folders, asked = [_made(model, captions, output, seed, bar)], prompts
        opened = [open_folder(one, asked, bar) for one in folders]
        if not clips:
            opened = [replace(opened[0], name=Path(model).name)]
        if captions:
            from musiclm.evaluate.musiccaps import among

            opened = [among(one, captions) for one in opened]
        real = None
        if reference is not None:
            named = musiccaps if reference.is_dir() else None
            real = (
                open_folder(reference, named, bar)
                if named
                else open_reference(reference, progress=bar)
            )
        figures = music(opened, judges, reference=real, progress=bar)
    if musiccaps is not None:
        from musiclm.evaluate.musiccaps import protocol

        figures = protocol(figures, captions)
    _tell(figures, output, json_)


def _captions(musiccaps: Path | None, balanced: bool, number: int | None) -> "list[Caption]":
    if musiccaps is None:
        return []
    from musiclm.evaluate.musiccaps import read_musiccaps

    return read_musiccaps(musiccaps, balanced=balanced, number=number)


def _made(model: str, captions: "list[Caption]", output: Path, seed: int, bar: "Progress") -> Path:
    """The clips of a system for these captions; those that are there already stay."""
    from musiclm.evaluate.musiccaps import make
    from musiclm.pipeline import MusicLM

    return make(MusicLM.from_pretrained(model, "cpu"), captions, output, seed=seed, progress=bar)


def _tell(figures: dict[str, Any], output: Path | None, as_json: bool) -> None:
    from musiclm.evaluate.report import show

    if output:
        from musiclm.evaluate.page import save_report

        page = save_report(figures, output, " ".join(["musiclm", *sys.argv[1:]]))[0]
    if as_json:
        print(json.dumps(figures))
        return
    show({name: value for name, value in figures.items() if name not in KEPT})
    if output:
        print(f"report: {page}")
