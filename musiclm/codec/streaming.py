"""Sound to codes and back while it is still being made (SoundStream's promise, section I).

Pieces of any size go in, whole frames come out: the codes of the whole file, and its samples. What
a stream must remember is a fixed number of samples and vectors, however long it lasts.

>>> from musiclm.codec.seanet import SeanetConfig
>>> from musiclm.codec.soundstream import SoundStreamConfig
>>> codec = SoundStream(SoundStreamConfig(seanet=SeanetConfig(channels=2, dimension=8)))
>>> encoder, decoder = EncoderStream(codec), DecoderStream(codec)
>>> codes = encoder.push(torch.zeros(1, 1, 1000))
>>> codes.shape, encoder.finish().shape
(torch.Size([1, 2, 12]), torch.Size([1, 1, 12]))
>>> decoder.push(codes).shape, decoder.finish().shape
(torch.Size([1, 1, 960]), torch.Size([1, 1, 0]))
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.codec.causal import Memory
from musiclm.codec.frames import FrameDecoder
from musiclm.codec.soundstream import SoundStream
from musiclm.errors import UserError


class EncoderStream:
    """Waveform in, codes out: a frame as soon as its last sample is there."""

    def __init__(self, codec: SoundStream, levels: int | None = None, *, denoise: bool = False):
        """Codes of the first `levels` levels; `denoise` turns the switch, if the codec has one."""
        _must_be_causal(codec)
        self.codec, self.levels, self.denoise = codec, levels, denoise
        self._start()

    def _start(self) -> None:
        self.memory = Memory()
        self.waiting: Tensor | None = None  # samples of a frame that is not whole yet

    @torch.no_grad()
    def push(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b n q"]:
        """Codes of the frames that these samples complete: none, one or many."""
        if self.waiting is not None:
            _must_be_as_many(len(wave), len(self.waiting))
            wave = torch.cat([self.waiting, wave], dim=-1)
        whole = wave.shape[-1] - wave.shape[-1] % self.codec.config.hop
        self.waiting = wave[..., whole:].clone()
        return self._encode(wave[..., :whole])

    @torch.no_grad()
    def finish(self) -> Int[Tensor, "b n q"]:
        """The last frame, filled up with silence, if one was begun; then starts afresh."""
        if self.waiting is None:
            raise UserError("a stream that nothing was pushed into cannot be finished")
        codes = self._encode(self.waiting)
        self._start()
        return codes

    @property
    def bytes(self) -> int:
        """What is remembered between two pieces."""
        return self.memory.bytes + (0 if self.waiting is None else self.waiting.nbytes)

    def _encode(self, wave: Tensor) -> Tensor:
        levels = self.levels or self.codec.config.levels
        if wave.shape[-1] == 0:
            return torch.zeros(len(wave), 0, levels, dtype=torch.int64, device=wave.device)
        return self.codec.quantiser.encode(
            self.codec.embed(wave, self.denoise, self.memory), levels
        )


class DecoderStream:
    """Codes in, waveform out: all but the last `delay` samples of the frames that came."""

    def __init__(self, codec: SoundStream):
        _must_be_causal(codec)
        self.codec = codec
        self._start()

    def _start(self) -> None:
        self.memory = Memory()
        self.batch = 0  # nothing heard yet
        self.early = self.codec.config.delay  # samples before the beginning, still to be cut

    @torch.no_grad()
    def push(self, codes: Int[Tensor, "b n q"]) -> Float[Tensor, "b 1 t"]:
        """Samples that no later frame can change; any number of levels, as in a whole file."""
        if self.batch:
            _must_be_as_many(len(codes), self.batch)
        self.batch = len(codes)
        if codes.shape[1] == 0:
            return torch.zeros(len(codes), 1, 0, device=codes.device)
        return self._cut(self.codec.decoder(self.codec.quantiser.decode(codes), self.memory))

    @torch.no_grad()
    def finish(self) -> Float[Tensor, "b 1 t"]:
        """The last `delay` samples; then starts afresh."""
        if not self.batch:
            raise UserError("a stream that nothing was pushed into cannot be finished")
        decoder = self.codec.decoder
        if isinstance(decoder, FrameDecoder):
            wave = self._cut(decoder.stft.rest(self.memory)[:, None])
        else:
            wave = torch.zeros(self.batch, 1, 0, device=self.codec.quantiser.codebooks.device)
        self._start()
        return wave

    @property
    def bytes(self) -> int:
        """What is remembered between two pieces."""
        return self.memory.bytes

    def _cut(self, wave: Tensor) -> Tensor:
        early, self.early = self.early, max(0, self.early - wave.shape[-1])
        return wave[..., early:]


def _must_be_causal(codec: SoundStream) -> None:
    if not codec.config.causal:
        raise UserError(
            f"this codec cannot stream, for its {codec.config.network} network hears the future:"
            " train one with network = 'seanet', or 'spectral' with causal = true"
        )


def _must_be_as_many(now: int, before: int) -> None:
    if now != before:
        raise UserError(f"this stream carries {before} sounds at once, not {now}")
