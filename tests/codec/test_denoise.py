"""The denoising switch: absent unless asked for, the identity at first, and it learns its job."""

import dataclasses

import pytest
import torch
from small_networks import SMALL_SPECTRAL

from musiclm.codec.denoise import Film, mix_noise
from musiclm.codec.losses import reconstruction_losses
from musiclm.codec.seanet import SeanetConfig
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig
from musiclm.errors import UserError

PLAIN = SoundStreamConfig(
    network="spectral",
    levels=4,
    codebook_size=64,
    spectral=SMALL_SPECTRAL,
)
SWITCHED = dataclasses.replace(PLAIN, denoise=True)


def tones(b: int, t: int = 4800) -> torch.Tensor:
    time = torch.arange(t) / 24_000
    pitch = 220.0 * 2 ** (torch.arange(b) / 3)
    return (0.3 * torch.sin(2 * torch.pi * pitch[:, None] * time))[:, None]


def test_without_the_option_there_are_no_new_parameters_and_the_switch_is_refused() -> None:
    torch.manual_seed(0)
    plain, switched = SoundStream(PLAIN), SoundStream(SWITCHED)
    assert set(switched.state_dict()) - set(plain.state_dict()) == {"film.linear.weight"}
    with pytest.raises(UserError, match="denois"):
        plain.encode(tones(1), denoise=True)


def test_the_switch_starts_as_the_identity() -> None:
    torch.manual_seed(0)
    codec = SoundStream(SWITCHED).eval()
    wave = tones(2)
    assert torch.equal(codec.embed(wave, True), codec.embed(wave, False))
    assert torch.equal(codec.embed(wave), codec.encoder(wave))


def test_each_example_has_its_own_switch() -> None:
    film = Film(3)
    torch.nn.init.normal_(film.linear.weight)
    x = torch.randn(2, 5, 3)
    mixed = film(x, torch.tensor([True, False]))
    assert torch.equal(mixed[0], film(x[:1], torch.tensor([True]))[0])
    assert torch.equal(mixed[1], film(x[1:], torch.tensor([False]))[0])
    assert not torch.allclose(film(x, torch.tensor([True, True]))[1], mixed[1])


def test_a_mixed_batch_has_every_kind_of_example_and_the_right_target() -> None:
    wave = tones(1).expand(200, 1, -1)
    mixed = mix_noise(wave, torch.Generator().manual_seed(0))
    noise = mixed.wave - wave
    noisy = noise.square().sum(dim=(1, 2)) > 0
    kinds = {(bool(n), bool(d)) for n, d in zip(noisy, mixed.denoise, strict=True)}
    assert len(kinds) == 4
    assert torch.equal(mixed.target[mixed.denoise], wave[mixed.denoise])
    assert torch.equal(mixed.target[~mixed.denoise], mixed.wave[~mixed.denoise])
    power = wave.square().mean(dim=(1, 2)) / noise.square().mean(dim=(1, 2))
    snr = 10 * power[noisy].log10()
    assert snr.min() > -0.01 and snr.max() < 20.01 and snr.max() - snr.min() > 15
    again = mix_noise(wave, torch.Generator().manual_seed(0))
    assert torch.equal(again.wave, mixed.wave)


def test_silence_stays_silent() -> None:
    mixed = mix_noise(torch.zeros(8, 1, 480), torch.Generator().manual_seed(0))
    assert mixed.wave.abs().max() == 0


@pytest.mark.parametrize("network", ["seanet", "spectral"])
def test_either_network_takes_the_switch(network: str) -> None:
    config = dataclasses.replace(
        SWITCHED, network=network, seanet=SeanetConfig(channels=2, dimension=16)
    )
    output = SoundStream(config)(tones(4), denoise=torch.tensor([True, False, True, False]))
    output.wave.square().mean().backward()
    assert output.wave.shape == (4, 1, 4800)


def test_it_learns_to_leave_out_the_noise_when_asked_and_to_keep_it_when_not() -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    codec = SoundStream(SWITCHED)
    codec.fit((mix_noise(tones(8, 2400), generator).wave for _ in range(20)), generator)
    optimiser = torch.optim.Adam(codec.parameters(), lr=4e-3)
    for _ in range(110):
        mixed = mix_noise(tones(8, 2400), generator)
        output = codec(mixed.wave, generator, mixed.denoise)
        losses = reconstruction_losses(mixed.target, output.wave, windows=(256, 1024))
        optimiser.zero_grad()
        (losses["mel"] + losses["log_mel"] + 0.25 * output.commitment).backward()
        optimiser.step()

    codec.eval()
    clean = tones(8)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=generator)

    def distance(denoise: bool, target: torch.Tensor) -> float:
        back = codec.decode(codec.encode(noisy, denoise=denoise))
        return reconstruction_losses(target, back, windows=(256, 1024))["log_mel"].item()

    to_clean = {switch: distance(switch, clean) for switch in (True, False)}
    to_noisy = {switch: distance(switch, noisy) for switch in (True, False)}
    assert to_clean[True] < 0.6 * to_clean[False]
    assert to_noisy[False] < 0.6 * to_noisy[True]
