"""Writes what was performed as a standard MIDI file, so that a score lies beside its recording.

Times are those of the performance, swing and looseness included, on a grid of 1/960 quarter (about
half a millisecond); the tempo, the metre, the programs and the channel volumes are in the file.

>>> import numpy as np
>>> from musiclm.corpus.perform import perform
>>> from musiclm.corpus.piece import Note
>>> flute = Part(73, "melody", [Note(0.0, 1.0, 72, 90)])
>>> piece = Piece(parts=(flute,), bpm=120.0)
>>> strokes = perform(piece, np.random.default_rng(0), seconds=10.0)
>>> midi_file(piece, strokes, seconds=10.0)[:4]
b'MThd'
"""

import struct
from collections.abc import Sequence

from musiclm.corpus.levels import VOLUME
from musiclm.corpus.perform import Stroke, channels
from musiclm.corpus.piece import BEATS_PER_BAR, Part, Piece
from musiclm.corpus.vocabulary import INSTRUMENTS, KITS

TICKS = 960  # a quarter note
_AGAIN = 0.005  # seconds: a key struck again as soon as this is struck once


def quarters_per_beat(metre: str) -> float:
    """How many quarter notes a tapped beat lasts.

    >>> quarters_per_beat("6/8"), quarters_per_beat("3/4"), quarters_per_beat("2/2")
    (1.5, 1.0, 1.0)
    """
    upper, lower = (int(number) for number in metre.split("/"))
    return upper * 4 / lower / BEATS_PER_BAR[metre] if metre in BEATS_PER_BAR else 1.0


def sounding(strokes: Sequence[Stroke], seconds: float) -> list[Stroke]:
    """Strokes as they are heard: none goes on after the clip, or after its key is struck again."""
    heard: list[Stroke] = []
    last: dict[tuple[int, int], int] = {}  # (channel, pitch) -> place in `heard`
    for stroke in sorted(strokes):
        key = stroke.channel, stroke.pitch
        before = last.get(key)
        if before is not None and stroke.start - heard[before].start < _AGAIN:
            old = heard[before]
            longer = max(old.end, min(stroke.end, seconds))
            heard[before] = old._replace(end=longer, velocity=max(old.velocity, stroke.velocity))
            continue
        if before is not None and heard[before].end > stroke.start:
            heard[before] = heard[before]._replace(end=stroke.start)
        last[key] = len(heard)
        heard.append(stroke._replace(end=min(stroke.end, seconds)))
    return heard


def midi_file(piece: Piece, strokes: Sequence[Stroke], seconds: float) -> bytes:
    """A file of format 1: tempo and metre, then a track for each part that sounds."""
    quarter = round(60e6 / (piece.bpm * quarters_per_beat(piece.metre)))  # microseconds
    upper, lower = (int(number) for number in piece.metre.split("/"))
    tempo = b"\xff\x51\x03" + quarter.to_bytes(3, "big")
    metre = b"\xff\x58\x04" + bytes((upper, lower.bit_length() - 1, 24, 8))
    tracks = [_track([(0, tempo), (0, metre)])]
    heard = sounding(strokes, seconds)
    for index, (part, channel) in enumerate(zip(piece.parts, channels(piece), strict=True)):
        own = [stroke for stroke in heard if stroke.part == index]
        if own:
            tracks.append(_track(_events(part, channel, own, TICKS * 1e6 / quarter)))
    header = b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), TICKS)
    return header + b"".join(tracks)


def track_name(part: Part) -> str:
    """What a track is called: its instrument, and its role.

    >>> track_name(Part(73, "melody", []))
    'flute (melody)'
    """
    name = KITS[part.program] if part.drums else INSTRUMENTS[part.program].name
    return f"{name} ({part.role})"


def _channel_volume(part: Part) -> int:
    """The MIDI volume of a part's channel; synthesizers cube it."""
    return min(127, round(100 * part.volume ** (1 / 3)))


def _events(
    part: Part, channel: int, strokes: Sequence[Stroke], rate: float
) -> list[tuple[int, bytes]]:
    name = track_name(part).encode()
    events = [
        (0, b"\xff\x03" + _number(len(name)) + name),
        (0, bytes((0xC0 | channel, part.program))),
        (0, bytes((0xB0 | channel, VOLUME, _channel_volume(part)))),
    ]
    notes = []
    for stroke in strokes:
        start = round(stroke.start * rate)
        end = max(round(stroke.end * rate), start + 1)
        # Ends sort before starts: a repeated key must be released before it is struck.
        notes.append((start, 1, bytes((0x90 | channel, stroke.pitch, stroke.velocity))))
        notes.append((end, 0, bytes((0x80 | channel, stroke.pitch, 0))))
    return events + [(tick, event) for tick, _, event in sorted(notes)]


def _track(events: Sequence[tuple[int, bytes]]) -> bytes:
    body, now = b"", 0
    for tick, event in [*events, (events[-1][0], b"\xff\x2f\x00")]:
        body += _number(tick - now) + event
        now = tick
    return b"MTrk" + struct.pack(">I", len(body)) + body


def _number(value: int) -> bytes:
    """A number in MIDI's variable length: seven bits a byte, the first ones marked."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
