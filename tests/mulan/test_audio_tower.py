"""The audio tower: both stems, SpecAugment, and indifference to loudness."""

import dataclasses

import pytest
import torch

from musiclm.errors import UserError
from musiclm.mulan.audio_tower import AudioTower, AudioTowerConfig, spec_augment

PATCH = AudioTowerConfig(bins=32, width=32, layers=2, heads=2, hidden=64, max_frames=200)
CONV = dataclasses.replace(PATCH, stem="conv", stride=(32, 16), rhythm_lags=64)


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
    correlation = tower.rhythm.correlation(beats(50)).mean(dim=1)[0]
    beat = tower.rhythm.lags / 50
    off_beat = (beat - beat.round()).abs() > 0.25
    assert correlation[(beat - 1).abs() < 0.06].max() > 0.3 + correlation[off_beat].max()


def test_rhythm_hears_tempo_but_not_loudness_or_place() -> None:
    tower = AudioTower(CONV, 8).eval()
    assert tower.rhythm is not None
    slow, fast = beats(50), beats(37)
    same, moved, faster = tower.rhythm.correlation(torch.cat((slow, slow.roll(20, 1) / 2, fast)))
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
