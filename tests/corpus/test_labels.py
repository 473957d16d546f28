"""Labels are measured on the notes that sound."""

from dataclasses import replace

import numpy as np
import pytest

from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.labels import changes, describe, energy, percussion
from musiclm.corpus.perform import perform
from musiclm.corpus.piece import Note, Part, Piece
from musiclm.corpus.styles import STYLES

SECONDS = 10.0
QUARTERS = [Note(float(beat), 0.9, 60 + beat % 5, 90) for beat in range(20)]


def piece_of(*parts: Part, **fields) -> Piece:
    return Piece(parts=parts, bpm=120.0, texture="ensemble", key="C", mode="major", **fields)


def label(piece: Piece):
    return describe(piece, perform(piece, np.random.default_rng(0), SECONDS), SECONDS)


def test_a_part_that_begins_late_enters_and_one_that_ends_early_leaves():
    flute = Part(73, "melody", [n for n in QUARTERS if n.start >= 10])
    piano = Part(0, "chords", QUARTERS)
    cello = Part(42, "bass", [n for n in QUARTERS if n.start < 9])
    found = {(c["what"], c["name"]): c for c in label(piece_of(flute, piano, cello))["changes"]}
    assert set(found) >= {("enters", "flute"), ("leaves", "cello")}
    assert found["enters", "flute"]["at"] == pytest.approx(5.0, abs=0.1)
    assert found["enters", "flute"]["share"] == pytest.approx(0.5, abs=0.01)
    assert found["leaves", "cello"]["at"] == pytest.approx(4.5, abs=0.1)
    assert not any(name == "piano" for _, name in found)


def test_nobody_enters_an_empty_room():
    late = Part(73, "melody", [n for n in QUARTERS if n.start >= 10])
    assert not [c for c in label(piece_of(late))["changes"] if c["what"] == "enters"]


def test_one_program_in_two_parts_is_one_player():
    low = Part(0, "chords", QUARTERS)
    high = Part(0, "melody", [n for n in QUARTERS if n.start >= 10])
    found = label(piece_of(low, high))["changes"]
    assert not [c for c in found if c["what"] in ("enters", "leaves")]


@pytest.mark.parametrize(("slope", "what"), [(1, "louder"), (-1, "softer"), (0, None)])
def test_a_swell_is_told_and_a_level_piece_is_not(slope, what):
    notes = [n._replace(velocity=70 + slope * (2 * int(n.start) - 19)) for n in QUARTERS]
    piece = piece_of(Part(40, "melody", notes))
    found = changes(piece, perform(piece, np.random.default_rng(0), SECONDS), SECONDS)
    assert [c["what"] for c in found] == ([what] if what else [])


def test_percussion_and_the_floor_are_read_from_the_strokes():
    kick = [Note(float(beat), 0.2, 36, 100) for beat in range(20)]
    claps = [Note(beat + 1.0, 0.2, 39, 90) for beat in range(0, 18, 2)]
    once = [Note(3.0, 0.2, 49, 100)]
    piece = piece_of(Part(25, "drums", sorted(kick + claps + once), drums=True))
    labels = label(piece)
    assert labels["percussion"] == ["clap", "kick"] and labels["four_on_the_floor"]
    brushes = piece_of(Part(40, "drums", sorted(kick + claps), drums=True))
    strokes = perform(brushes, np.random.default_rng(0), SECONDS)
    assert percussion(brushes, strokes) == ["kick", "snare"]
    half = piece_of(Part(25, "drums", kick[::2], drums=True))
    assert not label(half)["four_on_the_floor"]


def test_a_roll_is_a_run_of_close_snares():
    roll = [Note(4 + i / 8, 0.1, 38, 90) for i in range(16)]
    assert "roll" in label(piece_of(Part(0, "drums", roll, drums=True)))["percussion"]
    backbeat = [Note(float(beat), 0.1, 38, 90) for beat in range(1, 20, 2)]
    assert "roll" not in label(piece_of(Part(0, "drums", backbeat, drums=True)))["percussion"]


def test_swing_needs_swung_notes():
    eighths = [Note(beat / 2, 0.4, 60, 90) for beat in range(40)]
    assert label(piece_of(Part(0, "melody", eighths), swing=0.66))["swing"]
    assert not label(piece_of(Part(0, "melody", eighths)))["swing"]
    assert not label(piece_of(Part(0, "melody", QUARTERS), swing=0.66))["swing"]


def test_sections_are_in_seconds_and_inside_the_clip():
    piece = piece_of(
        Part(0, "melody", QUARTERS), sections=((0.0, "intro"), (8.0, "a"), (40.0, "b"))
    )
    assert label(piece)["sections"] == [[0.0, "intro"], [4.0, "a"]]


def test_energy_rises_with_tempo_loudness_notes_and_drums():
    calm = {"tempo_class": "slow", "dynamics": "soft", "density": "sparse", "drums": False}
    wild = {"tempo_class": "fast", "dynamics": "loud", "density": "dense", "drums": True}
    assert energy(calm) == "low" and energy(wild) == "high"
    assert energy({**calm, "dynamics": "loud", "density": "medium"}) == "medium"


def test_moods_agree_with_mode_tempo_and_dynamics():
    rng = np.random.default_rng(5)
    for _ in range(150):
        piece = compose_piece(rng, SECONDS)
        moods = set(label(piece)["moods"])
        assert moods
        if piece.mode == "minor":
            assert not moods & {"happy", "cheerful", "joyful", "sunny"}, piece.style
        if piece.tempo_class == "slow":
            assert not moods & {"energetic", "exciting", "driving"}, piece.style
        if piece.dynamics == "loud":
            assert not moods & {"calm", "gentle", "peaceful"}, piece.style


def test_era_comes_from_the_style():
    piece = piece_of(Part(0, "melody", QUARTERS))
    for style in STYLES.values():
        assert label(replace(piece, style=style.name))["era"] == getattr(style, "era", None)


def test_silent_parts_are_not_named():
    piece = piece_of(Part(0, "melody", QUARTERS), Part(73, "counter", []))
    assert [row["name"] for row in label(piece)["instruments"]] == ["piano"]
