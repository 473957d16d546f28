"""A stream is the whole file, cut up: the same codes, the same samples, and no more memory."""

import dataclasses

import pytest
import torch

from musiclm.codec.causal import CausalConv, CausalTransposedConv, Chain, Memory
from musiclm.codec.seanet import SeanetConfig
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig
from musiclm.codec.spectral import SpectralConfig
from musiclm.codec.streaming import DecoderStream, EncoderStream
from musiclm.errors import UserError

SEANET = SoundStreamConfig(seanet=SeanetConfig(channels=2, dimension=16), codebook_size=32)
SIZES = {
    "dimension": 16,
    "encoder_width": 16,
    "encoder_depth": 2,
    "decoder_width": 16,
    "decoder_depth": 2,
    "fine_depth": 2,
}
CODES = {"codebook_size": 32, "code_dim": 8, "cosine": True}
CAUSAL = SpectralConfig(**SIZES, causal=True)
SPECTRAL = SoundStreamConfig(network="spectral", spectral=CAUSAL, **CODES)
EACH = pytest.mark.parametrize("config", [SEANET, SPECTRAL], ids=["seanet", "spectral"])


def tiny(config: SoundStreamConfig) -> SoundStream:
    torch.manual_seed(0)
    return SoundStream(config).eval()


def sound(b: int = 1, t: int = 480 * 12 + 123) -> torch.Tensor:
    time = torch.arange(t) / 24_000
    tones = 0.3 * torch.sin(2 * torch.pi * 220.0 * (1 + torch.arange(b))[:, None] * time)
    return (tones + 0.1 * torch.randn(b, t, generator=torch.Generator().manual_seed(1)))[:, None]


def cut(x: torch.Tensor, sizes: list[int], dim: int) -> list[torch.Tensor]:
    """Pieces of these sizes, over and over, to the end."""
    pieces, place = [], 0
    while place < x.shape[dim]:
        size = min(sizes[len(pieces) % len(sizes)], x.shape[dim] - place)
        pieces.append(x.narrow(dim, place, size))
        place += size
    return pieces


def through(stream: EncoderStream | DecoderStream, pieces: list[torch.Tensor], dim: int):
    return torch.cat([*(stream.push(piece) for piece in pieces), stream.finish()], dim=dim)


@EACH
@pytest.mark.parametrize("sizes", [[480], [1, 700, 37, 0, 1000], [100_000]])
def test_codes_of_a_stream_are_those_of_the_whole_file(
    config: SoundStreamConfig, sizes: list[int]
) -> None:
    codec, wave = tiny(config), sound(2)
    whole = codec.encode(wave)
    assert whole.unique().numel() > 10
    assert torch.equal(through(EncoderStream(codec), cut(wave, sizes, -1), 1), whole)


@EACH
@pytest.mark.parametrize("sizes", [[1], [3, 0, 7], [100]])
def test_samples_of_a_stream_are_those_of_the_whole_file(
    config: SoundStreamConfig, sizes: list[int]
) -> None:
    codec = tiny(config)
    codes = torch.randint(32, (2, 11, 12), generator=torch.Generator().manual_seed(0))
    whole = codec.decode(codes)
    back = through(DecoderStream(codec), cut(codes, sizes, 1), -1)
    assert back.shape == whole.shape
    torch.testing.assert_close(back, whole, atol=1e-5 * float(whole.abs().max()), rtol=0)


@EACH
def test_there_and_back_lags_by_the_latency_and_no_more(config: SoundStreamConfig) -> None:
    codec, wave = tiny(config), sound(t=480 * 6)
    encoder, decoder = EncoderStream(codec), DecoderStream(codec)
    given, done, returned = 0, 0, []
    for piece in cut(wave, [479, 1], -1):
        given += piece.shape[-1]
        assert given - done <= config.latency
        returned.append(decoder.push(encoder.push(piece)))
        done += returned[-1].shape[-1]
        assert done == max(0, given // 480 * 480 - config.delay)
    whole = codec.decode(codec.encode(wave))
    torch.testing.assert_close(
        torch.cat(returned, dim=-1), whole[..., :done], atol=1e-5 * float(whole.abs().max()), rtol=0
    )


def test_latency_is_one_frame_and_for_the_spectral_network_the_overlap_of_its_transforms() -> None:
    assert (SEANET.latency, SEANET.delay) == (480, 0)
    assert (SPECTRAL.latency, SPECTRAL.delay) == (840, 360)


@EACH
def test_memory_does_not_grow(config: SoundStreamConfig) -> None:
    codec = tiny(config)
    encoder, decoder = EncoderStream(codec), DecoderStream(codec)
    sizes = []
    for length in (480, 960, 480, 9600, 480):
        decoder.push(encoder.push(torch.randn(1, 1, length)))
        sizes.append((encoder.bytes, decoder.bytes, len(encoder.memory.past)))
    assert len(set(sizes)) == 1
    assert 0 < encoder.bytes < 100_000 and 0 < decoder.bytes < 100_000


@EACH
def test_two_streams_of_one_codec_do_not_meet(config: SoundStreamConfig) -> None:
    codec, wave = tiny(config), sound(2)
    first, second = EncoderStream(codec), EncoderStream(codec)
    ours, theirs = [], []
    for piece in wave.split(1000, dim=-1):
        ours.append(first.push(piece[:1]))
        theirs.append(second.push(piece[1:]))
    ours.append(first.finish())
    theirs.append(second.finish())
    together = torch.cat([torch.cat(ours, dim=1), torch.cat(theirs, dim=1)])
    assert torch.equal(together, codec.encode(wave))


@EACH
def test_a_finished_stream_starts_afresh(config: SoundStreamConfig) -> None:
    codec, wave = tiny(config), sound()
    encoder, decoder = EncoderStream(codec), DecoderStream(codec)
    codes = [through(encoder, [wave], 1) for _ in range(2)]
    waves = [through(decoder, [part], -1) for part in codes]
    assert torch.equal(*codes)
    assert torch.equal(*waves)


@EACH
def test_levels_and_prefixes_stream_too(config: SoundStreamConfig) -> None:
    codec, wave = tiny(config), sound()
    codes = through(EncoderStream(codec, levels=4), [wave], 1)
    assert torch.equal(codes, codec.encode(wave, levels=4))
    back = through(DecoderStream(codec), [codes], -1)
    torch.testing.assert_close(back, codec.decode(codes), atol=1e-5, rtol=1e-4)


@EACH
def test_the_future_changes_neither_codes_nor_finished_samples(config: SoundStreamConfig) -> None:
    codec, wave = tiny(config), sound(t=480 * 20)
    other = torch.cat([wave[..., :4800], torch.randn(1, 1, 4800)], dim=-1)
    codes, others = codec.encode(wave), codec.encode(other)
    assert torch.equal(codes[:, :10], others[:, :10])
    assert not torch.equal(codes[:, 10:], others[:, 10:])
    safe = 4800 - config.delay
    torch.testing.assert_close(codec.decode(codes)[..., :safe], codec.decode(others)[..., :safe])


def test_a_codec_that_hears_the_future_is_refused() -> None:
    blind = dataclasses.replace(CAUSAL, causal=False)
    codec = tiny(dataclasses.replace(SPECTRAL, spectral=blind))
    for stream in (EncoderStream, DecoderStream):
        with pytest.raises(UserError, match="causal = true"):
            stream(codec)


def test_a_stream_says_what_is_wrong() -> None:
    codec = tiny(SEANET)
    encoder, decoder = EncoderStream(codec), DecoderStream(codec)
    for stream in (encoder, decoder):
        with pytest.raises(UserError, match="nothing was pushed"):
            stream.finish()
    decoder.push(encoder.push(torch.zeros(2, 1, 500)))
    with pytest.raises(UserError, match="2 sounds at once, not 1"):
        encoder.push(torch.zeros(1, 1, 500))
    with pytest.raises(UserError, match="2 sounds at once, not 1"):
        decoder.push(torch.zeros(1, 1, 12, dtype=torch.int64))


def test_layers_of_every_stride_and_dilation_stream() -> None:
    torch.manual_seed(0)
    chain = Chain(
        CausalConv(2, 3, 4, stride=2),
        CausalConv(3, 3, 3, dilation=9),
        CausalConv(3, 3, 1),
        torch.nn.ELU(),
        CausalTransposedConv(3, 2, 5),
    )
    x, memory = torch.randn(2, 2, 60), Memory()
    parts = [chain(part, memory) for part in cut(x, [2, 10, 4], -1)]
    torch.testing.assert_close(torch.cat(parts, dim=-1), chain(x), atol=1e-5, rtol=1e-5)
    assert memory.bytes == 4 * 2 * (2 * 2 + 3 * 18 + 3 * 0 + 3 * 1)
