"""Truth beside clips: the MIDI file holds what was played, and the JSON says what it is."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.midi import midi_file, quarters_per_beat, sounding, track_name
from musiclm.corpus.perform import Stroke, perform
from musiclm.corpus.piece import Note, Part, Piece
from musiclm.corpus.truth import Truth, measure, score_of, truth_of, write_truth
from musiclm.data.manifest import Clip
from musiclm.errors import UserError

SECONDS = 10.0
FLUTE = Part(73, "melody", [Note(0.0, 1.0, 72, 90)])


def performed(seed: int) -> tuple[Piece, list[Stroke]]:
    rng = np.random.default_rng(seed)
    piece = compose_piece(rng, SECONDS)
    return piece, perform(piece, rng, SECONDS)


@pytest.mark.parametrize("seed", range(12))
def test_the_score_loads_again_with_the_same_notes(seed: int, tmp_path: Path) -> None:
    symusic = pytest.importorskip("symusic", reason="symusic reads the scores of `--scores`")
    piece, strokes = performed(seed)
    path = tmp_path / "score.mid"
    path.write_bytes(midi_file(piece, strokes, SECONDS))
    score = symusic.Score(str(path))
    tick = 60 / score.tempos[0].qpm / score.ticks_per_quarter
    heard = sounding(strokes, SECONDS)
    assert sum(len(track.notes) for track in score.tracks) == len(heard)
    playing = [part for i, part in enumerate(piece.parts) if any(s.part == i for s in heard)]
    tracks = {track.name: track for track in score.tracks}
    for part in playing:
        track = tracks[track_name(part)]
        assert (track.program, track.is_drum) == (part.program, part.drums)
    if len(tracks) == len(playing):  # else two parts share an instrument and a role
        for index, part in enumerate(piece.parts):
            own = sorted((s.pitch, s.start, s.end, s.velocity) for s in heard if s.part == index)
            track = tracks.get(track_name(part))
            notes = track.notes if own else []
            got = sorted((n.pitch, n.start * tick, n.end * tick, n.velocity) for n in notes)
            assert [(row[0], row[3]) for row in got] == [(row[0], row[3]) for row in own]
            assert np.allclose(np.array(got), np.array(own), atol=2e-3)


def test_tempo_and_metre_are_those_of_the_piece(tmp_path: Path) -> None:
    symusic = pytest.importorskip("symusic", reason="symusic reads the scores of `--scores`")
    jig = Piece(parts=(FLUTE,), bpm=110.0, metre="6/8")  # dotted quarters: 165 quarters a minute
    path = tmp_path / "jig.mid"
    path.write_bytes(midi_file(jig, [Stroke(0.0, 1.0, 0, 72, 90, 0)], SECONDS))
    score = symusic.Score(str(path))
    assert score.tempos[0].qpm == pytest.approx(165.0, rel=1e-5)
    signature = score.time_signatures[0]
    assert (signature.numerator, signature.denominator) == (6, 8)
    assert quarters_per_beat("12/8") == 1.5 and quarters_per_beat("2/4") == 1.0


def test_long_delta_times_are_written_in_full() -> None:
    """MIDI's variable-length numbers: 100 s at 960 ticks needs three bytes."""
    mido = pytest.importorskip("mido", reason="a second reader, where it is installed")
    piece = Piece(parts=(FLUTE,), bpm=120.0)
    content = midi_file(piece, [Stroke(100.0, 300.0, 0, 72, 90, 0)], 400.0)
    notes = [m for m in mido.MidiFile(file=io.BytesIO(content)).tracks[1] if "note" in m.type]
    assert [message.time for message in notes] == [100 * 1920, 200 * 1920]


def test_what_sounds_never_overlaps_itself_nor_the_end() -> None:
    strokes = [
        Stroke(0.0, 2.0, 0, 60, 80, 0),
        Stroke(0.001, 1.5, 0, 60, 90, 0),  # the same key with it
        Stroke(1.0, 3.0, 0, 60, 80, 0),  # and again, before it was released
        Stroke(1.0, 99.0, 0, 64, 80, 0),
    ]
    assert sounding(strokes, 4.0) == [
        Stroke(0.0, 1.0, 0, 60, 90, 0),
        Stroke(1.0, 3.0, 0, 60, 80, 0),
        Stroke(1.0, 4.0, 0, 64, 80, 0),
    ]


def line_of(*strokes: tuple[float, float, int]) -> tuple[tuple[float, float, int], ...]:
    piece = Piece(parts=(FLUTE,), bpm=60.0)
    own = [Stroke(start, end, 0, pitch, 90, 0) for start, end, pitch in strokes]
    return measure(piece, own, 8.0, {}).melody


def test_the_melody_is_one_line() -> None:
    legato = line_of((0.0, 1.05, 72), (1.0, 2.0, 71), (2.0, 3.0, 74))
    assert legato == ((0.0, 1.0, 72), (1.0, 2.0, 71), (2.0, 3.0, 74))
    assert line_of((0.0, 1.0, 60), (0.01, 1.0, 67)) == ((0.01, 1.0, 67),)  # a rolled third
    assert line_of((0.0, 4.0, 76), (1.0, 2.0, 60)) == ((0.0, 4.0, 76),)  # under a held note
    assert line_of((0.0, 9.0, 76)) == ((0.0, 8.0, 76),)  # the clip ends
    piece = Piece(parts=(replace(FLUTE, role="chords"),), bpm=60.0)
    assert measure(piece, [Stroke(0.0, 1.0, 0, 72, 90, 0)], 4.0, {}).melody == ()


@pytest.mark.parametrize("seed", range(6))
def test_melody_notes_are_heard_and_in_order(seed: int) -> None:
    piece, strokes = performed(seed)
    truth = measure(piece, strokes, SECONDS, {})
    roles = {stroke.part: piece.parts[stroke.part].role for stroke in strokes}
    assert bool(truth.melody) == ("melody" in roles.values())
    played = {(round(s.start, 4), s.pitch) for s in strokes if roles[s.part] == "melody"}
    for (_, end, _), (start, *_) in zip(truth.melody, truth.melody[1:], strict=False):
        assert end <= start
    for start, end, pitch in truth.melody:
        assert start < end <= SECONDS and (start, pitch) in played


def test_beats_are_the_grid_that_unhurried_notes_fall_on() -> None:
    notes = [Note(float(beat), 0.5, 72, 90) for beat in range(12)]
    part = replace(FLUTE, notes=notes)
    piece = Piece(parts=(part,), bpm=90.0, metre="3/4", swing=2 / 3, looseness=0.0)
    strokes = perform(piece, np.random.default_rng(0), 8.0)
    truth = measure(piece, strokes, 8.0, {})
    assert np.allclose(truth.beats, [stroke.start for stroke in strokes], atol=1e-4)
    assert truth.downbeats == truth.beats[::3]


def test_chords_and_sections_fill_the_clip() -> None:
    chords = ((0.0, "C"), (4.0, "C"), (8.0, "Am7"), (40.0, "G"))
    sections = ((0.0, "a"), (8.0, "a"))
    piece = Piece(parts=(FLUTE,), bpm=120.0, chords=chords, sections=sections)
    truth = measure(piece, [], 6.0, {})
    assert truth.chords == ((0.0, 4.0, "C"), (4.0, 6.0, "Am7"))
    assert truth.sections == ((0.0, 4.0, "a"), (4.0, 6.0, "a"))  # a section that returns is another
    assert measure(Piece(parts=(FLUTE,), bpm=120.0), [], 6.0, {}).chords == ()


def test_truth_is_read_as_it_was_written(tmp_path: Path) -> None:
    piece, strokes = performed(3)
    audio = tmp_path / "000000.wav"
    labels = {"style": piece.style, "instruments": [{"program": 73}]}
    write_truth(audio, piece, strokes, SECONDS, labels)
    clip = Clip("000000", str(audio), SECONDS)
    truth = truth_of(clip)
    assert truth == measure(piece, strokes, SECONDS, labels)
    assert truth.labels == labels and score_of(clip).read_bytes()[:4] == b"MThd"
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(times) == 2
    write_truth(audio, piece, strokes, SECONDS, labels)  # again: nothing to do
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_a_clip_without_truth_is_named(tmp_path: Path) -> None:
    clip = Clip("a", str(tmp_path / "a.wav"), 1.0)
    with pytest.raises(UserError, match=r"no ground truth beside .*a\.wav"):
        truth_of(clip)
    (tmp_path / "a.json").write_text(json.dumps({"title": "someone else's side-car"}))
    with pytest.raises(UserError, match=r"a\.json is not the ground truth"):
        truth_of(clip)
    assert Truth().melody == ()
