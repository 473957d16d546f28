"""Harmony, melodies, basses, grooves, a player's hands: the pieces that pieces are made of."""

import numpy as np
import pytest

from musiclm.corpus.accompany import fit, play_bass, play_comp, second_voice
from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.drums import drum_bars
from musiclm.corpus.grooves import CLAVES, CRASH, GROOVES, KICK, OPEN, SNARE
from musiclm.corpus.harmonise import harmonise, in_key
from musiclm.corpus.melody import Shape, compose_melody
from musiclm.corpus.perform import perform, swing
from musiclm.corpus.piece import Note, Part, Piece
from musiclm.corpus.styles import STYLES
from musiclm.corpus.theory import SCALES, harmony, parse_chord, progression, scale_over, voice

RNG = np.random.default_rng


def test_melody_stays_on_the_scale_of_its_chords() -> None:
    bars = harmony("I V7 vi IV", 2, "major") * 2
    scale = tuple((2 + step) % 12 for step in SCALES["major"])
    for kind in ("tune", "riff", "long", "sing"):
        notes = compose_melody(RNG(0), bars, scale, Shape(60, 79, "3/4", 1.5, kind=kind))
        assert {note.pitch % 12 for note in notes} <= set(scale)
        assert all(note.start + note.length <= 24.0 for note in notes)
        assert notes[0].pitch % 12 in bars[0][0].tones
        assert all(60 <= note.pitch <= 79 for note in notes)


def test_a_melody_repeats_its_motif() -> None:
    bars = harmony("I I I I", 0, "major")
    for seed in range(5):
        for kind in ("tune", "riff", "sing"):
            shape = Shape(60, 79, "4/4", 1.5, kind=kind)
            notes = compose_melody(RNG(seed), bars, SCALES["major"], shape)
            rhythms = {
                tuple(n.start % 4 for n in notes if b * 4 <= n.start < b * 4 + 4) for b in range(4)
            }
            assert len(rhythms) < 4


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


def test_two_chords_share_a_bar() -> None:
    bars = harmony("ii7/V7", 0, "major")
    notes = play_comp("c - - - - - - -", bars, metre="4/4", centre=60.0, num_tones=4)
    assert {n.pitch % 12 for n in notes if n.start < 2} == {2, 5, 9, 0}
    assert {n.pitch % 12 for n in notes if n.start >= 2} == {7, 11, 2, 5}
    walk = play_bass("w w w w", bars, metre="4/4", low=28, rng=RNG(0))
    assert [n.pitch % 12 for n in walk if n.start % 2 == 0] == [2, 7]


def test_every_pattern_is_a_bar_in_every_metre_of_its_style() -> None:
    for style in STYLES.values():
        for pattern in (*style.comp, *style.bass, *style.hands):
            for metre in style.metres:
                for bar in range(2):
                    tokens = fit(pattern, metre, bar)
                    assert tokens and set(tokens) <= set("cr53012468nwa-.")
                    if metre == "3/4":
                        assert len(tokens) % 3 == 0, (style.name, pattern)


def test_grooves_fill_their_bars_and_have_a_kick() -> None:
    for name, lanes in GROOVES.items():
        beats = 3 if name == "waltz" else 4
        notes = drum_bars(name, 4, "3/4" if beats == 3 else "4/4", RNG(0))
        assert all(0 <= note.start < 4 * beats for note in notes)
        assert any(note.pitch == KICK for note in notes)
        for lane in lanes.values():
            assert set(lane) <= set("Xxo.|")


def _struck(style: str, pitch: int, bars: int = 8) -> list[set[float]]:
    """For each groove of a style, the beats (over two bars) on which a drum is struck."""
    played = []
    for name in STYLES[style].grooves:
        notes = drum_bars(name, 2, "4/4", RNG(0), crash=False, style="house")  # no fills
        played.append({n.start for n in notes if n.pitch == pitch and n.velocity > 60})
    return played


@pytest.mark.parametrize(
    ("style", "pitch", "beats"),
    [
        ("drum and bass", KICK, {0.0, 4.0}),
        ("drum and bass", SNARE, {1.0, 3.0, 5.0}),
        ("techno", KICK, {0.0, 1.0, 2.0, 3.0}),
        ("house", KICK, {0.0, 1.0, 2.0, 3.0}),
        ("disco", KICK, {0.0, 1.0, 2.0, 3.0}),
        ("disco", OPEN, {0.5, 1.5, 2.5, 3.5}),  # the off-beat hat
        ("rock", KICK, {0.0}),
        ("synth-pop", SNARE, {1.0, 3.0}),
        ("chiptune", SNARE, {1.0, 3.0}),
    ],
)
def test_grooves_have_the_signature_of_their_style(
    style: str, pitch: int, beats: set[float]
) -> None:
    for struck in _struck(style, pitch):
        assert beats <= struck, struck


def test_styles_differ_where_it_matters() -> None:
    two_step = drum_bars("two-step", 1, "4/4", RNG(0), style="house")
    assert {n.start for n in two_step if n.pitch == KICK} == {0.0, 2.5}
    assert 0.0 not in _struck("reggae", KICK)[0]  # one drop: nothing on one
    clave = drum_bars("salsa", 2, "4/4", RNG(0), style="house")
    assert [n.start for n in clave if n.pitch == CLAVES] == [0.0, 1.5, 3.0, 5.0, 6.0]


def test_a_fill_leads_into_a_change() -> None:
    plain = drum_bars("disco", 2, "4/4", RNG(0), style="disco", crash=False)
    filled = drum_bars("disco", 2, "4/4", RNG(0), style="disco", crash=False, fill_last=True)
    assert [n for n in filled if n.start < 4] == [n for n in plain if n.start < 4]
    assert {n.pitch for n in filled if n.start >= 7} - {n.pitch for n in plain}
    crash = drum_bars("rock", 4, "4/4", RNG(3), style="rock")
    assert CRASH in {n.pitch for n in crash if n.start == 0.0}


def test_bass_plays_roots_on_downbeats() -> None:
    bars = harmony("I vi IV V", 0, "major")
    for style in STYLES.values():
        for pattern in style.bass:
            notes = play_bass(pattern, bars, metre="4/4", low=28, rng=RNG(0))
            downbeats = [n for n in notes if n.start % 8 == 0]  # a second bar may play the fifth
            assert all(n.pitch % 12 == bars[int(n.start // 4)][0].root for n in downbeats)


def test_basses_of_whole_pieces_play_the_roots_of_their_chords() -> None:
    right = []
    for seed in range(80):
        piece = compose_piece(RNG([8, seed]), 10.0, "band")
        roots = dict(piece.chords)
        for part in piece.parts:
            for note in part.notes if part.role == "bass" else ():
                if note.start in roots:
                    key = parse_chord("I", note.pitch % 12, "major").name
                    right.append(roots[note.start].startswith(key))
    assert len(right) > 100 and np.mean(right) > 0.9


def test_a_second_voice_is_a_third_below() -> None:
    tune = [Note(float(i), 1.0, p, 90) for i, p in enumerate((76, 74, 72, 77))]
    below = second_voice(tune, SCALES["major"], 48, 90)
    assert [n.pitch for n in below] == [72, 71, 69, 74]


def test_a_tune_gets_the_chords_that_carry_it() -> None:
    pitches = (60, 64, 67, 64, 65, 69, 72, 69, 67, 71, 74, 71, 72, 67, 64, 60)
    tune = [Note(float(i), 1.0, p, 90) for i, p in enumerate(pitches)]
    bars = harmonise(tune, bars=4, beats=4, tonic=0, mode="major")
    assert [chord.name for (chord,) in bars] == ["C", "F", "G", "C"]
    rich = harmonise(tune, bars=4, beats=4, tonic=0, mode="major", rich=True)
    assert [chord.name for (chord,) in rich] == ["Cmaj7", "Fmaj7", "G7", "Cmaj7"]
    assert in_key(tune, 0, "major") and not in_key(tune, 6, "major")


def test_swing_delays_only_the_offbeat() -> None:
    assert swing(1.0, 2 / 3) == 1.0
    assert swing(1.5, 2 / 3) == pytest.approx(1 + 2 / 3)
    assert swing(1.5, 0.5) == 1.5


def test_strings_are_strummed_and_keys_are_struck_together() -> None:
    chord = [Note(1.0, 1.0, pitch, 90) for pitch in (60, 64, 67)]
    for program, spread in ((25, 0.02), (16, 0.0)):
        piece = Piece(parts=(Part(program, "chords", chord),), bpm=60.0, style="pop")
        starts = [s.start for s in perform(piece, RNG(0), 4.0)]
        assert max(starts) - min(starts) == pytest.approx(spread, abs=0.003)


def test_a_jazz_lead_lies_back_and_a_techno_lead_does_not() -> None:
    line = [Note(float(i), 0.5, 72, 90) for i in range(1, 200)]
    late = {}
    for style in ("jazz", "techno"):
        loose = STYLES[style].looseness
        piece = Piece(parts=(Part(81, "melody", line),), bpm=60.0, style=style, looseness=loose)
        strokes = perform(piece, RNG(0), 210.0)
        late[style] = np.array([s.start for s in strokes]) - np.arange(1, 200)
    assert 0.006 < late["jazz"].mean() < 0.014
    assert not late["techno"].any()
