"""Makes a corpus: composes, performs, renders, mixes and captions clips, with their ground truth.

Clip i of a seed is the same whatever the number of clips, processes or machines; what was made
before is kept, so an interrupted run continues and ends as an undisturbed one. Beside a clip lie
its notes and its ground truth (`musiclm.corpus.truth`).

    from musiclm.corpus.compose import Recipe, compose

    compose(Path("corpus"), Recipe(seconds=10.0, seed=1), clips=100, processes=2)
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.checkpoint import atomic_path, sweep
from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.captions import captions
from musiclm.corpus.labels import describe
from musiclm.corpus.mix import mix
from musiclm.corpus.perform import Stroke, perform
from musiclm.corpus.piece import Piece
from musiclm.corpus.render import Synth, find_soundfonts
from musiclm.corpus.scores import SHARE, Library
from musiclm.corpus.styles import STYLES
from musiclm.corpus.truth import write_truth
from musiclm.data.manifest import SPLITS, Clip, split_of, write_manifest
from musiclm.data.parallel import spread
from musiclm.errors import UserError

VERSION = 4  # of the composer: raise it when the same seed would give other music
_CHUNK = 8  # clips handed to a worker at a time: a second of work


@dataclass(frozen=True)
class Recipe:
    """Everything that clip i depends on."""

    seconds: float = 10.0
    seed: int = 0
    soundfonts: tuple[Path, ...] = ()  # each clip is played by one of them; none: those installed
    scores: Path | None = None
    styles: tuple[str, ...] | None = None
    split: str | None = None  # only works of this split; None: of all three

    def settings(self) -> dict[str, Any]:
        """What a folder of clips must agree on; names, not places, so that it can be moved."""
        return {
            "version": VERSION,
            "seconds": self.seconds,
            "seed": self.seed,
            "soundfonts": [path.name for path in self.soundfonts],
            "scores": self.scores is not None,
            "styles": list(self.styles) if self.styles else None,
            "split": self.split,
        }

    def soundfont(self, index: int) -> Path:
        """The soundfont of a clip: drawn apart, so that its music is the same with others."""
        rng = np.random.default_rng([self.seed, index, 1])
        return self.soundfonts[int(rng.integers(len(self.soundfonts)))]


def compose(
    out: Path,
    recipe: Recipe,
    *,
    clips: int,
    processes: int = 1,
    cluster: str | None = None,
    progress: bool = True,
) -> Path:
    """Make `clips` clips in `out` and return the path of their manifest.

    `processes` and `cluster` are those of `musiclm.data.parallel.spread`; a cluster's machines must
    share `out`.
    """
    for style in recipe.styles or ():
        if style not in STYLES:
            raise UserError(f"no such style: {style}; there are {', '.join(sorted(STYLES))}")
    if recipe.split not in (None, *SPLITS):
        raise UserError(f"no such split: {recipe.split}; there are {', '.join(SPLITS)}")
    if clips < 1 or recipe.seconds < 1.0:
        raise UserError("a corpus needs at least one clip and one second")
    out = out.absolute()
    if recipe.scores is not None:
        scores = recipe.scores.absolute()
        Library(scores, recipe.split)  # a wrong folder is better named now than in a worker
        recipe = replace(recipe, scores=scores)
    recipe = replace(recipe, soundfonts=find_soundfonts(recipe.soundfonts or None))
    making = partial(_maker, out, recipe)
    _claim(out, recipe)
    made = spread(making, range(clips), processes=processes, cluster=cluster, chunk=_CHUNK)
    manifest = out / "manifest.jsonl"
    with _bar(clips, progress) as advance:
        write_manifest(manifest, map(advance, made))
    sweep(out)
    sweep(out / "clips")
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


class Worker:
    """One process: its scores, and its soundfonts (each loaded when first needed)."""

    def __init__(self, out: Path, recipe: Recipe) -> None:
        self.out, self.recipe = out, recipe
        self.library = Library(recipe.scores, recipe.split) if recipe.scores else None
        self._synths: dict[Path, Synth] = {}

    def make(self, index: int) -> Clip:
        """Compose clip `index`, and render it unless that was done before."""
        recipe = self.recipe
        piece, strokes, rng = compose_clip(recipe, index, self.library)
        soundfont = recipe.soundfont(index)
        labels = describe(piece, strokes, recipe.seconds) | {"soundfont": soundfont.name}
        name = f"{index:06d}"
        path = self.out / "clips" / f"{name}.wav"
        texts = captions(labels, rng)
        if not _is_whole(path, recipe.seconds):
            dry = self._synth(soundfont).play(piece, strokes, recipe.seconds)
            Waveform(mix(dry, rng, piece.dynamics, piece.style)).save(path)
        write_truth(path, piece, strokes, recipe.seconds, labels)
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

    def _synth(self, soundfont: Path) -> Synth:
        if soundfont not in self._synths:
            self._synths[soundfont] = Synth(soundfont)
        return self._synths[soundfont]


def _maker(out: Path, recipe: Recipe) -> Callable[[int], Clip]:
    return Worker(out, recipe).make


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
        piece = replace(piece, work=_name(f"{piece.style} {recipe.seed}-{index}", recipe.split))
        if library is not None:
            piece = library.drum(rng, piece, recipe.seconds)
    return piece, perform(piece, rng, recipe.seconds), rng


def _name(work: str, split: str | None) -> str:
    """The name of a new piece, lengthened until it falls into the split that is wanted."""
    names = chain([work], (f"{work}-{number}" for number in count(1)))
    return next(name for name in names if split in (None, split_of(name)))


def _is_whole(path: Path, seconds: float) -> bool:
    try:
        return soundfile.info(path).frames == round(seconds * SAMPLE_RATE)
    except (OSError, soundfile.SoundFileError):
        return False


@contextmanager
def _bar(total: int, shown: bool) -> Iterator[Callable[[Clip], Clip]]:
    columns = (
        TextColumn("composing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=not shown) as bar:
        task = bar.add_task("composing", total=total)

        def advance(clip: Clip) -> Clip:
            bar.advance(task)
            return clip

        yield advance
