"""The main path: generate music, train what generates it, and say what a system is."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.console import Console

from musiclm.cli.app import (
    Cluster,
    Device,
    Json,
    Model,
    Processes,
    Quiet,
    app,
    bars,
    seconds_bar,
)
from musiclm.errors import UserError

if TYPE_CHECKING:
    from musiclm.pipeline import Clip


@app.command()
def generate(
    prompt: Annotated[Optional[list[str]], typer.Argument(help="What the music is like.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help=".wav .flac .ogg .mp3")] = Path(
        "musiclm.wav"
    ),
    duration: Annotated[float, typer.Option(help="Seconds of new music.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same music.")] = 0,
    number: Annotated[int, typer.Option("-n", "--number", help="Clips of each prompt.")] = 1,
    model: Model = "mini",
    temperature: Annotated[
        Optional[tuple[float, float, float]],
        typer.Option(help="Of the semantic, coarse and fine stage."),
    ] = None,
    top_k: Annotated[Optional[int], typer.Option(help="Draw among the k likeliest.")] = None,
    top_p: Annotated[Optional[float], typer.Option(help="Draw among this mass.")] = None,
    cfg_scale: Annotated[
        Optional[float], typer.Option(help="How strictly the prompt is followed; 1 is plain.")
    ] = None,
    continue_from: Annotated[
        Optional[Path], typer.Option(help="A clip that the new music follows.")
    ] = None,
    device: Device = "cpu",
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Turn sentences into music."""
    from musiclm.audio import check_writable, read

    prompts = [text for text in (prompt or ([""] if continue_from else [])) for _ in range(number)]
    if not prompts:
        raise UserError('give a prompt, for example: musiclm generate "a calm solo piano"')
    paths = _outputs(output, len(prompts))
    for path in paths:
        check_writable(path)
    before = read(continue_from) if continue_from else None

    from musiclm.pipeline import MusicLM, Settings, check_duration, check_prompt

    check_duration(duration)
    for text in prompts:
        if text or before is None:
            check_prompt(text)
    settings = Settings(temperature, top_k, top_p, cfg_scale)
    music = MusicLM.from_pretrained(model, device)
    with bars(quiet or json_) as bar:
        clips = music.generate(
            prompts, duration, seed, settings=settings, continue_from=before, progress=bar
        )
    for path, clip in zip(paths, clips, strict=True):
        clip.save(path)
    _tell(json_, [_described(path, clip) for path, clip in zip(paths, clips, strict=True)])


@app.command()
def tokenize(
    audio: Annotated[list[Path], typer.Argument(help="Sound files, or one manifest.jsonl.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of token shards.")],
    model: Model = "mini",
    batch: Annotated[int, typer.Option(help="Recordings at once.")] = 8,
    captions: Annotated[
        int, typer.Option(help="So many of each recording beside it, for lm.*.text_share.")
    ] = 0,
    device: Device = "auto",
    processes: Processes = 1,
    cluster: Cluster = None,
    quiet: Quiet = False,
) -> None:
    """Turn recordings into token shards, resuming where an earlier run stopped."""
    from functools import partial

    from musiclm.device import pick_device
    from musiclm.system import load_tokenizers, system_folder
    from musiclm.tokenizers import clips_of, tokenize_corpus

    clips = clips_of(audio)
    load = partial(load_tokenizers, system_folder(model).absolute(), pick_device(device))
    with seconds_bar("tokenise", sum(clip.seconds for clip in clips), quiet) as advance:
        header = tokenize_corpus(
            load,
            clips,
            output,
            batch=batch,
            captions=captions,
            processes=processes,
            cluster=cluster,
            progress=advance,
        )
    print(f"{output}: {header.rows} rows")


@app.command()
def train(
    noun: Annotated[str, typer.Argument(help="codec, semantic, mulan, lm.semantic, ...")],
    config: Annotated[Path, typer.Option(help="TOML: departures from the paper.")],
    system: Annotated[Path, typer.Option(help="The folder that the trained part is put into.")],
    data: Annotated[
        Optional[Path], typer.Option(help="A manifest; for lm.* a folder of token shards.")
    ] = None,
    take: Annotated[
        Optional[str], typer.Option(help="Take the part as it is from this system instead.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Checkpoints and logs.")] = Path("runs"),
    resume: Annotated[bool, typer.Option(help="Go on from the newest checkpoint.")] = False,
    set_: Annotated[Optional[list[str]], typer.Option("--set", help="a.b=c")] = None,
    quiet: Quiet = False,
) -> None:
    """Train one part, and install it into a system."""
    from musiclm.config import load_toml
    from musiclm.train.tasks import take_part, train_part

    if take is not None:
        take_part(noun, take, system)
        print(f"{noun}: as in {take}")
        return
    if data is None:
        raise UserError("train needs --data: a manifest, or a folder of token shards for lm.*")

    outcome = train_part(
        noun,
        load_toml(config, set_ or ()),
        data=data,
        system=system,
        run_dir=runs / noun,
        resume=resume,
        quiet=quiet,
    )
    figures = "  ".join(f"{name} {value:.4g}" for name, value in outcome.figures.items())
    print(f"{noun}: {outcome.step} steps  {figures}")
    if outcome.best:
        print(outcome.best.told(noun, outcome.step))
    if not outcome.finished:
        raise typer.Exit(130)


@app.command()
def info(
    model: Annotated[str, typer.Argument(help="A system, or a configuration: x.toml.")] = "mini",
    parts: Annotated[bool, typer.Option("--parts", help="Only its parts, one a line.")] = False,
    json_: Json = False,
) -> None:
    """Say what a system is made of, or what a configuration will make."""
    from musiclm.config import load_toml
    from musiclm.origin import UNKNOWN, read_origin
    from musiclm.system import describe, read_index, system_config, system_folder

    if parts or model.endswith(".toml"):
        toml = model.endswith(".toml")
        sections = load_toml(model) if toml else read_index(system_folder(model))["config"]
        print("\n".join(system_config(sections).nouns))
        return
    facts = describe(model)
    if json_:
        print(json.dumps(facts))
        return
    console = Console()
    console.print(f"[bold]{facts['name']}[/bold]  {facts['folder']}")
    for noun, part in facts["parts"].items():
        console.print(
            f"  {noun:12} {part['parameters'] / 1e6:6.2f} M  {part['megabytes']:6.1f} MB  "
            f"{part['rate']}  {part['fingerprint'][:12]}",
            highlight=False,
        )
        origin = read_origin(part["origin"], noun)
        told = origin.told if origin else UNKNOWN
        console.print(f"  {'':12} {told}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"  {'together':12} {facts['parameters'] / 1e6:6.2f} M  {facts['megabytes']:6.1f} MB"
    )
    if facts["card"]:
        console.print(facts["card"], markup=False, highlight=False)


def _outputs(path: Path, count: int) -> list[Path]:
    if count == 1:
        return [path]
    width = len(str(count))
    return [path.with_stem(f"{path.stem}-{i:0{width}d}") for i in range(1, count + 1)]


def _described(path: Path, clip: "Clip") -> dict[str, Any]:
    return {"path": str(path), "seconds": clip.wave.seconds} | clip.metadata


def _tell(as_json: bool, rows: list[dict[str, Any]]) -> None:
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['path']}  {row['seconds']:.2f} s  seed {row['seed']}  {row['prompt']}")
