"""How fast folders of music are scanned and checked, on one core.

    python benchmarks/folders.py scan --files 2000
    python benchmarks/folders.py check --minutes 20

Makes files in a temporary folder and prints one JSON object: files a second by format (scan), or
how many times faster than real time (check).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE = 24_000
FORMATS = ("wav", "flac", "ogg", "mp3")


def main() -> None:
    """One figure for each subcommand."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    figures = parser.add_subparsers(dest="figure", required=True)
    scan = figures.add_parser("scan", help="files a second: find, read headers and captions, write")
    scan.add_argument("--files", type=int, default=2000, help="of each format")
    scan.add_argument("--processes", type=int, default=1)
    scan.set_defaults(measure=scanning)
    check = figures.add_parser("check", help="times real time: decode, measure, fingerprint")
    check.add_argument("--minutes", type=float, default=20.0, help="of each kind of file")
    check.add_argument("--processes", type=int, default=1)
    check.set_defaults(measure=checking)
    options = parser.parse_args()
    measure: Callable[[argparse.Namespace], dict[str, Any]] = options.measure
    print(json.dumps(measure(options), indent=2))


def scanning(options: argparse.Namespace) -> dict[str, Any]:
    """A first scan, and a second one that finds all known; every second file has a caption."""
    from musiclm.data.scan import scan

    figures: dict[str, Any] = {}
    for kind in FORMATS:
        with tempfile.TemporaryDirectory() as name:
            music, manifest = Path(name) / "music", Path(name) / "manifest.jsonl"
            short_files(music, kind, options.files)
            figures[kind] = {}
            for turn in ("first", "again"):
                wall, core = time.perf_counter(), time.process_time()
                result = scan(music, manifest, processes=options.processes)
                wall, core = time.perf_counter() - wall, time.process_time() - core
                assert result.clips == options.files
                figures[kind][turn] = {
                    "files_a_second": round(options.files / wall),
                    # On a machine that others use too; without the work of other processes.
                    "files_a_second_of_a_core": round(options.files / core),
                }
    return {"files": options.files, "processes": options.processes, "formats": figures}


def short_files(folder: Path, kind: str, count: int) -> None:
    """One second of noise and tone, the same in each file, in folders of a hundred."""
    folder.mkdir()
    noise = 0.05 * np.random.default_rng(0).standard_normal(RATE)
    wave = noise + 0.3 * np.sin(np.arange(RATE) / 20)
    soundfile.write(folder / f"first.{kind}", wave, RATE)
    data = (folder / f"first.{kind}").read_bytes()
    (folder / f"first.{kind}").unlink()
    for number in range(count):
        album = folder / f"Album {number // 100}"
        album.mkdir(exist_ok=True)
        (album / f"{number:06d}.{kind}").write_bytes(data)
        if number % 2:
            (album / f"{number:06d}.txt").write_text(f"Caption {number} of calm music.\n")


CHECKED = {  # name: (extension, hertz, channels)
    "wav 44.1 kHz stereo": ("wav", 44_100, 2),
    "wav 24 kHz mono": ("wav", 24_000, 1),
    "flac 44.1 kHz stereo": ("flac", 44_100, 2),
    "mp3 44.1 kHz stereo": ("mp3", 44_100, 2),
    "ogg 44.1 kHz stereo": ("ogg", 44_100, 2),
}


def checking(options: argparse.Namespace) -> dict[str, Any]:
    """A whole check of files of a minute, list, report and picture included, and a second one."""
    from musiclm.data.check import check

    figures: dict[str, Any] = {}
    for name, (kind, rate, channels) in CHECKED.items():
        with tempfile.TemporaryDirectory() as folder:
            music, output = Path(folder) / "music", Path(folder) / "checked"
            music.mkdir()
            for number in range(max(1, round(options.minutes))):
                wave = minute_of_music(number, rate, channels)
                with soundfile.SoundFile(
                    music / f"{number:06d}.{kind}", "w", rate, channels
                ) as file:
                    for second in np.array_split(wave, 60):  # Vorbis takes no minute at once
                        file.write(second)
            times = []
            for _ in range(2):
                start = time.process_time() if options.processes == 1 else time.perf_counter()
                result = check(music, output, processes=options.processes)
                end = time.process_time() if options.processes == 1 else time.perf_counter()
                times.append(round(result.seconds / (end - start)))
            assert not result.quarantined, result.table()
            figures[name] = {"first": times[0], "again": times[1]}
    return {
        "minutes": options.minutes,
        "processes": options.processes,
        "clock": "CPU" if options.processes == 1 else "wall",
        "times_real_time": figures,
    }


def minute_of_music(seed: int, rate: int, channels: int) -> np.ndarray:
    """Notes of four tones each, two a second, with noise: another minute for each seed."""
    rng = np.random.default_rng(seed)
    since = np.arange(rate // 2) / rate
    notes = []
    for _ in range(120):
        pitch = 110 * 2 ** (rng.integers(0, 36) / 12)
        tones = [np.sin(2 * np.pi * pitch * n * since) * rng.uniform(0, 1) / n for n in range(1, 5)]
        notes.append(sum(tones) * np.exp(-3 * since))
    wave = 0.2 * np.concatenate(notes)[:, None] + 0.01 * rng.standard_normal((60 * rate, channels))
    return wave[:, 0] if channels == 1 else wave


if __name__ == "__main__":
    main()
