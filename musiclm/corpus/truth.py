"""The ground truth of a composed clip, as files beside it: what plays, when, and what it is called.

`clips/000000.mid` holds the notes as performed; `clips/000000.json` the melody line, beats,
downbeats, chords, sections and labels, in seconds. Melody conditioning learns from them; probes and
control metrics are judged by them. In the paper (section 3.4) melodies were extracted from audio.

    clip = read_manifest("corpus")[0]
    truth_of(clip).melody   # ((0.01, 0.48, 72), (0.51, 0.97, 74), ...)

>>> from musiclm.corpus.piece import Note, Part
>>> flute = Part(73, "melody", [Note(0.0, 2.0, 72, 90), Note(2.0, 1.0, 74, 90)])
>>> piece = Piece(parts=(flute,), bpm=60.0, metre="3/4", chords=((0.0, "C"),))
>>> truth = measure(piece, [Stroke(0.0, 2.0, 0, 72, 90, 0)], 4.0, {"style": "folk"})
>>> truth.beats, truth.downbeats, truth.chords
((0.0, 1.0, 2.0, 3.0), (0.0, 3.0), ((0.0, 4.0, 'C'),))
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from musiclm.checkpoint import atomic_path
from musiclm.corpus.midi import midi_file, sounding
from musiclm.corpus.perform import Stroke, swing
from musiclm.corpus.piece import BEATS_PER_BAR, Piece
from musiclm.data.manifest import Clip
from musiclm.errors import UserError

Span = tuple[float, float, str]  # from second, to second, name
Tone = tuple[float, float, int]  # from second, to second, MIDI pitch

_TOGETHER = 0.03  # seconds: notes that start as near as this are one onset


@dataclass(frozen=True)
class Truth:
    """What a clip holds, in seconds from its start."""

    melody: tuple[Tone, ...] = ()  # one note at a time
    beats: tuple[float, ...] = ()
    downbeats: tuple[float, ...] = ()
    chords: tuple[Span, ...] = ()
    sections: tuple[Span, ...] = ()
    labels: dict[str, Any] = field(default_factory=dict)


def measure(
    piece: Piece, strokes: Sequence[Stroke], seconds: float, labels: dict[str, Any]
) -> Truth:
    """The truth of a clip of a piece."""
    beats = np.arange(int(np.ceil(seconds / piece.seconds_per_beat)) + 1)
    times = [(int(beat), time_of(piece, float(beat))) for beat in beats]
    times = [(beat, time) for beat, time in times if time < seconds - 1e-6]
    bar = BEATS_PER_BAR.get(piece.metre)
    chords = _spans(piece, piece.chords, seconds)
    return Truth(
        melody=melody_line(piece, strokes, seconds),
        beats=tuple(_round(time) for _, time in times),
        downbeats=tuple(_round(time) for beat, time in times if bar and beat % bar == 0),
        chords=tuple(_joined(chords)),
        sections=tuple(_spans(piece, piece.sections, seconds)),
        labels=labels,
    )


def time_of(piece: Piece, beat: float) -> float:
    """Second of a beat: where a player who is exactly in time would play it."""
    return swing(beat, piece.swing) * piece.seconds_per_beat


def melody_line(piece: Piece, strokes: Sequence[Stroke], seconds: float) -> tuple[Tone, ...]:
    """The highest note of the melody's parts at any time; a note ends where the next begins.

    A lower note that mostly sounds under a held higher one is an inner voice, and is left out.
    """
    own = [s for s in sounding(strokes, seconds) if piece.parts[s.part].role == "melody"]
    line: list[Stroke] = []
    for stroke in own:
        if line:
            last = line[-1]
            under = min(last.end, stroke.end) - stroke.start
            if stroke.pitch < last.pitch and under > 0.5 * (stroke.end - stroke.start):
                continue
            if stroke.start - last.start < _TOGETHER:  # a chord: its top note
                line.pop()
            elif last.end > stroke.start:
                line[-1] = last._replace(end=stroke.start)
        line.append(stroke)
    return tuple((_round(s.start), _round(s.end), int(s.pitch)) for s in line)


def write_truth(
    audio: Path, piece: Piece, strokes: Sequence[Stroke], seconds: float, labels: dict[str, Any]
) -> None:
    """Write the score and the truth beside a clip; files that hold them already are left alone."""
    _keep(audio.with_suffix(".mid"), midi_file(piece, strokes, seconds))
    truth = asdict(measure(piece, strokes, seconds, labels))
    text = json.dumps(truth, ensure_ascii=False, separators=(",", ":"))
    _keep(audio.with_suffix(".json"), (text + "\n").encode())


def truth_of(clip: Clip) -> Truth:
    """The truth that lies beside a composed clip."""
    path = Path(clip.path).with_suffix(".json")
    try:
        row = json.loads(path.read_text())
        return Truth(
            melody=tuple((start, end, pitch) for start, end, pitch in row["melody"]),
            beats=tuple(row["beats"]),
            downbeats=tuple(row["downbeats"]),
            chords=tuple((start, end, name) for start, end, name in row["chords"]),
            sections=tuple((start, end, name) for start, end, name in row["sections"]),
            labels=row["labels"],
        )
    except OSError as error:
        raise UserError(
            f"no ground truth beside {clip.path}: only clips of `musiclm data compose` have it"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not the ground truth of a clip") from error


def score_of(clip: Clip) -> Path:
    """Where the notes of a composed clip lie, as MIDI."""
    return Path(clip.path).with_suffix(".mid")


def _spans(piece: Piece, marks: Sequence[tuple[float, str]], seconds: float) -> list[Span]:
    """From marks at beats to spans in seconds; a span lasts until the next, or the clip's end."""
    starts = [(max(0.0, time_of(piece, beat)), name) for beat, name in sorted(marks)]
    ends = [*(start for start, _ in starts), seconds][1:]
    return [
        (_round(start), _round(min(end, seconds)), name)
        for (start, name), end in zip(starts, ends, strict=False)  # nothing marked: no spans
        if start < min(end, seconds) - 1e-3
    ]


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Neighbours of one name as one."""
    groups = [list(group) for _, group in groupby(spans, key=lambda span: span[2])]
    return [(group[0][0], group[-1][1], group[0][2]) for group in groups]


def _round(seconds: float) -> float:
    return round(float(seconds), 4)


def _keep(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
