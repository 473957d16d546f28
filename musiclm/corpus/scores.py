"""Real music: excerpts of free scores, re-orchestrated or set over our styles, and human drumming.

A folder of scores has an `index.jsonl` with one object a MIDI file: path, source, title, composer,
licence, style, bpm, tracks, key. An excerpt starts on a bar line where a note starts, has no long
silence, and keeps to one metre.

>>> Library(Path("no/such/folder"))
Traceback (most recent call last):
...
musiclm.errors.UserError: no index.jsonl in no/such/folder: name a folder of scores with --scores
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from musiclm.corpus.excerpt import Excerpt, Track, cut, find_window, key_of
from musiclm.corpus.orchestrate import orchestrate
from musiclm.corpus.piece import Note, Part, Piece
from musiclm.corpus.plan import pick
from musiclm.corpus.setting import Tune, set_tune
from musiclm.corpus.styles import TEMPO_RANGES
from musiclm.corpus.vocabulary import SHORT
from musiclm.data.manifest import split_of
from musiclm.errors import UserError

SHARE = 0.30  # of clips that are excerpts of real scores
_HUMAN_SHARE = 0.6  # of bands and drum solos that a human drums for, where one fits
_ATTEMPTS = 24
_RETEMPO = 1.4  # how far from its own tempo a score may be played
_FREEDOM = 1.12  # the same for a drummer

_SETTINGS = 0.5  # of excerpts that are a melody over an accompaniment of ours
_TUNES = ("ceol_rince", "openscore_lieder")  # whose melodies stand alone well
_TUNES_SET = 0.75  # the same share for these

# Which of our styles a human groove serves, by the beginning of its own style, longest first.
_GROOVES = {
    "rock": ("rock", "pop"), "rock/halftime": ("rock", "metal"), "punk": ("rock", "metal"),
    "pop": ("pop", "synth-pop"), "funk": ("funk",), "soul": ("funk", "pop", "disco"),
    "gospel": ("pop",), "hiphop": ("hip hop", "lo-fi"), "jazz": ("jazz",),
    "jazz/funk": ("funk",), "jazz/fusion": ("funk",), "jazz/linear": ("funk",),
    "jazz/march": ("march",), "reggae": ("reggae",), "country": ("country",),
    "blues": ("blues",), "dance/disco": ("disco", "house"),
    "dance/breakbeat": ("drum and bass", "hip hop"), "latin": ("latin",),
    "latin/brazilian-bossa": ("bossa nova", "latin"), "latin/samba": ("latin", "bossa nova"),
    "afrocuban": ("latin",), "afrobeat": ("funk", "latin"), "highlife": ("latin",),
    "neworleans/funk": ("funk",), "neworleans/secondline": ("funk", "march"),
    "neworleans/chacha": ("latin",), "neworleans/shuffle": ("blues",),
}  # fmt: skip
_SHUFFLE = ("rock/shuffle", "blues/shuffle", "jazz/swing", "jazz", "neworleans/shuffle")


@dataclass(frozen=True)
class Row:
    """One line of the index."""

    path: Path
    source: str
    work: str
    licence: str
    style: str  # one of ours
    bpm: float | None  # quarters a minute
    key: str | None
    groove: str
    romantic: bool = False  # piano music of that age

    @property
    def serves(self) -> tuple[str, ...]:
        """The styles of ours that a groove may drum for."""
        fitting = [name for name in _GROOVES if self.groove.startswith(name)]
        return _GROOVES[max(fitting, key=len)] if fitting else ()


class Library:
    """The scores of a folder, or those of one split; each is read when first drawn."""

    def __init__(self, folder: Path, split: str | None = None) -> None:
        index = folder / "index.jsonl"
        if not index.is_file():
            raise UserError(f"no index.jsonl in {folder}: name a folder of scores with --scores")
        try:
            rows = [json.loads(line) for line in index.read_text().splitlines()]
            known = [_row(folder, row) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{index} is not an index of scores: {error}") from error
        self._rows = [row for row in known if split in (None, split_of(row.work))]

    @cached_property
    def _pools(self) -> dict[str, list[Row]]:
        """Scores by source, so that large sources do not swamp the small."""
        pools: dict[str, list[Row]] = {}
        for row in self._rows:
            if row.source not in ("groove", "freedoom"):
                pools.setdefault(row.source, []).append(row)
        return pools

    @cached_property
    def _grooves(self) -> list[Row]:
        return [row for row in self._rows if row.source == "groove" and row.bpm]

    def excerpt(
        self, rng: np.random.Generator, seconds: float, styles: Sequence[str] | None = None
    ) -> Piece | None:
        """An excerpt of a score in our instruments, or nothing if none fits after some tries."""
        for _ in range(_ATTEMPTS if self._pools else 0):
            pool = self._pools[pick(rng, sorted(self._pools))]
            row = pick(rng, pool)
            if rng.random() < (_TUNES_SET if row.source in _TUNES else _SETTINGS):
                piece = _set(row, rng, seconds, styles)
            else:
                piece = _arrange(row, rng, seconds)
            if piece is not None and (not styles or piece.style in styles):
                return piece
        return None

    def drum(self, rng: np.random.Generator, piece: Piece, seconds: float) -> Piece:
        """Replace the drums of a piece by a human's, where one plays its style at its tempo.

        The drummer's performance comes from the split of the piece, so that no split hears another.
        """
        if piece.metre != "4/4" or not piece.has_drums or rng.random() >= _HUMAN_SHARE:
            return piece
        split = split_of(piece.work)
        fitting = [
            row
            for row in self._grooves
            if piece.style in row.serves
            and (row.groove in _SHUFFLE) == (piece.swing > 0.6)
            and 1 / _FREEDOM < (row.bpm or 0.0) / piece.bpm < _FREEDOM
            and split_of(row.work) == split
        ]
        if not fitting:
            return piece
        row = pick(rng, fitting)
        notes = _drumming(row, rng, seconds * piece.bpm / 60)
        if notes is None:
            return piece
        parts = [_drummed(part, notes) if part.drums else part for part in piece.parts]
        extra = {**piece.extra, "groove": row.work}
        return replace(piece, parts=tuple(parts), licence=row.licence, extra=extra)


def _drummed(part: Part, notes: Sequence[Note]) -> Part:
    """A human's strokes in the bars in which the part plays; where it rests, so does the human."""
    bars = {int(note.start // 4) for note in part.notes}
    return replace(part, notes=[n for n in notes if int(n.start // 4) in bars], human=True)


def _row(folder: Path, row: dict[str, Any]) -> Row:
    title = row.get("work") or row["title"]
    groove = row.get("groove_style") or ""
    work = row["groove_id"] if row["source"] == "groove" else f"{row['composer']}: {title}"
    return Row(
        path=folder / row["path"],
        source=row["source"],
        work=work,
        licence=row["licence"],
        style=_style(row["style"]),
        bpm=row["bpm"],
        key=row["key"],
        groove=groove,
        romantic=row["style"].startswith("romantic piano"),
    )


def _style(name: str) -> str:
    """Our nearest style; to a listener of ten seconds other centuries are all classical."""
    for word in ("folk", "irish", "baroque", "march", "waltz"):
        if word in name:
            return "folk" if word == "irish" else word
    return "classical"


@lru_cache(maxsize=512)
def read_score(path: Path) -> Excerpt | None:
    """A whole MIDI file as arrays in quarters, or nothing if it cannot be read."""
    try:
        import symusic
    except ImportError as error:
        raise UserError("reading scores needs symusic: pip install symusic==0.5.8") from error
    try:
        score = symusic.Score(str(path))
    except (RuntimeError, OSError, ValueError):
        return None
    quarter = score.ticks_per_quarter
    tracks = []
    for track in score.tracks:
        notes = track.notes.numpy()
        tracks.append(
            Track(
                program=int(track.program),
                drums=bool(track.is_drum),
                # Some sources start their first note one tick late.
                start=np.round(notes["time"] / quarter, 2),
                length=notes["duration"] / quarter,
                pitch=notes["pitch"].astype(int),
                velocity=notes["velocity"].astype(int),
            )
        )
    signatures = tuple(
        (s.time / quarter, f"{s.numerator}/{s.denominator}") for s in score.time_signatures
    )
    return Excerpt(tuple(t for t in tracks if len(t.start)), signatures or ((0.0, "4/4"),))


def _set(
    row: Row, rng: np.random.Generator, seconds: float, styles: Sequence[str] | None
) -> Piece | None:
    score = read_score(row.path)
    if score is None:
        return None
    piece = set_tune(Tune(score, row.key, row.bpm), rng, seconds, styles)
    if piece is None:
        return None
    return replace(piece, source=row.source, licence=row.licence, work=row.work)


def _arrange(row: Row, rng: np.random.Generator, seconds: float) -> Piece | None:
    score = read_score(row.path)
    if score is None:
        return None
    tempo_class, bpm = _tempo(rng, row, score)
    window = find_window(score, rng, seconds * bpm / 60)
    if window is None:
        return None
    semitones = int(rng.integers(-4, 5))
    tracks = cut(score, window, semitones)
    texture, parts = orchestrate(tracks, rng)
    if not _sounds_well(parts, tempo_class, bpm, seconds):
        return None
    key, mode = key_of(tracks, row.key, semitones)
    on_piano = row.romantic and {part.program for part in parts} == {0}
    return Piece(
        parts=parts,
        bpm=bpm,
        metre=window.metre,
        texture=texture,
        style="romantic" if on_piano else row.style,
        key=key,
        mode=mode,
        tempo_class=tempo_class,
        dynamics=pick(rng, ("soft", "medium", "medium", "loud")),
        source=row.source,
        licence=row.licence,
        work=row.work,
    )


# Onsets a second that sound as the tempo says; others are drawn again.
_RATES = {"slow": (0.8, 3.4), "medium": (1.2, 6.5), "fast": (2.8, 12.0)}
_LONGEST_SILENCE = 0.7  # seconds in which nothing is held


def _sounds_well(parts: Sequence[Part], tempo_class: str, bpm: float, seconds: float) -> bool:
    """Whether the notes that are played start at once, never pause, and are as fast as they say."""
    notes = sorted((n.start * 60 / bpm, n.length * 60 / bpm) for p in parts for n in p.notes)
    notes = [note for note in notes if note[0] < seconds]
    if not notes or notes[0][0] > 0.03:
        return False
    end = 0.0
    for start, length in notes:
        if start - end > _LONGEST_SILENCE:
            return False
        end = max(end, start + length)
    if tempo_class == "slow" and any(part.program in SHORT for part in parts):
        return False
    low, high = _RATES[tempo_class]
    onsets = {start for start, _ in notes}
    return end > seconds - _LONGEST_SILENCE and low <= len(onsets) / seconds <= high


def _tempo(rng: np.random.Generator, row: Row, score: Excerpt) -> tuple[str, float]:
    """A tempo near the score's own, in a class drawn evenly from those within reach."""
    own = (row.bpm or 100.0) / score.quarters_per_beat
    reach = {}
    for name, (low, high) in TEMPO_RANGES.items():
        lowest, highest = max(low, own / _RETEMPO), min(high, own * _RETEMPO)
        if lowest < highest:
            reach[name] = (lowest, highest)
    if not reach:  # slower or faster than any of our classes
        name = "slow" if own < 90 else "fast"
        reach[name] = (float(TEMPO_RANGES[name][0]), float(TEMPO_RANGES[name][1]))
    name = pick(rng, sorted(reach))
    return name, float(round(rng.uniform(*reach[name])))


def _drumming(row: Row, rng: np.random.Generator, beats: float) -> list[Note] | None:
    score = read_score(row.path)
    if score is None or not score.tracks:
        return None
    track = score.tracks[0]
    bars = np.arange(0, track.start[-1] - beats, 4.0)
    for _ in range(4):
        if not len(bars):
            return None
        first = float(rng.choice(bars))
        inside = (track.start > first - 0.08) & (track.start < first + beats)
        starts = np.clip(track.start[inside] - first, 0.0, None)
        if len(starts) and starts[0] < 0.1 and np.diff([*starts, beats]).max() < 2.5:
            return [
                Note(float(s), 0.25, int(p), int(v))
                for s, p, v in zip(starts, track.pitch[inside], track.velocity[inside], strict=True)
            ]
    return None
