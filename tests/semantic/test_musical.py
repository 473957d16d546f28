"""Musical features: pitch classes are where they belong, onsets when they happen, codes follow."""

import math

import pytest
import torch

from musiclm.semantic.musical import BANDS, WIDTH, MusicalFeatures, MusicalQuantizer

SECOND = torch.arange(24_000) / 24_000


def tone(frequency: float) -> torch.Tensor:
    harmonics = [torch.sin(2 * math.pi * k * frequency * SECOND) / k for k in (1, 2, 3)]
    return 0.2 * torch.stack(harmonics).sum(dim=0)[None, None]


@pytest.mark.parametrize("octave", [2, 3, 4, 5])
@pytest.mark.parametrize("pitch_class", [0, 4, 9, 11])
def test_a_tone_is_loudest_in_its_pitch_class(octave, pitch_class):
    frequency = 440 * 2 ** ((12 * (octave + 1) + pitch_class - 69) / 12)
    features = MusicalFeatures(960)(tone(frequency))
    chroma = features[0, 5:20, :12] if octave < 4 else features[0, 5:20, 12:24]
    assert (chroma.argmax(dim=-1) == pitch_class).all()


def test_onsets_rise_when_a_sound_begins():
    wave = torch.zeros(1, 1, 24_000)
    wave[..., 12_000:12_600] = 0.3 * torch.randn(600, generator=torch.Generator().manual_seed(0))
    onsets = MusicalFeatures(960)(wave)[0, :, 24 + BANDS :].mean(dim=-1)
    assert onsets.argmax().item() in (11, 12)


def test_silence_has_finite_features():
    assert MusicalFeatures(960)(torch.zeros(1, 1, 9_600)).isfinite().all()


def test_pitch_classes_do_not_depend_on_loudness():
    features = MusicalFeatures(960)
    loud, soft = features(tone(330.0)), features(0.25 * tone(330.0))
    assert (loud[..., :24] - soft[..., :24]).abs().max() < 2.0
    assert torch.equal(loud[0, 5:20, 12:24].argmax(-1), soft[0, 5:20, 12:24].argmax(-1))


def test_codes_move_in_training_only_and_take_no_gradient():
    torch.manual_seed(0)
    quantizer = MusicalQuantizer(16)
    x = torch.randn(2, 100, WIDTH, generator=torch.Generator().manual_seed(0))
    picked = quantizer(x, torch.Generator().manual_seed(1))
    assert not picked.vectors.requires_grad
    assert picked.ids.unique().numel() > 8
    before = quantizer.codebook.codebooks.clone()
    quantizer.eval()(x + 1.0)
    assert torch.equal(before, quantizer.codebook.codebooks)
    quantizer.train()(x + 1.0, torch.Generator().manual_seed(1))
    assert not torch.equal(before, quantizer.codebook.codebooks)


def clicks(period: int, seconds: int = 8) -> torch.Tensor:
    wave = torch.zeros(1, 1, 24_000 * seconds)
    noise = torch.randn(480, generator=torch.Generator().manual_seed(0))
    for start in range(0, wave.shape[-1] - 480, period):
        wave[..., start : start + 480] = 0.3 * noise
    return wave


@pytest.mark.parametrize("period", [9_600, 12_000, 14_400])  # 150, 120 and 100 beats a minute
def test_the_pulse_is_on_the_beat(period):
    musical = MusicalFeatures(960, pulse=True)
    cosine = musical(clicks(period))[0, :, musical.groups["pulse"]][:, 0]
    place = (torch.arange(len(cosine)) * 960 + 480) % period / period
    on, off = (place < 0.12) | (place > 0.88), (place > 0.38) & (place < 0.62)
    inner = slice(50, 150)
    assert cosine[inner][on[inner]].min() > 0.3
    assert cosine[inner][off[inner]].max() < -0.3


def test_the_pulse_of_a_piece_is_that_of_the_whole():
    wave = clicks(12_000, seconds=10)
    musical = MusicalFeatures(960, pulse=True)
    whole = musical(wave)[:, :, musical.groups["pulse"]]
    part = musical(wave[..., : 24_000 * 8])[:, :, musical.groups["pulse"]]
    assert (whole[:, :125] - part[:, :125]).abs().max() < 0.3
