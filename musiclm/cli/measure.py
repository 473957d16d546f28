"""`musiclm evaluate ...`: one table and one JSON for each claim."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from musiclm.cli.app import Model, Quiet, bars, evaluate

if TYPE_CHECKING:
    from musiclm.data.manifest import Clip
    from musiclm.tokenizers import Tokenizers

Corpus = Annotated[Path, typer.Option("--data", help="A manifest with held-out clips.")]
Save = Annotated[Optional[Path], typer.Option("-o", "--output", help="JSON (and Markdown).")]


@evaluate.command(name="codec")
def evaluate_codec(
    data: Corpus,
    model: Model = "mini",
    number: int = 100,
    output: Save = None,
    quiet: Quiet = False,
) -> None:
    """Fidelity by bit-rate, beside Opus on the same clips."""
    from musiclm.evaluate.codec import codec

    with bars(quiet) as bar:
        _report(codec(_tokenizers(model).codec, _clips(data), n=number, progress=bar), output)


@evaluate.command(name="semantic")
def evaluate_semantic(
    data: Corpus, model: Model = "mini", output: Save = None, quiet: Quiet = False
) -> None:
    """What semantic tokens tell, beside k-means on log-mel."""
    from musiclm.evaluate.semantic import semantic

    with bars(quiet) as bar:
        _report(semantic(_tokenizers(model).semantic, _clips(data), progress=bar), output)


@evaluate.command(name="mulan")
def evaluate_mulan(
    data: Corpus, model: Model = "mini", pairs: int = 500, output: Save = None, quiet: Quiet = False
) -> None:
    """Retrieval, agreement of text and audio tokens, zero-shot tags."""
    from musiclm.evaluate.mulan import mulan

    with bars(quiet) as bar:
        _report(mulan(_tokenizers(model).mulan, _clips(data), pairs=pairs, progress=bar), output)


@evaluate.command()
def judge(
    data: Corpus,
    output: Annotated[Path, typer.Option("-o", "--output", help="safetensors")],
    other: Annotated[
        Optional[Path], typer.Option(help="A manifest rendered with another soundfont.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Train the judge of `evaluate control` on renders of a soundfont of its own."""
    from musiclm.evaluate.judge_fit import fit, judged
    from musiclm.evaluate.sound import held_out

    clips = _clips(data)
    with bars(quiet) as bar:
        trained = fit(clips, progress=bar)
    trained.save(output)
    sets = {"its soundfont": held_out(clips, ("valid", "test"))}
    if other:
        learned = {clip.work for clip in clips if clip.split == "train"}
        sets["another soundfont"] = [clip for clip in _clips(other) if clip.work not in learned]
    _report(judged(trained, sets), output.with_suffix(".json"))


@evaluate.command()
def control(
    data: Corpus,
    model: Model = "mini",
    number: int = 100,
    seed: int = 0,
    clips: Annotated[Optional[Path], typer.Option(help="Keep the clips in this folder.")] = None,
    output: Save = None,
    quiet: Quiet = False,
) -> None:
    """Whether generated music holds what held-out prompts ask for, told by an independent judge."""
    from musiclm.evaluate.control import control as measure
    from musiclm.evaluate.judge import load_judge
    from musiclm.evaluate.sound import held_out
    from musiclm.pipeline import MusicLM

    music, corpus = MusicLM.from_pretrained(model, "cpu"), held_out(_clips(data))
    with bars(quiet) as bar:
        figures = measure(
            music, load_judge(), n=number, seed=seed, corpus=corpus, folder=clips, progress=bar
        )
    _report(figures, output)


def _clips(data: Path) -> "list[Clip]":
    from musiclm.data.manifest import read_manifest

    return read_manifest(data)


def _tokenizers(model: str) -> "Tokenizers":
    from musiclm.device import pick_device
    from musiclm.system import load_tokenizers, system_folder

    return load_tokenizers(system_folder(model), pick_device("cpu"))


def _report(figures: dict[str, Any], output: Path | None) -> None:
    from musiclm.evaluate.report import save, show

    show(figures)
    if output:
        save(figures, output, " ".join(["musiclm", *sys.argv[1:]]))
