"""What a random crop of a long file costs, by format and length: a seek, not a read.

python benchmarks/crops.py
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from musiclm.audio import read_crop

MINUTES = (1, 10, 60)
RATE = 44_100
SECONDS = 10.0  # of a crop
CROPS = 15


def main() -> None:
    """One row a format: the median milliseconds of a crop, for each length of the file."""
    table = Table("format", *(f"{minutes} min" for minutes in MINUTES), title="ms for a 10 s crop")
    costs: dict[str, list[str]] = {"wav": [], "flac": [], "ogg": [], "mp3": []}
    with tempfile.TemporaryDirectory() as folder:
        for minutes in MINUTES:
            for kind, row in costs.items():
                path = Path(folder) / f"long.{kind}"
                _write(path, minutes)
                row.append(f"{1000 * _cost(path, minutes):.0f}")
                path.unlink()
    for kind, row in costs.items():
        table.add_row(kind, *row)
    Console().print(table)


def _write(path: Path, minutes: int) -> None:
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        for _ in range(minutes * 6):
            block = np.cumsum(rng.standard_normal((10 * RATE, 2)), axis=0)
            file.write(0.8 * block / np.abs(block).max())


def _cost(path: Path, minutes: int) -> float:
    rng = np.random.default_rng(1)
    read_crop(path, 0.0, SECONDS)  # the frames of an MP3 are found once
    times = []
    for _ in range(CROPS):
        start = rng.uniform(0, 60 * minutes - SECONDS)
        begin = time.perf_counter()
        read_crop(path, start, SECONDS)
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


if __name__ == "__main__":
    main()
