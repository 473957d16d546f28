"""Waveform to codes and back, by either network."""

import dataclasses

import pytest
import torch
from small_networks import SMALL_SPECTRAL

from musiclm.codec.losses import reconstruction_losses
from musiclm.codec.seanet import SeanetConfig
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig

SEANET = SoundStreamConfig(seanet=SeanetConfig(channels=2, dimension=16), codebook_size=32)
SPECTRAL = SoundStreamConfig(
    network="spectral",
    codebook_size=32,
    code_dim=8,
    cosine=True,
    spectral=SMALL_SPECTRAL,
)
BOTH = pytest.mark.parametrize("config", [SEANET, SPECTRAL], ids=["seanet", "spectral"])


def tiny(config: SoundStreamConfig) -> SoundStream:
    torch.manual_seed(0)
    return SoundStream(config)


def tones(b: int = 4, t: int = 4800) -> torch.Tensor:
    time = torch.arange(t) / 24_000
    pitch = 220.0 * 2 ** (torch.arange(b) / 3)
    return (0.3 * torch.sin(2 * torch.pi * pitch[:, None] * time))[:, None]


@BOTH
def test_a_second_is_600_tokens(config: SoundStreamConfig) -> None:
    codes = tiny(config).eval().encode(torch.randn(2, 1, 24_000))
    assert codes.shape == (2, 50, 12)
    assert codes.dtype == torch.int64
    assert codes.min() >= 0 and codes.max() < config.codebook_size


@BOTH
@pytest.mark.parametrize("samples", [1, 479, 480, 481, 1234])
def test_any_length_is_covered_by_whole_frames(config: SoundStreamConfig, samples: int) -> None:
    codec = tiny(config).eval()
    frames = -(-samples // 480)
    codes = codec.encode(torch.randn(1, 1, samples))
    assert codes.shape == (1, frames, 12)
    assert codec.decode(codes).shape == (1, 1, 480 * frames)
    assert codec(torch.randn(1, 1, samples)).wave.shape == (1, 1, samples)


@BOTH
def test_fewer_levels_are_a_prefix_and_still_decode(config: SoundStreamConfig) -> None:
    codec = tiny(config).eval()
    wave = torch.randn(1, 1, 2400)
    codes = codec.encode(wave)
    assert torch.equal(codec.encode(wave, levels=4), codes[..., :4])
    coarse, full = codec.decode(codes[..., :4]), codec.decode(codes)
    assert coarse.shape == full.shape
    assert not torch.allclose(coarse, full)


@BOTH
def test_forward_is_encode_then_decode(config: SoundStreamConfig) -> None:
    codec = tiny(config).eval()
    wave = torch.randn(2, 1, 2400)
    output = codec(wave)
    assert torch.equal(output.codes, codec.encode(wave))
    torch.testing.assert_close(output.wave, codec.decode(output.codes), atol=1e-4, rtol=1e-4)


@BOTH
def test_examples_of_a_batch_do_not_meet(config: SoundStreamConfig) -> None:
    codec = tiny(config).eval()
    wave = torch.randn(3, 1, 2400)
    torch.testing.assert_close(codec.embed(wave)[1:2], codec.embed(wave[1:2]))


def test_the_future_does_not_change_earlier_codes_of_the_papers_network() -> None:
    codec = tiny(SEANET).eval()
    wave = torch.randn(1, 1, 4800)
    other = torch.cat([wave[..., :2400], torch.randn(1, 1, 2400)], dim=-1)
    assert torch.equal(codec.encode(wave)[:, :5], codec.encode(other)[:, :5])


@BOTH
def test_one_batch_is_learnt(config: SoundStreamConfig) -> None:
    codec = tiny(dataclasses.replace(config, levels=4))
    optimiser = torch.optim.Adam(codec.parameters(), lr=4e-3)
    generator = torch.Generator().manual_seed(0)
    wave = tones()
    history = []
    for _ in range(40):
        output = codec(wave, generator)
        losses = reconstruction_losses(wave, output.wave, windows=(256, 1024))
        history.append(losses["log_mel"].item())
        optimiser.zero_grad()
        (losses["mel"] + losses["log_mel"] + 0.25 * output.commitment).backward()
        optimiser.step()
    assert sum(history[-5:]) < 0.6 * sum(history[:5])


def test_paper_defaults_build_without_memory() -> None:
    config = SoundStreamConfig()
    with torch.device("meta"):
        codec = SoundStream(config)
    assert sum(p.numel() for p in codec.parameters()) == 8_413_441
    assert (config.hop, config.frame_rate, config.bitrate) == (480, 50.0, 6000.0)


def test_the_cpu_network_has_the_same_rates_and_builds_without_memory() -> None:
    config = SoundStreamConfig(network="spectral", code_dim=12, cosine=True)
    with torch.device("meta"):
        codec = SoundStream(config)
    assert (config.hop, config.frame_rate, config.bitrate) == (480, 50.0, 6000.0)
    assert 4e6 < sum(p.numel() for p in codec.parameters()) < 6e6


def test_an_unknown_network_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="wavenet"):
        SoundStreamConfig(network="wavenet")
