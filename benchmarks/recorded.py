"""Recordings where there are none: the notes that a soundfont was made of, ten seconds a file.

    python benchmarks/recorded.py FluidR3_GM.sf2 recorded --source "FluidR3" --licence MIT
    musiclm evaluate codec --data recorded/manifest.jsonl --number 120

Somebody played and recorded each of these notes; no renderer, reverb or mix came after, but each is
brought to one peak. It is not a performance, and no substitute for one: it tells how the codec does
on sound from a microphone.
"""

import argparse
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.data.manifest import Clip, write_manifest

SECONDS = 10.0
HEADER = struct.Struct("<20sIIIIIBbHH")  # a row of shdr (SoundFont 2.04, section 7.10)
RIGHT, ROM = 2, 0x8000  # kinds of sample: the left one of a pair is enough
MADE = re.compile(r"wave|synth|saw|square|sine|808|metronome|noise|vel|pad", re.IGNORECASE)
PEAK = 0.5  # of each note


@dataclass(frozen=True)
class Sample:
    """A recording within a soundfont."""

    name: str
    samples: np.ndarray  # of 16 bits
    rate: int


def main() -> None:
    """Write the files and their manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("soundfont", type=Path, help=".sf2")
    parser.add_argument("output", type=Path, help="a folder")
    parser.add_argument("--source", default="", help="for the manifest")
    parser.add_argument("--licence", default="", help="of the recordings")
    told = parser.parse_args()
    font = told.soundfont.read_bytes() if told.soundfont.is_file() else b""
    if font[8:12] != b"sfbk" or told.soundfont.suffix != ".sf2":
        parser.error(f"not an .sf2 soundfont: {told.soundfont}")
    told.output.mkdir(parents=True, exist_ok=True)
    clips = []
    for number, (name, wave) in enumerate(files(recordings(font))):
        path = told.output / f"{number:04d}.wav"
        Waveform(wave).save(path)
        clips.append(
            Clip(f"{number:04d}", str(path), SECONDS, "test", name, told.source, told.licence)
        )
    write_manifest(told.output / "manifest.jsonl", clips)
    print(f"{len(clips)} files of {SECONDS:g} s: {told.output / 'manifest.jsonl'}")


def recordings(font: bytes) -> Iterator[Sample]:
    """What was recorded, one channel of each; what a machine made is left out by its name."""
    sound = np.frombuffer(chunk(font, b"smpl"), "<i2")
    for row in list(HEADER.iter_unpack(chunk(font, b"shdr")))[:-1]:  # the last one ends the list
        name = row[0].split(b"\0")[0].decode("latin1").strip()
        start, end, rate, kind = row[1], row[2], row[5], row[9]
        if kind != RIGHT and not kind & ROM and end > start and not MADE.search(name):
            yield Sample(name, sound[start:end], rate)


def chunk(font: bytes, name: bytes) -> bytes:
    """The content of the RIFF chunk of that name."""
    place = font.index(name)
    (size,) = struct.unpack_from("<I", font, place + 4)
    return font[place + 8 : place + 8 + size]


def files(samples: Iterator[Sample]) -> Iterator[tuple[str, np.ndarray]]:
    """Notes in the order of the soundfont, one after the other, until ten seconds are full."""
    wanted, name, wave = round(SECONDS * SAMPLE_RATE), "", np.zeros(0, np.float32)
    for sample in samples:
        name = name or sample.name
        note = soxr.resample(sample.samples / np.float32(2**15), sample.rate, SAMPLE_RATE)
        wave = np.concatenate([wave, note * (PEAK / max(1e-4, float(np.abs(note).max())))])
        if len(wave) >= wanted:
            yield name, wave[:wanted]
            name, wave = "", np.zeros(0, np.float32)


if __name__ == "__main__":
    main()
