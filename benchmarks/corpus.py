"""The corpus in figures and in pictures: what it holds, how fast it is made, how it looks.

    python benchmarks/corpus.py statistics docs/results/corpus.json [--scores DIR]
    python benchmarks/corpus.py speed [--scores DIR]
    python benchmarks/corpus.py pictures docs/styles.png

`statistics` composes 50 hours without playing them; `speed` is that of one process.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np

from musiclm.checkpoint import atomic_path
from musiclm.corpus.captions import captions
from musiclm.corpus.compose import Recipe, compose, compose_clip
from musiclm.corpus.labels import describe
from musiclm.corpus.mix import mix
from musiclm.corpus.render import Synth, find_soundfonts
from musiclm.corpus.scores import Library
from musiclm.corpus.styles import STYLES
from musiclm.data.manifest import Clip, split_of
from musiclm.data.parallel import spread
from musiclm.data.stats import statistics

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 - the backend comes first

SECONDS = 10.0
CLIPS = 18_000  # 50 hours


def main() -> None:
    """One figure, or one set of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("statistics", "speed", "pictures"))
    parser.add_argument("output", type=Path, nargs="?")
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--clips", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    told = parser.parse_args()
    if told.what == "statistics":
        count(told.output, told.clips or CLIPS, told.scores, told.processes)
    elif told.what == "speed":
        speed(told.clips or 100, told.scores)
    else:
        draw(told.output or Path("docs/styles.png"))


def count(output: Path | None, clips: int, scores: Path | None, processes: int) -> None:
    """Compose and caption, without playing: labels and captions come from the notes."""
    begin = time.perf_counter()
    setup = partial(_writer, scores)
    facts = statistics(spread(setup, range(clips), processes=processes))
    facts["seconds_taken"] = round(time.perf_counter() - begin, 1)
    text = json.dumps(facts, indent=1)
    if output:
        with atomic_path(output) as path:
            path.write_text(text + "\n")
    print(text)


def _writer(scores: Path | None) -> Callable[[int], Clip]:
    recipe = Recipe(SECONDS, 0, (Path("none.sf2"),), scores)
    library = Library(scores) if scores else None

    def write(index: int) -> Clip:
        piece, strokes, rng = compose_clip(recipe, index, library)
        labels = describe(piece, strokes, SECONDS)
        texts = captions(labels, rng)
        return Clip(
            id=str(index), path="", seconds=SECONDS, split=split_of(piece.work), work=piece.work,
            source=piece.source, licence=piece.licence, captions=texts, labels=labels,
        )  # fmt: skip

    return write


def speed(clips: int, scores: Path | None) -> None:
    """Seconds of audio that one process composes, plays, mixes, captions and writes in one."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe(SECONDS, scores=scores)
        compose(Path(folder) / "warm", recipe, clips=2, progress=False)
        begin = time.perf_counter()
        compose(Path(folder) / "timed", recipe, clips=clips, progress=False)
        taken = time.perf_counter() - begin
    print(f"{clips} clips of {SECONDS:g} s in {taken:.1f} s, soundfonts loaded: ", end="")
    print(f"{clips * SECONDS / taken:.0f}x real time")


def draw(path: Path) -> None:
    """Spectrograms, one clip in each style: of six, the one with the most players."""
    names = sorted(STYLES)
    fonts = find_soundfonts(None)
    synth = Synth(fonts[0])
    rows = -(-len(names) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(18, 2.6 * rows), sharex=True, sharey=True)
    for axis, name in zip(axes.flat, names, strict=False):
        recipe = Recipe(SECONDS, 7, fonts, styles=(name,))
        drawn = [compose_clip(recipe, index, None) for index in range(6)]
        piece, strokes, rng = max(drawn, key=lambda one: len(one[0].parts))
        samples = mix(synth.play(piece, strokes, SECONDS), rng, piece.dynamics, piece.style)
        labels = describe(piece, strokes, SECONDS)
        axis.specgram(samples + 1e-7, NFFT=1024, noverlap=768, Fs=24_000, vmin=-130, vmax=-40)
        played = ", ".join(row["name"] for row in labels["instruments"])
        axis.set_title(f"{name}: {labels['bpm']:.0f} bpm; {played}"[:70], size=8)
        axis.set(ylim=(0, 8000))
    for axis in np.ravel(axes)[len(names) :]:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=70)


if __name__ == "__main__":
    main()
