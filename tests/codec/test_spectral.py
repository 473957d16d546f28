"""The network for CPUs: lengths, resynthesis, blindness to phase."""

import torch

from musiclm.codec.frames import overlap_add
from musiclm.codec.spectral import SpectralConfig, SpectralDecoder, SpectralEncoder

TINY = SpectralConfig(
    dimension=8, encoder_width=8, encoder_depth=1, decoder_width=8, decoder_depth=1, fine_depth=1
)


def test_overlap_add_of_windows_squared_restores_a_signal() -> None:
    hop, width = 240, 960
    wave = torch.randn(1, 2400, generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(wave, (360, 360))
    window = torch.hann_window(width)
    pieces = padded.unfold(-1, width, hop) * window.square()
    weight = overlap_add(window.square().expand(1, 10, width), hop)
    torch.testing.assert_close(overlap_add(pieces, hop) / weight, wave)


def test_the_decoder_ends_where_its_frames_end() -> None:
    decoder = SpectralDecoder(TINY)
    for n in (1, 2, 7):
        wave = decoder(torch.randn(2, n, 8))
        assert wave.shape == (2, 1, 480 * n)
        assert wave.isfinite().all()


def test_the_encoder_hears_one_frame_each_hop() -> None:
    encoder = SpectralEncoder(TINY, 24_000)
    for n in (1, 2, 7):
        assert encoder(torch.randn(2, 1, 480 * n)).shape == (2, n, 8)


def test_the_encoder_is_blind_to_polarity() -> None:
    encoder = SpectralEncoder(TINY, 24_000)
    wave = 0.1 * torch.randn(1, 1, 4800)
    torch.testing.assert_close(encoder(wave), encoder(-wave))


def test_gradients_stay_finite_on_silence_and_on_extremes() -> None:
    encoder, decoder = SpectralEncoder(TINY, 24_000), SpectralDecoder(TINY)
    for wave in (torch.zeros(1, 1, 2400), 1e4 * torch.ones(1, 1, 2400)):
        decoder(100.0 * encoder(wave)).square().mean().backward()
        for name, parameter in [*encoder.named_parameters(), *decoder.named_parameters()]:
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_autocast_keeps_the_transform_in_float32() -> None:
    decoder = SpectralDecoder(TINY)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert decoder(torch.randn(1, 4, 8)).dtype == torch.float32
