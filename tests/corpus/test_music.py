"""What is composed: in key, in range, in time, and labelled as it is."""

from collections import Counter

import numpy as np
import pytest

from musiclm.corpus.arrange import POOLS, compose_piece
from musiclm.corpus.labels import describe
from musiclm.corpus.perform import LEAD_IN, perform
from musiclm.corpus.piece import DRUM_CHANNEL, Piece
from musiclm.corpus.styles import STYLES, TEMPO_RANGES
from musiclm.corpus.theory import NOTE_NAMES, SCALES, estimate_key
from musiclm.corpus.vocabulary import FAMILIES, INSTRUMENTS, PROGRAMS_BY_FAMILY

SECONDS = 10.0
PIECES = 100


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    return [compose_piece(np.random.default_rng([1, i]), SECONDS) for i in range(PIECES)]


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
        assert named == sounding, piece
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


def test_about_two_fifths_play_alone_and_a_third_of_short_clips_change(
    pieces: list[Piece],
) -> None:
    drawn = pieces + [compose_piece(np.random.default_rng([3, i]), SECONDS) for i in range(200)]
    solo = np.mean([piece.texture == "solo" for piece in drawn])
    assert 0.3 < solo < 0.45, solo
    changing = np.mean([len(piece.sections) > 1 for piece in drawn])
    assert 0.25 < changing < 0.5, changing


def test_at_least_sixty_programs_are_used_within_some_hundred_pieces() -> None:
    used: Counter[int] = Counter()
    for i in range(700):
        piece = compose_piece(np.random.default_rng([4, i]), 2.0)
        used.update(part.program for part in piece.parts if not part.drums)
    assert len(used) >= 70, sorted(set(INSTRUMENTS) - set(used))
    assert used.most_common(1)[0][1] < 0.2 * used.total()


def test_every_style_plays_in_all_its_textures_in_range_and_in_tempo() -> None:
    """Each style at least two hundred times over its textures, at several lengths."""
    styles = sorted({name for pool in POOLS.values() for name in pool})
    assert len(styles) == 26
    for name in styles:
        textures = [texture for texture, pool in POOLS.items() if name in pool]
        for draw in range(-(-200 // len(textures))):
            for texture in textures:
                rng = np.random.default_rng([draw, len(name)])
                piece = compose_piece(rng, (3.0, 10.0)[draw % 16 == 0], texture, (name,))
                assert (piece.style, piece.texture) == (name, texture)
                assert piece.has_drums == (texture in ("band", "drums"))
                _check(piece)


def _check(piece: Piece) -> None:
    low, high = STYLES[piece.style].bpm
    assert low <= piece.bpm <= high, piece.style
    low, high = TEMPO_RANGES[piece.tempo_class]
    assert low <= piece.bpm <= high, piece.style
    assert 1 <= len(piece.parts) <= 9
    for part in piece.parts:
        if part.role == "melody":
            assert part.notes == sorted(part.notes, key=lambda note: note.start)
        pitches = [note.pitch for note in part.notes]
        assert all(0 < note.velocity < 128 and note.length > 0 for note in part.notes)
        if part.drums:
            assert min(pitches) >= 35 and max(pitches) <= 81  # the General MIDI kit
            continue
        instrument = INSTRUMENTS[part.program]
        hand = 20 if part.role in ("chords", "arpeggio", "pad") else 0  # a left hand reaches lower
        assert instrument.low - hand <= min(pitches), (piece.style, part.role, instrument.name)
        assert max(pitches) <= instrument.high + hand // 3, (piece.style, part.role, instrument)
