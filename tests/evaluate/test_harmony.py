"""The ear for key hears pitch classes, and knows in all keys what it learned in one."""

import numpy as np
import torch

from musiclm.evaluate.harmony import Harmony, pitch_classes

RATE = 24_000


def chord(*semitones: float, seconds: float = 2.0) -> torch.Tensor:
    """Tones above middle C with five partials each."""
    time = np.arange(round(seconds * RATE)) / RATE
    hertz = [261.63 * 2 ** (s / 12) * k for s in semitones for k in range(1, 6)]
    wave = sum(np.sin(2 * np.pi * f * time) / (i % 5 + 1) for i, f in enumerate(hertz))
    return torch.from_numpy((0.1 * wave).astype(np.float32))[None]


def test_a_tone_is_heard_as_its_pitch_class_whatever_its_octave():
    for semitone in (0, 4, 9):
        for octave in (0, 1):
            heard = pitch_classes(chord(semitone + 12 * octave))[0, 1]
            assert int(heard.argmax()) == semitone


def test_the_bass_is_heard_apart():
    bass, above = pitch_classes(chord(-17) + chord(12))[0]  # G below, C above
    assert int(bass.argmax()) == 7
    assert int(above.argmax()) == 0


def test_noise_hides_no_chord():
    noise = 0.05 * torch.randn(1, 2 * RATE, generator=torch.Generator().manual_seed(0))
    heard = pitch_classes(chord(0, 4, 7) + noise)[0, 1]
    assert set(heard.topk(3).indices.tolist()) == {0, 4, 7}


def test_level_does_not_matter():
    wave = chord(2, 5, 9)
    assert torch.allclose(pitch_classes(wave), pitch_classes(0.01 * wave), atol=1e-4)


def test_a_transposed_clip_gets_transposed_keys():
    ear = Harmony().eval()
    classes = pitch_classes(chord(0, 3, 7))
    assert torch.allclose(ear(classes.roll(5, -1)), ear(classes).roll(5, 1), atol=1e-5)


def test_a_clip_shorter_than_a_window_is_heard():
    assert int(pitch_classes(chord(4, seconds=0.1))[0, 1].argmax()) == 4
