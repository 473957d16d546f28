"""Sections that return, players who enter and leave, endings, and the chords that are told."""

import numpy as np
import pytest

from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.form import make_sections, silences
from musiclm.corpus.piece import BEATS_PER_BAR, Note, Part, Piece
from musiclm.corpus.plan import make_plan
from musiclm.corpus.players import melody_part
from musiclm.corpus.staging import chord_names
from musiclm.corpus.styles import STYLES
from musiclm.corpus.theory import NOTE_NAMES, parse_chord, progression

NAMES = {"intro", "a", "b", "c", "break", "outro"}
LONG = 40.0


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    short = [compose_piece(np.random.default_rng([1, i]), 10.0) for i in range(120)]
    long = [compose_piece(np.random.default_rng([2, i]), LONG) for i in range(40)]
    return short + long


def test_sections_cover_their_bars_in_order() -> None:
    rng = np.random.default_rng(0)
    for heard in (1.0, 2.5, 5.0, 7.9, 12.0, 20.0, 45.0):
        for _ in range(30):
            bars = int(np.ceil(heard)) + 1
            sections = make_sections(rng, heard, bars, arc=heard > 6)
            assert sections[0].start == 0 and sum(s.bars for s in sections) == bars
            for before, after in zip(sections, sections[1:], strict=False):
                assert after.start == before.start + before.bars
                assert after.name != before.name
            assert {s.name for s in sections} <= NAMES


def test_somebody_always_plays() -> None:
    rng = np.random.default_rng(1)
    roles = ["drums", "bass", "chords", "melody", "pad", "counter"]
    for count in range(1, 7):
        for _ in range(60):
            sections = make_sections(rng, 24.0, 25, arc=True)
            for quiet in silences(rng, sections, roles[:count], range(4, count)):
                assert len(quiet) < count


def test_chords_and_sections_are_told_in_order_and_within_the_clip(pieces: list[Piece]) -> None:
    for piece in pieces:
        assert piece.sections and piece.sections[0][0] == 0.0
        for told in (piece.chords, piece.sections):
            beats = [beat for beat, _ in told]
            assert beats == sorted(set(beats))
            assert not beats or beats[-1] * piece.seconds_per_beat < LONG
        assert {name for _, name in piece.sections} <= NAMES
        alone = {part.role for part in piece.parts} <= {"melody", "counter", "drums"}
        assert bool(piece.chords) != alone, piece.texture


def test_chords_begin_with_the_accompaniment_and_name_what_it_plays(pieces: list[Piece]) -> None:
    right = []
    for piece in pieces:
        if not piece.chords:
            continue
        harmonic = [p for p in piece.parts if p.role in ("chords", "pad", "arpeggio")]
        notes = sorted(n for p in harmonic for n in p.notes)
        ends = [beat for beat, _ in piece.chords[1:]] + [float("inf")]
        for (beat, name), end in zip(piece.chords, ends, strict=True):
            inside = {n.pitch % 12 for n in notes if beat - 0.1 <= n.start < end - 0.1}
            if inside:
                root = NOTE_NAMES.index(name[:2] if name[1:2] in ("#", "b") else name[:1])
                third = (root + (3 if _is_minor(name) else 4)) % 12
                right.append(root in inside or third in inside)
    assert np.mean(right) > 0.97


def _is_minor(name: str) -> bool:
    rest = name[2:] if name[1:2] in ("#", "b") else name[1:]
    return rest.startswith(("m", "dim")) and not rest.startswith("maj")


def test_power_chords_are_named_as_such() -> None:
    plan = make_plan(np.random.default_rng(0), STYLES["metal"], "fast", 8.0)
    notes = [Note(b * 4.0, 1.0, 36 + bar[0].root, 90) for b, bar in enumerate(plan.harmony)]
    guitar = Part(30, "chords", notes + [n._replace(pitch=n.pitch + 7) for n in notes])
    assert {name[-1] for _, name in chord_names(plan, [guitar])} == {"5"}
    assert chord_names(plan, [Part(73, "melody", notes)]) == ()


def test_chords_are_named_as_players_write_them() -> None:
    numerals = "I ii V7 vi7 IVmaj7 bVII iim7b5 Vsus"
    named = [chord.name for chord in progression(numerals, 9, "major")]
    assert named == ["A", "Bm", "E7", "F#m7", "Dmaj7", "G", "Bm7b5", "Esus4"]
    assert parse_chord("i", 0, "minor").name == "Cm"


def test_a_section_that_returns_brings_its_tune() -> None:
    returned = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        plan = make_plan(rng, STYLES["classical"], "medium", LONG)
        firsts = {}
        notes = melody_part(rng, plan, 40).notes
        for section in plan.sections:
            start = section.start * plan.beats
            length = 2 * plan.beats
            bars = [(n.start - start, n.pitch) for n in notes if start <= n.start < start + length]
            if section.bars >= 2 and section.start + section.bars < plan.bars:
                assert firsts.setdefault(section.letter, bars) == bars
                returned += firsts[section.letter] is not bars
    assert returned > 20


def test_players_enter_and_leave_where_sections_change() -> None:
    """In some pieces a part that plays now rested before, from a section's start on."""
    moves = 0
    for seed in range(60):
        piece = compose_piece(np.random.default_rng([5, seed]), 10.0, "band")
        starts = {beat for beat, _ in piece.sections}
        for part in piece.parts:
            first = min(note.start for note in part.notes)
            bar = BEATS_PER_BAR[piece.metre]
            if first >= bar and part.role != "counter":  # answers wait for a gap
                moves += 1
                assert any(0 <= first - beat < bar for beat in starts), (part.role, first, starts)
    assert moves > 8


def test_some_long_pieces_end_in_the_clip_on_the_tonic() -> None:
    ended = 0
    for seed in range(40):
        piece = compose_piece(np.random.default_rng([6, seed]), LONG, "ensemble")
        last = max(note.start for part in piece.parts for note in part.notes)
        if last * piece.seconds_per_beat < LONG - 2.0:
            ended += 1
            assert piece.chords[-1][1].startswith(str(piece.key))
            final = [n for p in piece.parts for n in p.notes if abs(n.start - last) < 0.01]
            assert len(final) >= 2 and min(n.length for n in final) >= 1.0
    assert 6 < ended < 30


def test_an_intro_is_played_softer_than_what_follows() -> None:
    ratios = []
    for seed in range(60):
        piece = compose_piece(np.random.default_rng([7, seed]), 24.0, "band")
        names = {name: beat for beat, name in reversed(piece.sections)}
        if "intro" in names and "a" in names:
            bass = next(part.notes for part in piece.parts if part.role == "bass")
            soft = [note.velocity for note in bass if note.start < names["a"]]
            hard = [note.velocity for note in bass if note.start >= names["a"]]
            if soft and hard:
                ratios.append(np.mean(soft) / np.mean(hard))
    assert len(ratios) > 6 and np.mean(ratios) < 0.95
