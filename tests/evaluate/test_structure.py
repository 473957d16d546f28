"""What signal analysis says of sounds that are known."""

import numpy as np
import pytest

from musiclm.audio import SAMPLE_RATE, read
from musiclm.evaluate.estimates import _peak, key, onset_rate, onsets, same_tempo, tempo
from musiclm.evaluate.labels import tonic_of
from musiclm.evaluate.structure import (
    analyse,
    frames,
    loudness,
    novelty,
    repeats,
    rolloff,
    similarity,
)

TIME = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE


def chord(pitches, time):
    return sum(
        np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * k * time) / k
        for p in pitches
        for k in (1, 2, 3)
    )


def phrase(pitches, seconds=0.5):
    """Chords one after another, each struck."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    parts = [chord(one, time) * np.exp(-4 * time) for one in pitches]
    return (0.05 * np.concatenate(parts)).astype(np.float32)


@pytest.mark.parametrize("bpm", [61.0, 84.0, 110.0, 137.0, 171.0])
def test_clicks_have_their_tempo(bpm):
    since = TIME % (60 / bpm)
    clicks = np.random.default_rng(0).standard_normal(len(TIME)) * np.exp(-since * 60) * 0.3
    found = tempo(onsets(clicks.astype(np.float32)))
    assert same_tempo(found, bpm), found
    assert onset_rate(onsets(clicks.astype(np.float32))) == pytest.approx(bpm / 60, rel=0.1)


@pytest.mark.parametrize(("slope", "bent"), [(1.0, 62), (-1.0, 58)])
def test_a_lag_on_a_slope_stays_near_where_it_is(slope, bent):
    agrees = slope * np.linspace(0.0, 1.0, 400)
    agrees[bent] += 1e-6  # hardly bent: the parabola's top lies a thousand lags away
    assert abs(_peak(agrees, 60) - 60) < 6


def test_most_clips_of_a_corpus_have_their_tempo(corpus):
    right = [same_tempo(tempo(onsets(read(c.path).samples)), c.labels["bpm"]) for c in corpus[:24]]
    assert np.mean(right) > 0.9


def test_nothing_has_no_tempo_no_key_and_no_loudness():
    silence = np.zeros(5 * SAMPLE_RATE, np.float32)
    assert tempo(onsets(silence)) is None and key(silence) is None and loudness(silence) is None
    found = analyse(silence)
    assert found.health.silent and found.key is None and found.repetition == 0.0
    assert found.rolloff_99 == 0.0 and found.onsets_per_second == 0.0


def test_same_tempo_within_four_percent_and_by_octaves():
    assert same_tempo(103.0, 100.0, octaves=False) and not same_tempo(105.0, 100.0)
    assert same_tempo(50.0, 100.0) and same_tempo(200.0, 100) and same_tempo(300.0, 100.0)
    assert not same_tempo(50.0, 100.0, octaves=False) and not same_tempo(None, 100.0)


@pytest.mark.parametrize("tonic", [0, 4, 9])
@pytest.mark.parametrize("mode", ["major", "minor"])
def test_a_cadence_has_its_key(tonic, mode):
    third = 4 if mode == "major" else 3
    triads = {0: (0, third, 7), 5: (5, 5 + third, 12), 7: (7, 11, 14)}
    played = [[48 + tonic + degree, *(60 + tonic + p for p in triads[degree])]
              for degree in (0, 5, 7, 0, 5, 7, 0, 0)]  # fmt: skip
    found = key(phrase(played))
    assert found is not None and found[:2] == (tonic, mode) and found[2] > 0.5
    assert tonic_of.__doc__  # the corpus names tonics the same way


def test_a_loop_repeats_after_its_length_and_noise_does_not():
    rng = np.random.default_rng(0)
    loop = phrase([rng.integers(50, 75, 3) for _ in range(5)])  # 2.5 s
    looped = analyse(np.tile(loop, 4))
    assert looped.recurs and looped.repetition > 0.9
    assert looped.repeats_after == pytest.approx(2.5, abs=0.11)
    never = analyse(phrase([rng.integers(45, 80, 3) for _ in range(20)]))
    assert never.repetition < 0.5 < looped.repetition
    noise = analyse((0.1 * rng.standard_normal(len(TIME))).astype(np.float32))
    assert not noise.recurs


def test_a_held_sound_is_stuck_and_does_not_repeat():
    held = analyse((0.1 * chord((60, 64, 67), TIME)).astype(np.float32))
    assert held.health.stuck and held.repetition == 0.0 and held.novelty < 0.05


def test_novelty_is_where_the_music_changes():
    tone = 0.2 * np.sin(2 * np.pi * 220 * TIME[: 5 * SAMPLE_RATE])
    noise = 0.1 * np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE)
    matrix = similarity(frames(np.concatenate([tone, noise]).astype(np.float32)))
    curve = novelty(matrix)
    assert abs(curve.argmax() / 10 - 5.0) <= 0.3 and curve.max() > 0.3
    assert np.allclose(matrix, matrix.T) and np.allclose(matrix.diagonal(), 1.0)


def test_bandwidth_and_loudness():
    low = 0.1 * np.sin(2 * np.pi * 300 * TIME)
    high = 0.1 * np.sin(2 * np.pi * 6000 * TIME)
    assert rolloff(low.astype(np.float32))[1] == pytest.approx(300, abs=5)
    assert rolloff((low + high).astype(np.float32)) == pytest.approx((6000, 6000), abs=5)
    soft, loud = (loudness((g * high).astype(np.float32)) for g in (1.0, 2.0))
    assert loud - soft == pytest.approx(6.02, abs=0.05)


@pytest.mark.parametrize("seconds", [1.0, 1.3, 95.0])
def test_any_length(seconds):
    rng = np.random.default_rng(0)
    found = analyse((0.1 * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32))
    assert found.seconds == pytest.approx(seconds) and np.isfinite(found.repetition)
    assert all(value is None or value == value for value in found.as_dict().values())


def test_repetition_of_too_little_is_none():
    assert repeats(np.ones((5, 3))) == (0.0, 0.0)
