"""Gives the tracks of an excerpt to our instruments: one player, a keyboard, or an ensemble.

>>> track = Track(40, False, np.arange(8.0), np.ones(8), np.full(8, 67), np.full(8, 90))
>>> texture, parts = orchestrate([track], np.random.default_rng(0))
>>> texture, len({part.program for part in parts})
('solo', 1)
"""

import numpy as np

from musiclm.corpus.excerpt import Track
from musiclm.corpus.piece import Note, Part
from musiclm.corpus.plan import pick
from musiclm.corpus.vocabulary import FAMILIES, INSTRUMENTS, NEAREST, PROGRAMS_BY_FAMILY

# Who may play all the notes of a score alone.
_REDUCTIONS = (0, 0, 0, 6, 19, 46, 48, 12, 24, 61, 52, 4, 21, 23, 16, 11, 50, 45, 80, 26)
# Pads, distorted guitars and drones make nothing of an old tune.
_NO_MELODY = (88, 89, 90, 91, 95, 28, 29, 30, 44, 87, 7)
# Who may sing the voice of a song.
_SINGERS = (53, 40, 73, 71, 42, 68, 56, 64, 66, 69, 70, 110, 74, 75)
_MOST_PARTS = 5


def orchestrate(tracks: list[Track], rng: np.random.Generator) -> tuple[str, tuple[Part, ...]]:
    """Texture and parts; no parts if the music does not fit what was drawn."""
    melody = max(tracks, key=_leading) if tracks else None
    if melody is None:
        return "solo", ()
    alone = len(tracks) == 1
    draw = rng.random()
    if _polyphony(melody) < 1.1 and (draw < 0.35 or alone):
        return "solo", _solo(melody, rng)
    if draw < 0.5 or alone:
        return "solo", _reduce(tracks, rng)
    return "ensemble", _ensemble(tracks, melody, rng)


def _leading(track: Track) -> float:
    """How much a track is the melody: it lies high and it moves."""
    return float(track.pitch.mean()) + 4.0 * float(np.log2(len(track.start) + 1))


def _polyphony(track: Track) -> float:
    return len(track.start) / len(np.unique(track.start))


def _solo(melody: Track, rng: np.random.Generator) -> tuple[Part, ...]:
    programs = PROGRAMS_BY_FAMILY[pick(rng, FAMILIES)]
    program = pick(rng, [p for p in programs if p not in _NO_MELODY] or programs)
    if "melody" not in INSTRUMENTS[program].forms and not INSTRUMENTS[program].poly:
        return ()
    shift = _octaves(melody.pitch, program)
    return () if shift is None else (_part(melody, program, "melody", shift),)


def _reduce(tracks: list[Track], rng: np.random.Generator) -> tuple[Part, ...]:
    program = pick(rng, _REDUCTIONS)
    pitches = np.concatenate([track.pitch for track in tracks])
    if len(pitches) > 60 * 8 or len(tracks) > _MOST_PARTS:
        return ()
    # A pianist's hands reach lower than the range where the instrument sings.
    shift = _octaves(pitches, program, below=16)
    if shift is None:
        return ()
    top = max(tracks, key=lambda track: float(track.pitch.mean()))
    notes: dict[tuple[float, int], Note] = {}
    for track in tracks:
        part = _part(track, program, "melody", shift)
        for note in part.notes:
            softer = note if track is top else note._replace(velocity=note.velocity - 10)
            notes.setdefault((note.start, note.pitch), softer)
    return (Part(program, "melody", sorted(notes.values()), volume=INSTRUMENTS[program].volume),)


def _ensemble(tracks: list[Track], melody: Track, rng: np.random.Generator) -> tuple[Part, ...]:
    if not 2 <= len(tracks) <= _MOST_PARTS:
        return ()
    parts = []
    for track in tracks:
        program = NEAREST.get(track.program, track.program)
        if track.program in (52, 53, 54) and len(tracks) <= 3:
            program = pick(rng, _SINGERS)
        if program not in INSTRUMENTS:
            return ()
        if not INSTRUMENTS[program].poly and _polyphony(track) > 1.3:
            return ()
        shift = _octaves(track.pitch, program, below=16)
        if shift is None:
            return ()
        bass = INSTRUMENTS[program].family == "bass"
        role = "melody" if track is melody else "bass" if bass else "counter"
        if role == "counter" and _polyphony(track) > 1.4:
            role = "chords"
        parts.append(_part(track, program, role, shift))
    if len({part.program for part in parts}) < 2:
        return ()  # two staves of one keyboard are no ensemble
    return tuple(parts)


def _octaves(pitch: np.ndarray, program: int, below: int = 0) -> int | None:
    """The octave shift that puts nearly all notes in range, or nothing."""
    instrument = INSTRUMENTS[program]
    low, high = instrument.low - below, instrument.high + 2
    for shift in (0, -12, 12, -24, 24):
        inside = (pitch + shift >= low) & (pitch + shift <= high)
        if inside.mean() > 0.97:
            return shift
    return None


def _part(track: Track, program: int, role: str, shift: int) -> Part:
    lead = role == "melody"
    notes = []
    for start, length, pitch in zip(
        track.start.tolist(), track.length.tolist(), track.pitch.tolist(), strict=True
    ):
        # Scores are flat: lean on beats, and swell a little over each eight.
        velocity = (92 if lead else 78) + (6 if start % 1 < 0.01 else -3)
        velocity += int(5 * np.sin(start / 8 * np.pi))
        notes.append(Note(start, length * 0.95, pitch + shift, velocity))
    volume = INSTRUMENTS[program].volume * (1.0 if lead else 0.75)
    return Part(program, role, sorted(notes), volume=volume)
