"""`musiclm evaluate ...`: one table and one JSON for each claim."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import typer

from musiclm.cli.app import Device, Model, Quiet, bars, evaluate

if TYPE_CHECKING:
    from torch.nn import Module

    from musiclm.data.manifest import Clip

Corpus = Annotated[Path, typer.Option("--data", help="A manifest with held-out clips.")]
Save = Annotated[Optional[Path], typer.Option("-o", "--output", help="JSON (and Markdown).")]


@evaluate.command(name="codec")
def evaluate_codec(
    data: Corpus,
    model: Model = "mini",
    number: Annotated[int, typer.Option(help="Clips, at most.")] = 100,
    split: Annotated[
        Literal["test", "valid", "train", "all"],
        typer.Option(help="Of the manifest; all: for recordings that the codec never learned."),
    ] = "test",
    output: Save = None,
    quiet: Quiet = False,
) -> None:
    """Fidelity by bit-rate, beside Opus on the same clips, and pictures of it.

    Takes a manifest of any recordings (`musiclm data scan FOLDER --source --licence`).
    """
    from musiclm.codec.soundstream import SoundStream
    from musiclm.data.manifest import SPLITS
    from musiclm.evaluate.codec import codec

    soundstream = _part(model, "codec")
    assert isinstance(soundstream, SoundStream)
    splits = SPLITS if split == "all" else (split,)
    with bars(quiet) as bar:
        figures = codec(
            soundstream, _clips(data), n=number, splits=splits, pictures=output, progress=bar
        )
    _report(figures, output)


@evaluate.command(name="semantic")
def evaluate_semantic(
    data: Corpus,
    model: Model = "mini",
    test: Annotated[
        Optional[Path], typer.Option(help="A manifest of other works, for the test clips.")
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Also every layer, in several alphabets; a picture.")
    ] = False,
    regenerate: Annotated[
        int, typer.Option(help="Clips to generate anew from their semantic tokens.")
    ] = 0,
    output: Save = None,
    quiet: Quiet = False,
) -> None:
    """What semantic tokens tell, beside k-means on log-mel."""
    from musiclm.errors import UserError
    from musiclm.evaluate.semantic import semantic
    from musiclm.interfaces import SemanticTokenizer
    from musiclm.semantic.tokenizer import W2vBertTokenizer

    tokenizer = _part(model, "semantic")
    assert isinstance(tokenizer, SemanticTokenizer)
    if layers and not isinstance(tokenizer, W2vBertTokenizer):
        raise UserError(f"--layers: the semantic tokens of {model} are those of no layer")
    clips, other = _clips(data), _clips(test) if test else None
    with bars(quiet) as bar:
        figures = semantic(tokenizer, clips, other=other, progress=bar)
        if layers:
            from musiclm.evaluate.layers import draw
            from musiclm.evaluate.layers import layers as by_layer

            assert isinstance(tokenizer, W2vBertTokenizer)
            tables = by_layer(tokenizer.model, clips, other=other, progress=bar)
            figures["tables"] += tables
            if output:
                draw(tables, output.with_name(f"{output.stem}-layers.png"))
        if regenerate:
            from musiclm.evaluate.regeneration import regeneration
            from musiclm.pipeline import MusicLM

            music = MusicLM.from_pretrained(model, "cpu")
            anew = regeneration(music, other or clips, n=regenerate, progress=bar)
            figures["tables"] += anew["tables"]
            figures["notes"] += [f"regeneration: {anew['reference']}", *anew["notes"]]
    _report(figures, output)


@evaluate.command(name="mulan")
def evaluate_mulan(
    data: Corpus,
    model: Model = "mini",
    pairs: Annotated[int, typer.Option(help="Clips with a caption, at most.")] = 1000,
    output: Save = None,
    quiet: Quiet = False,
) -> None:
    """Retrieval, zero-shot tags, contradicting captions, tokens of text and audio; a picture."""
    from musiclm.evaluate.mulan import mulan
    from musiclm.mulan.tokenizer import MuLanTokenizer

    tokenizer = _part(model, "mulan")
    assert isinstance(tokenizer, MuLanTokenizer)
    with bars(quiet) as bar:
        figures = mulan(tokenizer, _clips(data), pairs=pairs, pictures=output, progress=bar)
    _report(figures, output)


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


@evaluate.command(name="stages")
def evaluate_stages(
    data: Corpus,
    model: Model = "mini",
    number: Annotated[int, typer.Option("--number", "--n", help="Clips in a row, at most.")] = 80,
    split: Annotated[
        Literal["test", "valid", "train", "all"],
        typer.Option("--split", "--splits", help="Of the manifest."),
    ] = "test",
    seed: Annotated[int, typer.Option(help="Of the clips and of what is drawn.")] = 0,
    save: Annotated[Optional[Path], typer.Option(help="Keep each row's clips here.")] = None,
    device: Device = "cpu",
    output: Save = None,
    quiet: Quiet = False,
) -> None:
    """Where the chain loses what a recording holds: true tokens up to a link, drawn ones after."""
    from musiclm.data.manifest import SPLITS
    from musiclm.evaluate.embedders.cache import default_cache
    from musiclm.evaluate.judges import Judges
    from musiclm.evaluate.stages import stages
    from musiclm.pipeline import MusicLM

    clips, splits = _clips(data), SPLITS if split == "all" else (split,)
    music = MusicLM.from_pretrained(model, device)
    judges = Judges.load(("judge",), model=model, cache=default_cache())
    with bars(quiet) as bar:
        figures = stages(
            music, clips, judges, n=number, seed=seed, splits=splits, folder=save, progress=bar
        )
    _report(figures, output)


def _clips(data: Path) -> "list[Clip]":
    from musiclm.data.manifest import read_manifest

    return read_manifest(data)


def _part(model: str, noun: str) -> "Module":
    """One part of a system, whose others need not be trained yet."""
    from musiclm.device import pick_device
    from musiclm.system import load_part, read_index, system_folder

    folder = system_folder(model)
    return load_part(folder, noun, read_index(folder), pick_device("cpu"))


def _report(figures: dict[str, Any], output: Path | None) -> None:
    from musiclm.evaluate.report import save, show

    show(figures)
    if output:
        save(figures, output, " ".join(["musiclm", *sys.argv[1:]]))
