"""The magnitude network: a codec before any training, phases that make tones, pieces as a whole."""

import math

import pytest
import torch

from musiclm.codec.frames import Stft
from musiclm.codec.magnitude import (
    Analysis,
    MagnitudeConfig,
    MagnitudeDecoder,
    MagnitudeEncoder,
    misfits,
)
from musiclm.codec.phase import propagate
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig
from musiclm.errors import UserError

SMALL = MagnitudeConfig(dimension=24, decoder_width=16, decoder_depth=1, rounds=2)
CONFIG = SoundStreamConfig(network="magnitude", magnitude=SMALL, levels=6, codebook_size=64)


def notes(batch: int = 4, seconds: float = 2.0) -> torch.Tensor:
    """Notes of a scale with four partials, each struck anew and dying away."""
    time = torch.arange(round(24_000 * seconds)) / 24_000
    generator = torch.Generator().manual_seed(0)
    waves = []
    for _ in range(batch):
        wave = torch.zeros_like(time)
        for start in torch.arange(0, seconds, 0.25).tolist():
            pitch = 220.0 * 2 ** (float(torch.randint(0, 13, (), generator=generator)) / 12)
            own = (time - start).clamp_min(0)
            envelope = (time >= start) * torch.exp(-8 * own)
            wave += (
                sum(torch.sin(2 * math.pi * pitch * k * own) / k for k in range(1, 5)) * envelope
            )
        waves.append(0.1 * wave)
    return torch.stack(waves)[:, None]


@pytest.fixture(scope="module")
def fitted() -> SoundStream:
    torch.manual_seed(0)
    codec = SoundStream(CONFIG)
    codec.fit([notes()], torch.Generator().manual_seed(0))
    return codec.eval()


def strongest(wave: torch.Tensor) -> torch.Tensor:
    """Hertz of the strongest partial of a whole wave [b t]."""
    spectrum = torch.fft.rfft(wave * torch.hann_window(wave.shape[-1])).abs()
    return spectrum.argmax(-1) * 24_000 / wave.shape[-1]


@pytest.mark.parametrize("hertz", [233.1, 441.7, 1_003.3])
def test_phases_of_a_steady_tone_keep_its_pitch(hertz: float) -> None:
    """Between the bins, and not at a multiple of the frame rate."""
    stft = Stft(1920, 480)
    tone = torch.sin(2 * math.pi * hertz * torch.arange(48_000) / 24_000)[None]
    magnitude = stft(tone).abs()
    phase, _ = propagate(magnitude, 480)
    made = stft.inverse(torch.polar(magnitude, phase))
    assert abs(float(strongest(made)) - hertz) < 1.0


def test_phases_of_pieces_are_those_of_the_whole() -> None:
    magnitude = torch.rand(2, 30, 961, generator=torch.Generator().manual_seed(0))
    whole, _ = propagate(magnitude, 480)
    first, ended = propagate(magnitude[:, :11], 480)
    second, _ = propagate(magnitude[:, 11:], 480, ended)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, atol=1e-4, rtol=0)


def test_it_is_a_codec_before_any_training(fitted: SoundStream) -> None:
    """More levels are nearer to the spectra of what was heard; none is as far as silence."""
    wave = notes()
    assert isinstance(fitted.encoder, MagnitudeEncoder)
    assert isinstance(fitted.decoder, MagnitudeDecoder)
    analysis, codes = fitted.encoder.analysis, fitted.encode(wave)
    apart = [
        float(
            misfits(
                fitted.decoder.spectra(fitted.quantiser.decode(codes[..., :q])),
                analysis(wave),
                analysis,
            )["tune"]
        )
        for q in (1, 3, 6)
    ]
    assert apart[0] > apart[1] > apart[2]


def test_a_struck_note_stays_struck(fitted: SoundStream) -> None:
    """Within 20 ms of an attack the sound is as much louder as it was in the original."""
    wave = notes()
    back = fitted.decode(fitted.encode(wave))

    def rises(x: torch.Tensor) -> torch.Tensor:
        power = x[:, 0, : 48_000 // 480 * 480].unflatten(-1, (-1, 480)).square().mean(-1)
        return (power + 1e-6).log().diff(dim=-1)

    heard, there = rises(back), rises(wave)
    loud = there > there.quantile(0.93)
    assert heard[loud].mean() > 0.5 * there[loud].mean()


@pytest.mark.parametrize("frames", [1, 7, 20, 1000])
def test_pieces_are_the_whole(fitted: SoundStream, frames: int) -> None:
    codes = fitted.encode(notes(batch=2))
    whole = fitted.decode(codes)
    pieces = torch.cat(list(fitted.decode_in_pieces(codes, frames)), dim=-1)
    assert pieces.shape == whole.shape
    torch.testing.assert_close(pieces, whole, atol=1e-3, rtol=0)


def test_training_makes_no_sound_and_improves_on_the_fit() -> None:
    torch.manual_seed(0)
    codec, wave = SoundStream(CONFIG), notes()
    generator = torch.Generator().manual_seed(0)
    codec.fit([wave], generator)
    optimizer = torch.optim.AdamW(codec.parameters(), lr=2e-3)
    totals = []
    for _ in range(30):
        output = codec(wave, generator, sounding=False)
        assert output.wave is None
        total = sum(output.misfits.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(float(total))
    assert sum(totals[-5:]) < 0.9 * sum(totals[:5])


def test_rounds_may_be_changed_in_use(fitted: SoundStream) -> None:
    codes = fitted.encode(notes(batch=1))
    assert isinstance(fitted.decoder, MagnitudeDecoder)
    before = fitted.decode(codes)
    fitted.decoder.rounds = 0
    plain = fitted.decode(codes)
    fitted.decoder.rounds = SMALL.rounds
    assert not torch.allclose(plain, before)
    torch.testing.assert_close(fitted.decode(codes), before)


def test_silence_stays_silent_and_finite(fitted: SoundStream) -> None:
    back = fitted.decode(fitted.encode(torch.zeros(1, 1, 9_600)))
    assert torch.isfinite(back).all()


def test_linear_bins_are_told_one_by_one_and_higher_ones_together() -> None:
    analysis = Analysis(SMALL, 24_000)
    spectra = analysis(notes(batch=1))
    summary = analysis.summary(spectra)
    assert summary.shape == (1, 50, analysis.numbers)
    assert spectra.long.shape == (1, 100, 961) and spectra.short.shape == (1, 100, 128)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fft_size": 1000},
        {"hop": 900},
        {"rounds": -1},
        {"rounds": 1_000_000},
        {"short_size": 130},
        {"windows": 0},
        {"kernel": 6},
        {"decoder_depth": 0},
    ],
)
def test_what_cannot_be_built_is_refused(wrong: dict) -> None:
    with pytest.raises(UserError, match="codec: "):
        MagnitudeConfig(**wrong)


def test_only_this_network_is_decoded_in_pieces() -> None:
    codec = SoundStream(SoundStreamConfig(network="spectral")).eval()
    with pytest.raises(UserError, match="in pieces"):
        list(codec.decode_in_pieces(torch.zeros(1, 4, 12).long()))
