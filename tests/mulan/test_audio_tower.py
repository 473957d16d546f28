"""The audio tower: both stems, SpecAugment, and indifference to loudness."""

import dataclasses

import pytest
import torch

from musiclm.errors import UserError
from musiclm.mulan.audio_tower import (
    CHORD_FRAMES,
    AudioTower,
    AudioTowerConfig,
    other_range,
    smooth_curves,
    spec_augment,
)

PATCH = AudioTowerConfig(bins=32, width=32, layers=2, heads=2, hidden=64, max_frames=200)
CONV = dataclasses.replace(PATCH, stem="conv", stride=(32, 16), rhythm_lags=64, harmony=True)


@pytest.fixture(params=[PATCH, CONV], ids=["patch", "conv"])
def tower(request) -> AudioTower:
    return AudioTower(request.param, 8).eval()


def noise(batch: int, samples: int = 48_000) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(0)) * 0.1


def beats(frames: int) -> torch.Tensor:
    """Four seconds of log-mel that swells over six frames at every beat."""
    place = torch.arange(400) % frames
    return (place.clamp(max=6) / 6 * (place < 20))[None, :, None].expand(1, 400, 32)


def test_batch_equals_single(tower: AudioTower) -> None:
    wave = noise(3)
    together = tower(wave)
    assert together.shape == (3, 8)
    alone = torch.cat([tower(row[None]) for row in wave])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_loudness_hardly_matters(tower: AudioTower) -> None:
    wave = noise(1)
    torch.testing.assert_close(tower(wave * 0.3), tower(wave), atol=0.01, rtol=0)


def test_order_in_time_matters(tower: AudioTower) -> None:
    wave = noise(1) * torch.linspace(0, 1, 48_000)
    assert (tower(wave.flip(1)) - tower(wave)).abs().max() > 1e-4


def test_rhythm_peaks_at_the_beat_and_its_multiples() -> None:
    tower = AudioTower(CONV, 8).eval()
    assert tower.rhythm is not None
    correlation = tower.rhythm.tempogram(beats(50)).mean(dim=1)[0]
    beat = tower.rhythm.lags / 50
    off_beat = (beat - beat.round()).abs() > 0.25
    assert correlation[(beat - 1).abs() < 0.06].max() > 0.3 + correlation[off_beat].max()


def test_rhythm_hears_tempo_but_not_loudness_or_place() -> None:
    tower = AudioTower(CONV, 8).eval()
    assert tower.rhythm is not None
    slow, fast = beats(50), beats(37)
    same, moved, faster = tower.rhythm.tempogram(torch.cat((slow, slow.roll(20, 1) / 2, fast)))
    torch.testing.assert_close(moved, same, atol=0.15, rtol=0)
    assert (faster - same).abs().max() > 0.4


def test_silence_is_finite(tower: AudioTower) -> None:
    assert tower(torch.zeros(1, 48_000)).isfinite().all()


def test_every_weight_learns(tower: AudioTower) -> None:
    tower.train()(noise(2), torch.Generator().manual_seed(0)).square().sum().backward()
    idle = [name for name, p in tower.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


def test_clips_shorter_than_the_position_table_fit(tower: AudioTower) -> None:
    assert tower(noise(1, 1_000)).shape == (1, 8)


def test_spec_augment_needs_training_and_a_generator() -> None:
    tower, wave = AudioTower(dataclasses.replace(PATCH, dropout=0.0), 8), noise(2)
    plain = tower.train()(wave)
    masked = tower(wave, torch.Generator().manual_seed(0))
    assert not torch.allclose(masked, plain)
    assert torch.equal(tower(wave, torch.Generator().manual_seed(0)), masked)
    torch.testing.assert_close(tower.eval()(wave, torch.Generator().manual_seed(0)), plain)


def test_spec_augment_hides_at_most_what_it_says() -> None:
    mel = torch.ones(64, 100, 32)
    masked = spec_augment(mel, 8, 20, torch.Generator().manual_seed(0))
    bands = (masked == 0).all(dim=1).sum(dim=1)
    stretches = (masked == 0).all(dim=2).sum(dim=1)
    assert 0 < bands.max() <= 8
    assert 0 < stretches.max() <= 20
    assert bands.unique().numel() > 3  # each clip has its own


def test_the_paper_reads_12_by_99_patches() -> None:
    assert AudioTowerConfig().grid == (12, 99)


def test_impossible_configurations_are_refused() -> None:
    with pytest.raises(UserError, match="stem"):
        dataclasses.replace(PATCH, stem="wavelet")
    with pytest.raises(UserError, match="multiple of 5 heads"):
        dataclasses.replace(PATCH, heads=5)
    with pytest.raises(UserError, match="patch"):
        dataclasses.replace(PATCH, bins=8)
    with pytest.raises(UserError, match="rhythm"):
        dataclasses.replace(PATCH, bins=30, rhythm_lags=8)
    with pytest.raises(UserError, match="conv stem"):
        dataclasses.replace(CONV, bins=36)


def test_curves_are_smooth_bounded_and_unlike() -> None:
    curves = smooth_curves(50, 64, 10.0, torch.Generator().manual_seed(0))
    assert curves.shape == (50, 1, 64)
    nats = 10.0 / 8.686
    assert 0.9 * nats < curves.abs().max() <= nats
    assert curves.diff(dim=-1).abs().max() < 2.1 * nats * 6 / 63  # no steeper than its points
    assert (curves[0] - curves[1]).abs().max() > 0.1


def test_range_is_scaled_and_the_softest_is_hidden() -> None:
    mel = torch.randn(200, 30, 8, generator=torch.Generator().manual_seed(0)) * 2.0
    draw = torch.Generator().manual_seed(1)
    scaled = other_range(mel, 0.2, 0.0, draw).std(dim=(1, 2)) / mel.std(dim=(1, 2))
    assert 0.81 < scaled.min() < 0.9 and 1.1 < scaled.max() < 1.23
    lowest = other_range(mel, 0.0, 1.0, draw).amin(dim=(1, 2))
    assert -2.0 <= lowest.min() < -1.8 and -1.2 < lowest.max() <= -1.0
    assert other_range(mel, 0.0, 0.0, draw) is mel


def test_other_timbres_are_for_training_only(tower: AudioTower) -> None:
    config = dataclasses.replace(
        tower.config, equalised=12.0, dropout=0.0, masked_bins=0, masked_frames=0
    )
    other = AudioTower(config, 8).eval()
    wave = noise(2)
    plain = other(wave)
    torch.testing.assert_close(other(wave, torch.Generator()), plain)
    heard = other.train()(wave, torch.Generator().manual_seed(0))
    assert (heard - plain).abs().max() > 1e-3
    with pytest.raises(UserError, match="must not be negative"):
        dataclasses.replace(tower.config, equalised=-1.0)


def test_harmony_tells_the_mode_whatever_the_key() -> None:
    torch.manual_seed(0)
    harmony = AudioTower(CONV, 8).eval().harmony
    assert harmony is not None
    major = torch.tensor([1.0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0])
    minor = torch.tensor([1.0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0])

    def told(classes: torch.Tensor) -> torch.Tensor:
        return harmony(classes.repeat(1, 20, 7))

    torch.testing.assert_close(told(major.roll(5)), told(major))
    assert (told(major) - told(minor)).norm() > 1e-3


def test_harmony_hears_chords_and_not_only_their_sum() -> None:
    torch.manual_seed(0)
    harmony = AudioTower(CONV, 8).eval().harmony
    assert harmony is not None
    tonic = torch.tensor([1.0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0]).repeat(7)
    chords = torch.stack([tonic, tonic.view(7, 12).roll(5, dims=-1).flatten()])
    held = chords.repeat_interleave(CHORD_FRAMES, dim=0)
    blurred = chords.mean(dim=0).expand(len(held), -1)
    assert (harmony(held[None]) - harmony(blurred[None])).norm() > 1e-3


@pytest.mark.parametrize("frames", [1, 20])
def test_harmony_learns_beside_silence(frames: int) -> None:
    harmony = AudioTower(CONV, 8).train().harmony
    assert harmony is not None
    harmony(torch.zeros(2, frames, 84)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in harmony.parameters())


def test_a_head_begins_as_nothing() -> None:
    with_head = AudioTower(dataclasses.replace(CONV, head_hidden=16), 8).eval()
    without = AudioTower(CONV, 8).eval()
    weights = with_head.state_dict()
    without.load_state_dict({n: x for n, x in weights.items() if not n.startswith("head.")})
    torch.testing.assert_close(with_head(noise(2)), without(noise(2)))
    with pytest.raises(UserError, match="head_hidden"):
        dataclasses.replace(CONV, head_hidden=-1)


def test_without_harmony_only_mel_bins_are_heard() -> None:
    tower = AudioTower(dataclasses.replace(CONV, harmony=False), 8).eval()
    assert tower.spectrogram(noise(1)).shape[-1] == tower.config.heard == CONV.bins
    assert AudioTower(CONV, 8).spectrogram(noise(1)).shape[-1] == CONV.heard == CONV.bins + 84
