"""The Frechet distance: right by closed forms and by scipy, and it hears damage."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from musiclm.audio import SAMPLE_RATE
from musiclm.evaluate.frechet import Frechet, Gaussian, audible, embed, frechet, gaussian, interval
from musiclm.evaluate.judge import load_judge
from musiclm.evaluate.sound import load

RNG = np.random.default_rng


def by_scipy(one: Gaussian, other: Gaussian) -> float:
    shared = scipy.linalg.sqrtm(one.covariance @ other.covariance)
    apart = np.square(one.mean - other.mean).sum()
    return float(apart + np.trace(one.covariance + other.covariance - 2 * np.real(shared)))


@pytest.mark.parametrize("size", [1, 2, 16, 64])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_what_scipy_makes_of_the_definition(size, seed):
    rng = RNG(seed)
    mixed = rng.standard_normal((size, size)) / math.sqrt(size)
    one = gaussian(rng.standard_normal((40 + 4 * size, size)))
    other = gaussian(rng.standard_normal((40 + 4 * size, size)) @ mixed + 0.3)
    assert frechet(one, other) == pytest.approx(by_scipy(one, other), abs=1e-6)
    assert frechet(one, other) == pytest.approx(frechet(other, one), abs=1e-9)


def test_closed_forms():
    rng = RNG(0)
    covariance = gaussian(rng.standard_normal((200, 8))).covariance
    here = Gaussian(np.zeros(8), covariance)
    moved = Gaussian(np.full(8, 0.5), covariance)
    assert frechet(here, here) == pytest.approx(0.0, abs=1e-9)
    assert frechet(here, moved) == pytest.approx(8 * 0.25, abs=1e-9)
    wider = Gaussian(np.zeros(8), 9.0 * covariance)  # tr(C) (3 - 1)^2
    assert frechet(here, wider) == pytest.approx(4.0 * np.trace(covariance), rel=1e-9)
    one, other = rng.uniform(0.1, 4.0, (2, 8))  # commuting: the distance of the deviations
    a, b = Gaussian(np.zeros(8), np.diag(one)), Gaussian(np.zeros(8), np.diag(other))
    assert frechet(a, b) == pytest.approx(np.square(np.sqrt(one) - np.sqrt(other)).sum(), rel=1e-9)


def test_fewer_examples_than_dimensions_give_a_number_and_shrinkage_helps():
    few, many = RNG(0).standard_normal((20, 50)), RNG(1).standard_normal((5000, 50))
    raw, drawn = gaussian(few), gaussian(few, shrinkage=0.5)
    assert np.isfinite(frechet(raw, gaussian(many)))
    assert np.trace(raw.covariance) == pytest.approx(np.trace(drawn.covariance))
    assert frechet(drawn, gaussian(many)) < 0.5 * frechet(raw, gaussian(many))


def test_the_first_draw_is_the_distance_of_all_windows_that_sound():
    rng = RNG(0)
    real, made = rng.standard_normal((2, 70, 3, 5))
    made = 1.5 * made + 0.2
    heard = rng.random((70, 3)) < 0.7
    draws = Frechet(real, heard, resamples=50).draws(made)
    assert len(draws) == 51
    direct = frechet(gaussian(real[heard]), gaussian(made[heard]))
    assert draws[0] == pytest.approx(direct, abs=1e-9)
    told = interval(draws, 70)
    assert told.low < told.value < told.high and told.n == 70


def test_an_interval_narrows_with_more_clips_and_differences_may_be_negative():
    rng = RNG(0)
    real = rng.standard_normal((160, 4, 3))
    near, far = real + 0.1, 1.3 * real + 0.2 * rng.standard_normal(real.shape)

    def both(clips):
        heard = np.ones((clips, 4), dtype=bool)
        frechets = Frechet(real[:clips], heard, resamples=100)
        return frechets.draws(near[:clips]), frechets.draws(far[:clips])

    width = {}
    for clips in (20, 160):
        closer, further = both(clips)
        width[clips] = interval(further, clips).high - interval(further, clips).low
    assert width[160] < 0.6 * width[20]
    apart = interval(closer - further, 160, least=-np.inf)
    assert apart.low < apart.value < apart.high < 0.0


def test_seconds_of_silence_do_not_count():
    wave = torch.zeros(1, 1, 3 * SAMPLE_RATE)
    wave[..., SAMPLE_RATE : 2 * SAMPLE_RATE] = 0.1
    wave[..., 2 * SAMPLE_RATE :] = 1e-4
    assert audible(wave).tolist() == [[False, True, False]]


def noisy(wave, level):
    noise = torch.randn(wave.shape, generator=torch.Generator().manual_seed(0))
    return wave + level * wave.square().mean(dim=-1, keepdim=True).sqrt() * noise


def muffled(wave, hertz):
    spectrum = torch.fft.rfft(wave)
    frequency = torch.linspace(0.0, SAMPLE_RATE / 2, spectrum.shape[-1])
    return torch.fft.irfft(spectrum / (1.0 + (frequency / hertz) ** 8), n=wave.shape[-1])


def quantised(wave, bits):
    return (wave * 2 ** (bits - 1)).round() / 2 ** (bits - 1)


@pytest.mark.parametrize(
    ("damage", "strengths"),
    [
        (noisy, (0.01, 0.03, 0.1, 0.3)),
        (muffled, (8000.0, 4000.0, 2000.0, 1000.0)),
        (quantised, (12, 8, 6, 4)),
    ],
)
def test_the_judge_hears_more_damage_as_more(corpus, damage, strengths):
    judge, wave = load_judge(), load(corpus[36:48], 4.0)
    real = embed(judge, wave)
    assert real.shape == (12, 4, 192)
    frechets = Frechet(real, audible(wave), resamples=0)
    told = [frechets.draws(embed(judge, damage(wave, s)))[0] for s in strengths]
    assert told[0] > 0.0
    assert all(b > a for a, b in zip(told, told[1:], strict=False)), told
