"""The principal network: transforms that invert, phases that agree, a codec before any training."""

import math

import pytest
import torch
from torch import Tensor

from musiclm.codec.frames import Stft
from musiclm.codec.losses import log_mel_distance
from musiclm.codec.principal import (
    PrincipalConfig,
    PrincipalDecoder,
    PrincipalEncoder,
    refine,
)
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig

SMALL = PrincipalConfig(
    bins=40,
    dimension=24,
    encoder_width=8,
    encoder_depth=1,
    decoder_width=8,
    decoder_depth=1,
    fine_depth=1,
)
TINY = PrincipalConfig(
    dimension=8, encoder_width=8, encoder_depth=1, decoder_width=8, decoder_depth=1, fine_depth=1
)


def tones(seconds: float, count: int, seed: int = 0) -> Tensor:
    """Waves [b 1 t] of three partials each, swelling and fading."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(round(24_000 * seconds)) / 24_000
    pitch = 80.0 * 2 ** (4 * torch.rand(count, 3, 1, generator=generator))
    swell = 1 + torch.sin(2 * math.pi * 3 * time + 6 * torch.rand(count, 3, 1, generator=generator))
    return (0.1 * swell * torch.sin(2 * math.pi * pitch * time)).sum(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def fitted() -> SoundStream:
    torch.manual_seed(0)
    config = SoundStreamConfig(network="principal", principal=SMALL, levels=6, codebook_size=64)
    codec = SoundStream(config)
    codec.fit(tones(1.0, 40).split(8), torch.Generator().manual_seed(0))
    return codec.eval()


def test_a_transform_is_undone_by_its_inverse() -> None:
    stft = Stft(960, 240)
    wave = torch.randn(2, 4800, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(stft.inverse(stft(wave)), wave)


def test_rounds_bring_the_phase_nearer_to_one_that_fits() -> None:
    stft = Stft(960, 240)
    magnitude = stft(tones(0.5, 2)[:, 0]).abs()
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.polar(magnitude, 6.28 * torch.rand(magnitude.shape, generator=generator))
    misfits = []
    for rounds in (0, 2, 8):
        heard = stft(stft.inverse(refine(stft, magnitude, spectrum, rounds))).abs()
        misfits.append(float((heard - magnitude).norm() / magnitude.norm()))
    assert misfits[0] > 1.5 * misfits[1] > 1.5 * misfits[2]


def test_components_are_orthonormal_and_ordered_by_how_much_they_tell(fitted: SoundStream) -> None:
    assert isinstance(fitted.encoder, PrincipalEncoder)
    basis = fitted.encoder.basis
    torch.testing.assert_close(basis.T @ basis, torch.eye(24), atol=1e-4, rtol=0)
    mel = fitted.encoder.log_mel(tones(1.0, 40)).flatten(0, 1)
    spread = ((mel - fitted.encoder.mean) @ basis).std(dim=0)
    assert (spread[:-1] >= 0.99 * spread[1:]).all()


def test_it_is_a_codec_before_any_gradient_and_each_level_brings_it_nearer(
    fitted: SoundStream,
) -> None:
    heard = tones(1.0, 8, seed=1)
    codes = fitted.encode(heard)
    distances = [
        float(log_mel_distance(heard, fitted.decode(codes[..., :q])).mean()) for q in (1, 2, 6)
    ]
    other = float(log_mel_distance(heard, heard.roll(1, dims=0)).mean())
    assert other > 1.3 * distances[0] > 1.3 * distances[1] > 1.3 * distances[2]


def test_other_networks_do_not_start_from_music() -> None:
    codec = SoundStream(SoundStreamConfig(network="seanet"))
    before = {name: tensor.clone() for name, tensor in codec.state_dict().items()}
    codec.fit(iter([tones(0.1, 1)]), torch.Generator().manual_seed(0))
    assert all(torch.equal(before[name], tensor) for name, tensor in codec.state_dict().items())


def test_magnitudes_that_are_those_of_the_wave_fit_it() -> None:
    decoder = PrincipalDecoder(SMALL, 24_000)
    wave = tones(0.2, 2)
    log_magnitude = decoder.stft(wave[:, 0]).abs().clamp_min(1e-9).log()
    assert float(decoder.misfit(log_magnitude, wave)) < 1e-4
    assert float(decoder.misfit(log_magnitude + 0.5, wave)) > 0.1


def test_mel_bins_spread_over_every_frequency() -> None:
    weights = PrincipalDecoder(SMALL, 24_000).to_frequencies
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(SMALL.fft_size // 2 + 1))
    assert (weights >= 0).all()


@pytest.mark.parametrize("wrong", [{"fft_size": 1000}, {"dimension": 257}, {"causal": True}])
def test_what_cannot_be_built_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"fft_size|rounds on the phase"):
        PrincipalConfig(**wrong)


def test_lengths_are_those_of_the_frames() -> None:
    encoder, decoder = PrincipalEncoder(TINY, 24_000), PrincipalDecoder(TINY, 24_000)
    for n in (1, 2, 7):
        vectors = encoder(torch.randn(2, 1, 480 * n))
        assert vectors.shape == (2, n, 8)
        assert decoder(vectors).shape == (2, 1, 480 * n)


def test_the_encoder_is_blind_to_polarity() -> None:
    encoder = PrincipalEncoder(TINY, 24_000)
    wave = 0.1 * torch.randn(1, 1, 4800)
    torch.testing.assert_close(encoder(wave), encoder(-wave))


def test_gradients_stay_finite_on_silence_and_on_extremes() -> None:
    encoder, decoder = PrincipalEncoder(TINY, 24_000), PrincipalDecoder(TINY, 24_000)
    for wave in (torch.zeros(1, 1, 2400), 1e4 * torch.ones(1, 1, 2400)):
        decoder(100.0 * encoder(wave)).square().mean().backward()
        for name, parameter in [*encoder.named_parameters(), *decoder.named_parameters()]:
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_autocast_keeps_the_transform_in_float32() -> None:
    decoder = PrincipalDecoder(TINY, 24_000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert decoder(torch.randn(1, 4, 8)).dtype == torch.float32
