"""Copies of a recording share a fingerprint; other music does not, be it ever so alike."""

import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import soxr
from soundfonts import INSTALLED, needs_soundfont

from musiclm.data.fingerprint import (
    MOST_WRONG,
    RATE,
    Fingerprinter,
    difference,
    fingerprint,
    near_copies,
)

HERTZ = 24_000
STYLES = ("techno", "house", "pop", "classical")
PIECES = 16


@pytest.fixture(scope="module")
def music() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pieces of few styles on one soundfont, and the same pieces on other instruments."""
    from musiclm.corpus.compose import Recipe, compose_clip
    from musiclm.corpus.render import Synth

    assert INSTALLED is not None
    synth = Synth(INSTALLED)
    pieces, others = [], []
    for index in range(PIECES):
        recipe = Recipe(8.0, 21, (INSTALLED,), None, (STYLES[index % len(STYLES)],))
        piece, strokes, _ = compose_clip(recipe, index, None)
        pieces.append(synth.play(piece, strokes, 8.0))
        programs = (4, 19, 48, 56, 65, 73, 80)
        parts = [
            part if part.drums else replace(part, program=_another(part.program, programs, number))
            for number, part in enumerate(piece.parts, start=index)
        ]
        if not any(part.drums for part in parts):  # alike drums are alike sound
            others.append(synth.play(replace(piece, parts=tuple(parts)), strokes, 8.0))
    return pieces, others


def _another(program: int, programs: tuple[int, ...], number: int) -> int:
    """A program of another family."""
    choice = [each for each in programs if each // 8 != program // 8]
    return choice[number % len(choice)]


def _coded(wave: np.ndarray, kind: str, rate: int = HERTZ) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=kind)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


CHANGES = {
    "quieter": lambda wave: (0.1 * wave, HERTZ),
    "mp3": lambda wave: (_coded(wave, "MP3"), HERTZ),
    "ogg": lambda wave: (_coded(wave, "OGG"), HERTZ),
    "44.1 kHz": lambda wave: (soxr.resample(wave, HERTZ, 44_100), 44_100),
    "3.1 s later": lambda wave: (wave[round(3.1 * HERTZ) :], HERTZ),
    "later, louder, resampled, mp3": lambda wave: (
        _coded(soxr.resample(0.8 * wave[30_011:], HERTZ, 44_100), "MP3", 44_100),
        44_100,
    ),
}


@needs_soundfont
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_where_it_begins(music, change) -> None:
    pieces, _ = music
    words = [fingerprint(wave, HERTZ) for wave in pieces]
    copies = [fingerprint(*CHANGES[change](wave)) for wave in pieces]
    matches = list(near_copies([*words, *copies]))
    assert [(match.row, match.of) for match in matches] == [
        (PIECES + number, number) for number in range(PIECES)
    ]
    later = 3.1 if "3.1" in change else 30_011 / HERTZ if "later" in change else 0.0
    # A loop may fit as well a few of its rounds later.
    assert np.median([abs(match.seconds - later) for match in matches]) < 0.05


@needs_soundfont
def test_pieces_of_a_style_and_other_instruments_are_no_copies(music) -> None:
    pieces, others = music
    words = [fingerprint(wave, HERTZ) for wave in [*pieces, *others]]
    assert len(others) >= 6
    assert list(near_copies(words)) == []


def test_blocks_of_any_size_give_the_same_words() -> None:
    wave = np.random.default_rng(0).standard_normal(150_000).astype(np.float32)
    whole = fingerprint(wave, 44_100)
    printer = Fingerprinter(44_100)
    for block in np.split(wave, [1, 7_000, 7_001, 90_000]):
        printer.push(block)
    printer.push(wave[:0], last=True)
    assert len(whole) > 40 and np.array_equal(printer.words(), whole)


def test_silence_and_a_moment_match_nothing() -> None:
    rng = np.random.default_rng(1)
    silence = [fingerprint(np.zeros(seconds * RATE, np.float32), RATE) for seconds in (5, 6, 0)]
    moment = rng.standard_normal(RATE).astype(np.float32)
    words = [*silence, fingerprint(moment, RATE), fingerprint(moment, RATE)]
    assert list(near_copies(words)) == []
    assert difference(words[3], words[4], 0) == 1.0, "a second is too little to tell"


def test_half_of_the_shorter_one_must_be_shared() -> None:
    wave = np.random.default_rng(2).standard_normal(20 * RATE).astype(np.float32)
    first, second = fingerprint(wave[: 10 * RATE], RATE), fingerprint(wave[8 * RATE :], RATE)
    assert list(near_copies([first, second])) == []
    second = fingerprint(wave[16_384 : 18 * RATE], RATE)
    assert [match.of for match in near_copies([second, first])] == [0]
    assert difference(first, second, 0) > 0.4 > MOST_WRONG
