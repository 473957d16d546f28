"""Makes a corpus: composes, performs, renders, mixes and captions clips on many processes.

Clip i of a seed is the same whatever the number of clips or processes; what was rendered before is
kept, so an interrupted run continues.

    from musiclm.corpus.compose import compose

    compose(Path("corpus"), clips=100, seconds=10.0, seed=1, processes=2)
"""

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.checkpoint import atomic_path
from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.captions import captions
from musiclm.corpus.labels import describe
from musiclm.corpus.mix import mix
from musiclm.corpus.perform import Stroke, perform
from musiclm.corpus.piece import Piece
from musiclm.corpus.render import Synth, find_soundfont
from musiclm.corpus.scores import SHARE, Library
from musiclm.corpus.styles import STYLES
from musiclm.data.manifest import Clip, split_of, write_manifest
from musiclm.errors import UserError

VERSION = 3  # of the composer: raise it when the same seed would give other music


@dataclass(frozen=True)
class Recipe:
    """Everything that clip i depends on."""

    seconds: float
    seed: int
    soundfont: Path
    scores: Path | None = None
    styles: tuple[str, ...] | None = None

    def settings(self) -> dict[str, Any]:
        """What a folder of clips must agree on; names, not places, so that it can be moved."""
        return {
            "version": VERSION,
            "seconds": self.seconds,
            "seed": self.seed,
            "soundfont": self.soundfont.name,
            "scores": self.scores is not None,
            "styles": list(self.styles) if self.styles else None,
        }


def compose(
    out: Path,
    *,
    clips: int,
    seconds: float = 10.0,
    seed: int = 0,
    soundfont: Path | None = None,
    scores: Path | None = None,
    processes: int = 1,
    progress: bool = True,
    styles: tuple[str, ...] | None = None,
) -> Path:
    """Make `clips` clips in `out` and return the path of their manifest."""
    for style in styles or ():
        if style not in STYLES:
            raise UserError(f"no such style: {style}; there are {', '.join(sorted(STYLES))}")
    if clips < 1 or seconds < 1.0 or processes < 1:
        raise UserError("a corpus needs at least one clip, one second and one process")
    recipe = Recipe(seconds, seed, find_soundfont(soundfont), scores, styles)
    if scores is not None:
        Library(scores)  # a wrong folder is better named now than in a worker
    _claim(out, recipe)
    rows: dict[int, Clip] = {}
    with _bar(clips, progress) as advance:
        for index, clip in _produce(out, recipe, clips, processes):
            rows[index] = clip
            advance()
    manifest = out / "manifest.jsonl"
    write_manifest(manifest, [rows[index] for index in range(clips)])
    return manifest


def _claim(out: Path, recipe: Recipe) -> None:
    """Note the settings in the folder, or check that they are those it was begun with."""
    path = out / "corpus.json"
    if path.is_file():
        before = json.loads(path.read_text())
        changed = [k for k, v in recipe.settings().items() if before.get(k) != v]
        if changed:
            raise UserError(f"{out} was begun with another {', '.join(changed)}: name a new folder")
        return
    (out / "clips").mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(recipe.settings(), indent=2) + "\n")


def _produce(out: Path, recipe: Recipe, clips: int, processes: int) -> Iterator[tuple[int, Clip]]:
    if processes == 1:
        worker = Worker(out, recipe)
        for index in range(clips):
            yield index, worker.make(index)
        return
    # Spawned, not forked: a fork of a process that runs PyTorch threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _start, (out, recipe)) as pool:
        try:
            yield from pool.map(_make, range(clips), chunksize=4)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class Worker:
    """One process: its soundfont (loaded when first needed) and its scores."""

    def __init__(self, out: Path, recipe: Recipe) -> None:
        self.out, self.recipe = out, recipe
        self.library = Library(recipe.scores) if recipe.scores else None
        self._synth: Synth | None = None

    def make(self, index: int) -> Clip:
        """Compose clip `index`, and render it unless that was done before."""
        recipe = self.recipe
        piece, strokes, rng = compose_clip(recipe, index, self.library)
        labels = describe(piece, strokes, recipe.seconds)
        name = f"{index:06d}"
        path = self.out / "clips" / f"{name}.wav"
        texts = captions(labels, rng)
        if not _is_whole(path, recipe.seconds):
            if self._synth is None:
                self._synth = Synth(recipe.soundfont)
            dry = self._synth.play(piece, strokes, recipe.seconds)
            Waveform(mix(dry, rng, piece.dynamics)).save(path)
        return Clip(
            id=name,
            path=str(path),
            seconds=recipe.seconds,
            split=split_of(piece.work),
            work=piece.work,
            source=piece.source,
            licence=piece.licence,
            captions=texts,
            labels=labels,
        )


def compose_clip(
    recipe: Recipe, index: int, library: Library | None
) -> tuple[Piece, list[Stroke], np.random.Generator]:
    """The music of clip `index`, and the generator to go on with."""
    rng = np.random.default_rng([recipe.seed, index])
    piece = None
    if library is not None and rng.random() < SHARE:
        piece = library.excerpt(rng, recipe.seconds, recipe.styles)
    if piece is None:
        piece = compose_piece(rng, recipe.seconds, styles=recipe.styles)
        piece = replace(piece, work=f"{piece.style} {recipe.seed}-{index}")
        if library is not None:
            piece = library.drum(rng, piece, recipe.seconds)
    return piece, perform(piece, rng, recipe.seconds), rng


def _is_whole(path: Path, seconds: float) -> bool:
    try:
        return soundfile.info(path).frames == round(seconds * SAMPLE_RATE)
    except (OSError, soundfile.SoundFileError):
        return False


_worker: Worker | None = None  # one a process, made by the pool


def _start(out: Path, recipe: Recipe) -> None:
    global _worker
    _worker = Worker(out, recipe)


def _make(index: int) -> tuple[int, Clip]:
    assert _worker is not None
    return index, _worker.make(index)


@contextmanager
def _bar(total: int, shown: bool) -> Iterator[Any]:
    columns = (
        TextColumn("composing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=not shown) as bar:
        task = bar.add_task("composing", total=total)
        yield lambda: bar.advance(task)
