"""How long FAD and KAD of many clips take, embeddings included, and what the cache saves.

    python benchmarks/distances.py --data test/manifest.jsonl --number 1000 -o distances

Half of the clips are the reference. Wall time on an otherwise idle machine; the cache starts empty.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from musiclm.data.manifest import read_manifest
from musiclm.evaluate.clips import Recording
from musiclm.evaluate.distances.fad import fad, fad_infinity
from musiclm.evaluate.distances.kernel import kad
from musiclm.evaluate.distances.mauve import mad
from musiclm.evaluate.distances.neighbours import coverage, diversity, precision
from musiclm.evaluate.embedders.cache import embed_folder
from musiclm.evaluate.embedders.catalogue import load_embedder
from musiclm.evaluate.report import report, row, save, show, table
from musiclm.evaluate.sound import held_out, origin, sample

MEASURES: dict[str, Callable[..., Any]] = {
    "FAD": fad,
    "FAD-infinity": fad_infinity,
    "KAD": kad,
    "MAD": mad,
    "precision": precision,
    "coverage": coverage,
    "diversity": diversity,
}


def main() -> None:
    """Time each step once, write the table."""
    told = arguments()
    clips = sample(held_out(read_manifest(told.data)), 2 * told.number, 0)
    recordings = [Recording(Path(clip.path), clip.id) for clip in clips]
    ear = load_embedder(told.embedder, told.model)
    rows = []
    with tempfile.TemporaryDirectory() as cache:

        def embed() -> list:
            return embed_folder(ear, recordings, Path(cache))

        embeddings, seconds = timed(embed)
        _, again = timed(embed)
    rows = [
        row("embed both sets", seconds=seconds),
        row("embed both sets again, from the cache", seconds=again),
    ]
    halves = embeddings[::2], embeddings[1::2]
    for name, measure in MEASURES.items():
        found, seconds = timed(lambda measure=measure: measure(*halves))
        rows.append(row(name, seconds=seconds, figure=found))
    windows = sum(map(len, embeddings))
    title = f"{ear.name}: {len(clips)} clips, {windows} windows of {ear.dimension} numbers"
    notes = [f"{torch.get_num_threads()} thread(s); intervals included in the time"]
    figures = report("distances", origin(clips), [table(title, rows)], notes)
    show(figures)
    if told.output:
        save(figures, told.output)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and the seconds that it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="manifest of the clips")
    parser.add_argument("--number", type=int, default=1000, help="clips of each of the two sets")
    parser.add_argument("--embedder", default="judge", help="as for evaluate music")
    parser.add_argument("--model", default="mini", help="whose MuLan")
    parser.add_argument("-o", "--output", type=Path, help="where to write JSON and Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    main()
