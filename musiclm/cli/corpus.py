"""`musiclm data ...`: compose a corpus, or take any folder of music, check it and count it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import typer
from rich.console import Console
from rich.table import Table

from musiclm.cli.app import Cluster, Json, Processes, Quiet, counter, data


@data.command()
def compose(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the corpus.")],
    clips: Annotated[int, typer.Option(help="How many.")] = 1000,
    seconds: Annotated[float, typer.Option(help="Of each clip.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.")] = 0,
    scores: Annotated[
        Optional[Path], typer.Option(help="Folder of MIDI scores with index.jsonl.")
    ] = None,
    soundfont: Annotated[
        Optional[list[Path]],
        typer.Option(help="General MIDI, .sf2 or .sf3; again for more: each clip draws one."),
    ] = None,
    style: Annotated[Optional[list[str]], typer.Option(help="Only this style, or these.")] = None,
    split: Annotated[
        Optional[str], typer.Option(help="Only works held out as valid or test, or train's.")
    ] = None,
    processes: Processes = 0,
    cluster: Cluster = None,
    quiet: Quiet = False,
) -> None:
    """Compose, arrange, render and caption a corpus of music."""
    from musiclm.corpus.compose import Recipe
    from musiclm.corpus.compose import compose as compose_corpus

    styles = tuple(style) if style else None
    manifest = compose_corpus(
        output,
        Recipe(seconds, seed, tuple(soundfont or ()), scores, styles, split),
        clips=clips,
        processes=processes,
        cluster=cluster,
        progress=not quiet,
    )
    print(manifest)


@data.command()
def stats(
    manifest: Annotated[Path, typer.Argument(help="A manifest, or its folder.")],
    json_: Json = False,
) -> None:
    """Say what a corpus holds: hours, licences, labels, captions."""
    from musiclm.data.manifest import read_manifest
    from musiclm.data.stats import statistics

    facts = statistics(read_manifest(manifest))
    if json_:
        print(json.dumps(facts))
        return
    console = Console()
    table = Table("what", "", show_header=False)
    table.add_row(
        "clips, hours, works", f"{facts['clips']}, {facts['hours']:.2f}, {facts['works']}"
    )
    for name in ("splits", "licences", "sources"):
        table.add_row(name, _counts(facts[name]))
    for name, counts in facts["labels"].items():
        table.add_row(name.replace("_", " "), _counts(counts))
    table.add_row("instruments", _counts(facts["instruments"]))
    table.add_row("beats a minute", _spread(facts["bpm"]))
    captions = facts["captions"]
    table.add_row("captions", f"{captions['count']} of {captions['clips_with']} clips")
    table.add_row("distinct captions", f"{captions['distinct']:.1%}")
    table.add_row("words of a caption", _spread(captions["words"]))
    console.print(table)


def _counts(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {count:g}" for name, count in counts.items()) or "none"


def _spread(spread: dict[str, float]) -> str:
    if not spread:
        return "none"
    return (
        f"{spread['least']:g} to {spread['most']:g}, half of them {spread['quarter']:g} to "
        f"{spread['three_quarters']:g}"
    )


@data.command()
def scan(
    folder: Annotated[Path, typer.Argument(help="A folder of music; or one table or archive.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The manifest, a .jsonl file.")],
    kind: Annotated[
        str,
        typer.Option(help="auto, folder, table, audiocraft, webdataset, huggingface, musiccaps."),
    ] = "auto",
    audio: Annotated[Optional[Path], typer.Option(help="Where the clips of a table lie.")] = None,
    path_column: Annotated[Optional[str], typer.Option(help="Of a table.")] = None,
    caption_column: Annotated[Optional[str], typer.Option(help="Of a table.")] = None,
    licence: Annotated[str, typer.Option(help="Of clips that state none.")] = "",
    source: Annotated[str, typer.Option(help="Of clips that state none.")] = "",
    works: Annotated[
        Literal["auto", "folder", "file"], typer.Option(help="What a split never divides.")
    ] = "auto",
    unpack: Annotated[Optional[Path], typer.Option(help="Where archives are unpacked to.")] = None,
    processes: Processes = 0,
    cluster: Cluster = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Make a manifest of any folder of music, with the captions that are found there."""
    from musiclm.data.scan import scan as scan_folder
    from musiclm.data.sources.found import Options

    options = Options(
        kind=kind,
        audio=audio,
        path_column=path_column,
        caption_column=caption_column,
        licence=licence,
        source=source,
        works=works,
        unpack=unpack,
    )
    with counter("scanning", quiet) as advance:
        found = scan_folder(
            folder,
            output,
            options,
            processes=processes,
            cluster=cluster,
            progress=advance,
        )
    if json_:
        print(json.dumps(asdict(found) | {"manifest": str(found.manifest)}))
        return
    splits = ", ".join(f"{name} {count}" for name, count in found.by_split.items())
    print(f"{found.manifest}: {found.clips} clips of {found.works} works ({splits})")
    print(f"{found.seconds / 3600:.2f} h, {found.captioned} with captions; read as {found.kind}")
    if found.missing:
        print(f"{found.missing} that the table names are not there")
    if found.divided:
        print(f"{found.divided} works were divided by the splits given: drawn anew")
    if found.problems:
        beside = found.manifest.with_suffix(".problems.jsonl")
        print(f"{len(found.problems)} files are not in it, and why: {beside}")


@data.command()
def check(
    source: Annotated[Path, typer.Argument(help="A manifest, or a folder of sound files.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the report.")],
    shortest: Annotated[float, typer.Option(help="Seconds; shorter files are errors.")] = 1.0,
    require_captions: Annotated[
        bool, typer.Option("--require-captions", help="A missing caption is an error.")
    ] = False,
    processes: Processes = 0,
    cluster: Cluster = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Read every recording, say what is wrong and why, and list what should not be trained on."""
    from musiclm.data.check import check as check_all

    with counter("checking", quiet) as advance:
        found = check_all(
            source,
            output,
            require_captions=require_captions,
            shortest=shortest,
            processes=processes,
            cluster=cluster,
            progress=advance,
        )
    if json_:
        print((output / "report.json").read_text())
        return
    print(found.table())
    if found.passed_over:
        print(f"{len(found.passed_over)} files or folders were passed over: {output}/report.json")
    if found.quarantined:
        print(f"{found.quarantined} should not be trained on, and why: {output}/quarantine.jsonl")
    if found.manifest:
        print(f"{found.manifest}: the {found.clean} that may be")
