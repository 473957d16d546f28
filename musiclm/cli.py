"""The `musiclm` command: one verb for each thing a person does.

A user's mistake gets one line on standard error and exit code 2. PyTorch is imported inside the
verbs, so that `--help` and mistakes answer at once.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from musiclm.errors import UserError

if TYPE_CHECKING:
    from musiclm.data.manifest import Clip as Recording
    from musiclm.pipeline import Clip
    from musiclm.tokenizers import Tokenizers

app = typer.Typer(
    help="An open MusicLM: a sentence in, music out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Make and inspect training data.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a system on held-out data.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(evaluate, name="evaluate")

Model = Annotated[str, typer.Option("--model", help="A released system's name, or a folder.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, mps.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def main() -> None:
    """Run the command line; a UserError is one line and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"musiclm: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("musiclm: interrupted", file=sys.stderr)
        sys.exit(130)


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
    with _bar(quiet or json_) as bar:
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
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Turn recordings into token shards, resuming where an earlier run stopped."""
    from musiclm.data.shards import ShardHeader, ShardWriter
    from musiclm.device import pick_device
    from musiclm.system import load_tokenizers, system_folder
    from musiclm.tokenizers import clips_of, tokenize_corpus

    clips = clips_of(audio)
    tokenizers = load_tokenizers(system_folder(model), pick_device(device))
    with ShardWriter(output, ShardHeader(tokenizers.fingerprints())) as writer:
        with _seconds_bar("tokenise", sum(clip.seconds for clip in clips), quiet) as advance:
            tokenize_corpus(tokenizers, clips, writer, batch=batch, progress=advance)
        print(f"{output}: {len(writer.done)} recordings")


@app.command()
def train(
    noun: Annotated[str, typer.Argument(help="codec, semantic, mulan, lm.semantic, ...")],
    config: Annotated[Path, typer.Option(help="TOML: departures from the paper.")],
    data: Annotated[Path, typer.Option(help="A manifest; for lm.* a folder of token shards.")],
    system: Annotated[Path, typer.Option(help="The folder that the trained part is put into.")],
    runs: Annotated[Path, typer.Option(help="Checkpoints and logs.")] = Path("runs"),
    resume: Annotated[bool, typer.Option(help="Go on from the newest checkpoint.")] = False,
    set_: Annotated[Optional[list[str]], typer.Option("--set", help="a.b=c")] = None,
    quiet: Quiet = False,
) -> None:
    """Train one part, and install it into a system."""
    from musiclm.config import load_toml
    from musiclm.train.tasks import train_part

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
    if not outcome.finished:
        raise typer.Exit(130)


@data.command()
def compose(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the corpus.")],
    clips: Annotated[int, typer.Option(help="How many.")] = 1000,
    seconds: Annotated[float, typer.Option(help="Of each clip.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.")] = 0,
    scores: Annotated[
        Optional[Path], typer.Option(help="Folder of MIDI scores with index.jsonl.")
    ] = None,
    soundfont: Annotated[Optional[Path], typer.Option(help="General MIDI, .sf2 or .sf3.")] = None,
    processes: Annotated[int, typer.Option(help="0: one for each core.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Compose, arrange, render and caption a corpus of music."""
    import os

    from musiclm.corpus.compose import compose as compose_corpus

    manifest = compose_corpus(
        output,
        clips=clips,
        seconds=seconds,
        seed=seed,
        scores=scores,
        soundfont=soundfont,
        processes=processes or os.cpu_count() or 1,
        progress=not quiet,
    )
    print(manifest)


@app.command()
def info(model: Annotated[str, typer.Argument()] = "mini", json_: Json = False) -> None:
    """Say what a system is made of."""
    from musiclm.system import describe

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
    console.print(
        f"  {'together':12} {facts['parameters'] / 1e6:6.2f} M  {facts['megabytes']:6.1f} MB"
    )
    if facts["card"]:
        console.print(facts["card"], markup=False, highlight=False)


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

    with _bar(quiet) as bar:
        _report(codec(_tokenizers(model).codec, _clips(data), n=number, progress=bar), output)


@evaluate.command(name="semantic")
def evaluate_semantic(
    data: Corpus, model: Model = "mini", output: Save = None, quiet: Quiet = False
) -> None:
    """What semantic tokens tell, beside k-means on log-mel."""
    from musiclm.evaluate.semantic import semantic

    with _bar(quiet) as bar:
        _report(semantic(_tokenizers(model).semantic, _clips(data), progress=bar), output)


@evaluate.command(name="mulan")
def evaluate_mulan(
    data: Corpus, model: Model = "mini", pairs: int = 500, output: Save = None, quiet: Quiet = False
) -> None:
    """Retrieval, agreement of text and audio tokens, zero-shot tags."""
    from musiclm.evaluate.mulan import mulan

    with _bar(quiet) as bar:
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
    with _bar(quiet) as bar:
        trained = fit(clips, progress=bar)
    trained.save(output)
    sets = {"its soundfont": held_out(clips)}
    if other:
        sets["another soundfont"] = held_out(_clips(other))
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
    with _bar(quiet) as bar:
        figures = measure(
            music, load_judge(), n=number, seed=seed, corpus=corpus, folder=clips, progress=bar
        )
    _report(figures, output)


def _clips(data: Path) -> "list[Recording]":
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


@contextmanager
def _seconds_bar(what: str, total: float, quiet: bool) -> Iterator[Callable[[float], None]]:
    columns = (TextColumn(what), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task(what, total=total)
        yield lambda seconds: progress.update(task, advance=seconds)


class _bar:  # noqa: N801 - used like a function
    """One progress bar for each stage, called with (stage, done, total)."""

    def __init__(self, quiet: bool) -> None:
        columns = (TextColumn("{task.description:9}"), BarColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=Console(stderr=True), disable=quiet)
        self.tasks: dict[str, Any] = {}

    def __enter__(self) -> "_bar":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.progress.add_task(stage, total=total)
        self.progress.update(self.tasks[stage], completed=done)
