"""Sets the melody of a score over the accompaniment of one of our styles.

The tune keeps its notes and its licence; the key is the score's own, transposed, and the chords are
fitted to the tune, so they are known.

>>> notes = np.arange(32.0)
>>> track = Track(52, False, notes, np.ones(32), np.tile([60, 64, 67, 72], 8), np.full(32, 90))
>>> score = Excerpt((track,), ((0.0, "4/4"),))
>>> tune = Tune(score, "C major", 110.0)
>>> piece = set_tune(tune, np.random.default_rng(0), 8.0)
>>> piece.metre, [part.role for part in piece.parts].count("melody")
('4/4', 1)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from musiclm.corpus.arrange import arrange
from musiclm.corpus.excerpt import Excerpt, Track, cut, find_window, parse_key
from musiclm.corpus.form import Section
from musiclm.corpus.harmonise import harmonise, in_key
from musiclm.corpus.piece import BEATS_PER_BAR, Note, Piece
from musiclm.corpus.plan import Plan, extent, pick
from musiclm.corpus.styles import STYLES, TEMPO_RANGES, Style
from musiclm.corpus.theory import scale_of

_VOICES = (52, 53, 54)
_RETEMPO = 1.4  # how far from its own tempo a tune may be played
_METRES = {"4/4": "4/4", "2/2": "4/4", "2/4": "4/4", "3/4": "3/4", "6/8": "6/8"}
_WIDEST = 21  # semitones; a wider tune would be folded
_CHANGES = 0.3  # of settings in which a player joins halfway
_RATES = {"slow": (0.5, 3.6), "medium": (0.8, 5.5), "fast": (1.4, 9.0)}  # onsets a second
_RICH = ("jazz", "bossa nova", "lo-fi", "funk", "blues", "house", "hip hop", "disco")
_UNSUITED = ("metal", "techno", "drum and bass", "ambient")  # old tunes are lost in these


@dataclass(frozen=True)
class Tune:
    """A score with the key and the tempo that its index tells."""

    score: Excerpt
    key: str | None
    bpm: float | None  # quarters a minute


def set_tune(
    tune: Tune, rng: np.random.Generator, seconds: float, styles: Sequence[str] | None = None
) -> Piece | None:
    """The tune as a piece of a style that suits its metre and tempo, or nothing."""
    melody = _melody(tune.score)
    key = parse_key(tune.key)
    metre = _METRES.get(tune.score.signatures[0][1])
    if melody is None or key is None or metre is None:
        return None
    own = (tune.bpm or 100.0) / tune.score.quarters_per_beat
    choices = _choices(metre, key[1], own, styles)
    if not choices:
        return None
    style, tempo_class, low, high = pick(rng, choices)
    bpm = float(round(rng.uniform(low, high)))
    alone = replace(tune.score, tracks=(melody,))
    window = find_window(alone, rng, seconds * bpm / 60)
    if window is None:
        return None
    semitones = int(rng.integers(-5, 6))
    notes = _notes(cut(alone, window, semitones)[0])
    tonic = (key[0] + semitones) % 12
    if not _suits(notes, tonic, key[1], tempo_class, seconds):
        return None
    plan = _plan(rng, style, tempo_class, bpm, metre, (tonic, key[1]), notes, seconds)
    drums = bool(style.grooves) and (not style.ensembles or rng.random() < 0.6)
    piece = arrange(rng, plan, "band" if drums else "ensemble")
    return replace(piece, sections=())  # those of the work are not known


def _melody(score: Excerpt) -> Track | None:
    """The singer, or the only player, or the highest of those who play one note at a time."""
    single = [t for t in score.tracks if not t.drums and _alone(t)]
    voices = [t for t in single if t.program in _VOICES]
    pool = voices[:1] or single
    return max(pool, key=lambda t: float(t.pitch.mean())) if pool else None


def _alone(track: Track) -> bool:
    return len(track.start) < 1.03 * len(np.unique(track.start))


def _choices(
    metre: str, mode: str, own: float, styles: Sequence[str] | None
) -> list[tuple[Style, str, float, float]]:
    """Styles that have the metre and mode, with the tempos at which they can play this tune."""
    found = []
    for style in STYLES.values():
        wanted = style.name in styles if styles else style.name not in _UNSUITED
        has_mode = bool(style.major if mode == "major" else style.minor)
        sung = style.grooves or any("melody" in row for row in style.ensembles)
        if not (wanted and has_mode and sung and metre in style.metres):
            continue
        for name in dict.fromkeys(style.tempos):
            low = max(TEMPO_RANGES[name][0], style.bpm[0], own / _RETEMPO)
            high = min(TEMPO_RANGES[name][1], style.bpm[1], own * _RETEMPO)
            if low <= high:
                found.append((style, name, float(low), float(high)))
    return found


def _notes(track: Track) -> tuple[Note, ...]:
    """Scores are flat: lean on beats, on high notes, and swell over each eight beats."""
    middle = float(track.pitch.mean())
    notes = []
    for start, length, pitch in zip(
        track.start.tolist(), track.length.tolist(), track.pitch.tolist(), strict=True
    ):
        velocity = 88 + (5 if start % 1 < 0.01 else -3) + round((pitch - middle) / 2)
        velocity += round(5 * np.sin(start / 8 * np.pi))
        notes.append(Note(start, length * 0.95, pitch, int(np.clip(velocity, 60, 112))))
    return tuple(sorted(notes))


def _suits(notes: Sequence[Note], tonic: int, mode: str, tempo_class: str, seconds: float) -> bool:
    pitches = [note.pitch for note in notes]
    low, high = _RATES[tempo_class]
    fluent = low <= len(notes) / seconds <= high
    return fluent and max(pitches) - min(pitches) <= _WIDEST and in_key(notes, tonic, mode)


def _plan(
    rng: np.random.Generator,
    style: Style,
    tempo_class: str,
    bpm: float,
    metre: str,
    key: tuple[int, str],
    notes: tuple[Note, ...],
    seconds: float,
) -> Plan:
    tonic, mode = key
    beats = BEATS_PER_BAR[metre]
    heard, bars = extent(seconds, bpm, beats)
    half = bars // 2
    sections: tuple[Section, ...] = (Section("a", 0, bars),)
    if half and rng.random() < _CHANGES:
        sections = (Section("a", 0, half), Section("b", half, bars - half, 1.06))
    rich = style.name in _RICH
    return Plan(
        style=style,
        tempo_class=tempo_class,
        bpm=bpm,
        metre=metre,
        tonic=tonic,
        mode=mode,
        scale=scale_of(tonic, mode),
        sections=sections,
        harmony=harmonise(notes, bars=bars, beats=beats, tonic=tonic, mode=mode, rich=rich),
        heard=heard,
        tune=notes,
    )
