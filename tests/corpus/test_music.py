"""What is composed: in key, in range, in time, and labelled as it is."""

import numpy as np
import pytest

from musiclm.corpus.accompany import play_bass
from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.drums import GROOVES, KICK, drum_bars
from musiclm.corpus.labels import describe
from musiclm.corpus.melody import Shape, compose_melody
from musiclm.corpus.perform import LEAD_IN, perform, swing
from musiclm.corpus.piece import DRUM_CHANNEL, Piece
from musiclm.corpus.styles import STYLES, TEMPO_RANGES
from musiclm.corpus.theory import (
    NOTE_NAMES,
    SCALES,
    estimate_key,
    parse_chord,
    progression,
    scale_over,
    voice,
)
from musiclm.corpus.vocabulary import FAMILIES, INSTRUMENTS, PROGRAMS_BY_FAMILY

SECONDS = 10.0
PIECES = 100


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    return [compose_piece(np.random.default_rng([1, i]), SECONDS) for i in range(PIECES)]


def test_every_style_can_be_composed_in_every_texture_it_has() -> None:
    for name, style in STYLES.items():
        rng = np.random.default_rng(0)
        textures = ["solo"] * bool(style.solo) + ["ensemble"] * bool(style.ensembles)
        for texture in textures + ["band"] * bool(style.grooves):
            piece = compose_piece(rng, SECONDS, texture=texture, styles=(name,))
            assert (piece.style, piece.texture) == (name, texture)
            assert piece.has_drums == (texture == "band")


def test_a_piece_lasts_for_the_whole_clip_and_starts_at_once(pieces: list[Piece]) -> None:
    for piece in pieces:
        strokes = perform(piece, np.random.default_rng(0), SECONDS)
        starts = [stroke.start for stroke in strokes]
        assert starts[0] <= LEAD_IN
        assert max(np.diff([*starts, SECONDS])) < 4.5, piece  # a slow whole note at most
        assert all(0 <= start < SECONDS for start in starts)


def test_notes_lie_in_the_range_of_their_instruments(pieces: list[Piece]) -> None:
    for piece in pieces:
        for part in piece.parts:
            if part.role == "melody" and not part.drums:
                instrument = INSTRUMENTS[part.program]
                pitches = [note.pitch for note in part.notes]
                assert instrument.low <= min(pitches) and max(pitches) <= instrument.high
            assert all(0 < note.pitch < 128 and note.length > 0 for note in part.notes)


def test_labels_say_what_sounds(pieces: list[Piece]) -> None:
    for piece in pieces:
        strokes = perform(piece, np.random.default_rng(0), SECONDS)
        labels = describe(piece, strokes, SECONDS)
        assert labels["drums"] == any(stroke.channel == DRUM_CHANNEL for stroke in strokes)
        sounding = {(p.program, p.drums) for p in piece.parts}
        named = {(r["program"], r["family"] == "drums") for r in labels["instruments"]}
        assert named == sounding
        if piece.texture == "solo":
            assert len(labels["families"]) == len(labels["instruments"]) == 1
        low, high = TEMPO_RANGES[labels["tempo_class"]]
        assert low <= labels["bpm"] <= high
        assert (labels["key"] is None) == (piece.texture == "drums")


def test_faster_pieces_have_more_and_shorter_notes(pieces: list[Piece]) -> None:
    rates: dict[str, list[float]] = {name: [] for name in TEMPO_RANGES}
    for piece in pieces:
        if piece.texture == "solo":
            strokes = perform(piece, np.random.default_rng(0), SECONDS)
            rates[piece.tempo_class].append(len({s.start for s in strokes}) / SECONDS)
    means = [np.mean(rates[name]) for name in ("slow", "medium", "fast")]
    assert means[0] * 1.3 < means[1] and means[1] * 1.3 < means[2], means


def test_solos_are_spread_over_all_families() -> None:
    drawn = [
        INSTRUMENTS[compose_piece(np.random.default_rng([2, i]), 2.0, "solo").parts[0].program]
        for i in range(180)
    ]
    counts = {family: sum(i.family == family for i in drawn) for family in FAMILIES}
    assert min(counts.values()) >= 8, counts
    assert all(len(programs) >= 2 for programs in PROGRAMS_BY_FAMILY.values())


def test_the_same_generator_gives_the_same_piece() -> None:
    first, second = (compose_piece(np.random.default_rng(9), SECONDS) for _ in range(2))
    assert first == second
    assert first != compose_piece(np.random.default_rng(10), SECONDS)


def test_most_notes_belong_to_the_key(pieces: list[Piece]) -> None:
    inside, right = [], []
    for piece in pieces:
        if piece.mode and piece.style in ("classical", "pop", "folk", "waltz", "baroque"):
            notes = [note for part in piece.parts if not part.drums for note in part.notes]
            tonic = NOTE_NAMES.index(piece.key or "")
            scale = {(tonic + step) % 12 for step in SCALES[piece.mode]}
            inside.append(np.mean([note.pitch % 12 in scale for note in notes]))
            weights = dict.fromkeys(range(12), 0.0)
            for note in notes:
                weights[note.pitch % 12] += note.length
            right.append(estimate_key(weights) == (piece.key, piece.mode))
    assert np.mean(inside) > 0.95
    assert np.mean(right) > 0.35  # chance is 1 in 24; relatives and dominants are near


def test_melody_stays_on_the_scale_of_its_chords() -> None:
    chords = progression("I V7 vi IV", 2, "major")
    scale = tuple((2 + step) % 12 for step in SCALES["major"])
    shape = Shape(60, 79, "3/4", 1.5)
    notes = compose_melody(np.random.default_rng(0), chords, scale, shape, bars=8)
    assert {note.pitch % 12 for note in notes} <= set(scale)
    assert all(note.start + note.length <= 24.0 for note in notes)
    opening = notes[0].pitch % 12
    assert opening in chords[0].tones


def test_a_melody_repeats_its_motif() -> None:
    chords = progression("I I I I", 0, "major")
    shape = Shape(60, 79, "4/4", 1.5)
    for seed in range(5):
        notes = compose_melody(np.random.default_rng(seed), chords, SCALES["major"], shape, 4)
        bars = [tuple(n.start % 4 for n in notes if b * 4 <= n.start < b * 4 + 4) for b in range(4)]
        assert len(set(bars)) < 4


def test_chords_are_spelt_and_voiced() -> None:
    assert parse_chord("V7", 0, "major").tones == (7, 11, 2, 5)
    assert parse_chord("iv", 9, "minor").tones == (2, 5, 9)
    assert parse_chord("VI", 9, "minor").tones == (5, 9, 0)
    assert parse_chord("bVII", 0, "major").root == 10
    assert parse_chord("iim7b5", 9, "minor").tones == (11, 2, 5, 9)
    for chord in progression("Imaj7 vi7 ii7 V7", 5, "major"):
        pitches = voice(chord, 60.0, 4)
        assert {p % 12 for p in pitches} == set(chord.tones)
        assert abs(np.mean(pitches) - 60) < 6
    # The leading tone replaces the seventh of natural minor over its dominant.
    over = scale_over((9, 11, 0, 2, 4, 5, 7), parse_chord("V", 9, "minor"))
    assert 8 in over and 7 not in over


def test_grooves_fill_their_bars_and_have_a_kick() -> None:
    for name in GROOVES:
        metre = "3/4" if name == "waltz" else "4/4"
        notes = drum_bars(name, 4, metre, np.random.default_rng(0))
        beats = 3 if metre == "3/4" else 4
        assert notes[0].start == 0.0
        assert all(note.start < 4 * beats for note in notes)
        assert any(note.pitch == KICK for note in notes)
        for lane in GROOVES[name].values():
            assert set(lane) <= set("Xxo.")


def test_bass_plays_roots_on_downbeats() -> None:
    chords = progression("I vi IV V", 0, "major")
    for style in STYLES.values():
        for pattern in style.bass:
            notes = play_bass(
                pattern, chords, bars=4, metre="4/4", low=28, rng=np.random.default_rng(0)
            )
            for note in notes:
                if note.start % 4 == 0:
                    assert note.pitch % 12 == chords[int(note.start // 4)].root


def test_swing_delays_only_the_offbeat() -> None:
    assert swing(1.0, 2 / 3) == 1.0
    assert swing(1.5, 2 / 3) == pytest.approx(1 + 2 / 3)
    assert swing(1.5, 0.5) == 1.5
