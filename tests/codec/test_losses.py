"""Losses are zero where they must be, grow with the fault, and cut where the paper cuts."""

import math

import pytest
import torch

from musiclm.codec.losses import (
    WINDOWS,
    choose_windows,
    discriminator_hinge,
    feature_matching,
    generator_hinge,
    log_mel_distance,
    mutual_correlation,
    reconstruction_losses,
    si_snr,
)


def noise(seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(2, 1, 12_000, generator=torch.Generator().manual_seed(seed))


def test_windows_are_the_papers() -> None:
    assert tuple(2**k for k in range(6, 12)) == WINDOWS


def test_reconstruction_grows_with_the_noise() -> None:
    real = noise()
    totals = []
    for amount in (0.0, 0.1, 0.5):
        losses = reconstruction_losses(real, real + amount * noise(1))
        assert set(losses) == {"mel", "log_mel"}
        totals.append(losses["mel"].item() + losses["log_mel"].item())
    assert totals[0] < 0.01
    assert totals[0] < totals[1] < totals[2]


def test_reconstruction_is_a_mean() -> None:
    real, fake = noise(), noise(1)
    once = reconstruction_losses(real, fake)
    twice = reconstruction_losses(torch.cat([real, real]), torch.cat([fake, fake]))
    for name, value in once.items():
        torch.testing.assert_close(twice[name], value)


def test_gradients_are_finite_when_both_are_silent_or_equal() -> None:
    for real in (torch.zeros(1, 1, 4800), noise()):
        fake = real.clone().requires_grad_()
        sum(reconstruction_losses(real, fake).values()).backward()
        assert fake.grad is not None and fake.grad.isfinite().all()


def test_log_mel_distance_of_a_gain_is_its_logarithm() -> None:
    real = noise()
    assert log_mel_distance(real, real).max() == 0
    expected = torch.full((2,), math.log(2.0))
    torch.testing.assert_close(log_mel_distance(real, real / 2), expected, atol=0.01, rtol=0)


def test_a_distance_taken_in_inference_mode_does_not_spoil_training() -> None:
    with torch.inference_mode():
        log_mel_distance(noise(), noise(1), windows=(128,))
    fake = noise(1).requires_grad_()
    reconstruction_losses(noise(), fake, windows=(128,))["mel"].backward()
    assert fake.grad is not None


def test_chosen_windows_are_few_and_all_come_up() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = [choose_windows(2, generator) for _ in range(50)]
    assert all(len(set(draw)) == 2 for draw in draws)
    assert {window for draw in draws for window in draw} == set(WINDOWS)


def test_si_snr_ignores_gain_and_measures_noise() -> None:
    real = noise()
    fake = real + 0.1 * noise(1)
    torch.testing.assert_close(si_snr(real, fake), torch.full((2,), 20.0), atol=0.5, rtol=0)
    torch.testing.assert_close(si_snr(real, 3 * fake), si_snr(real, fake), atol=0.01, rtol=0)


def test_correlation_is_one_along_a_line_and_nothing_for_noise() -> None:
    line = torch.randn(4, 200, 1, generator=torch.Generator().manual_seed(0))
    assert mutual_correlation(line * torch.tensor([1.0, -2.0, 5.0])) == pytest.approx(1.0, abs=1e-3)
    assert mutual_correlation(torch.randn(4, 500, 8)) < 0.01
    assert mutual_correlation(torch.zeros(1, 4, 8)) == 0


def test_correlation_ignores_gain_and_offset() -> None:
    vectors = torch.randn(2, 50, 4) @ torch.randn(4, 4)
    moved = 3.0 * vectors + torch.arange(4.0)
    torch.testing.assert_close(mutual_correlation(moved), mutual_correlation(vectors))


def test_hinges_stop_at_one() -> None:
    sure = [torch.full((1, 1, 4), 2.0)]
    unsure = [torch.zeros(1, 1, 4)]
    assert discriminator_hinge(sure, [-sure[0]]) == 0
    assert discriminator_hinge(unsure, unsure) == pytest.approx(2.0)
    assert generator_hinge(sure) == 0
    assert generator_hinge(unsure) == pytest.approx(1.0)


def test_feature_matching_is_relative_to_each_layer() -> None:
    real = [[torch.ones(1, 2, 3), 100 * torch.ones(1, 2, 3)]]
    fake = [[1.1 * layer for layer in real[0]]]
    assert feature_matching(real, real) == 0
    assert feature_matching(real, fake) == pytest.approx(0.1, rel=1e-3)
