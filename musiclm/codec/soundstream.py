"""SoundStream: waveform <-> acoustic tokens (Zeghidour et al. 2021; MusicLM section 3.1).

Encoder, residual vector quantiser, decoder. MusicLM's has 50 frames a second and 12 levels of 1024
codes: 600 tokens, 6 kbit, a second. `network` picks the paper's convolutions or a network of our
own that trains on a CPU; what is around it, and the tokens' rates, stay the same.

>>> codec = SoundStream(SoundStreamConfig(network="spectral")).eval()
>>> codes = codec.encode(torch.zeros(1, 1, 24_000))
>>> codes.shape, codec.decode(codes[..., :4]).shape
(torch.Size([1, 50, 12]), torch.Size([1, 1, 24000]))
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from musiclm.codec.causal import Memory
from musiclm.codec.denoise import Film
from musiclm.codec.losses import mutual_correlation
from musiclm.codec.magnitude import (
    MagnitudeConfig,
    MagnitudeDecoder,
    MagnitudeEncoder,
    Spectra,
    misfits,
)
from musiclm.codec.seanet import SeanetConfig, SeanetDecoder, SeanetEncoder
from musiclm.codec.spectral import SpectralConfig, SpectralDecoder, SpectralEncoder
from musiclm.errors import UserError
from musiclm.nn.quantize import ResidualVQ
from musiclm.tokens import Alphabet

NETWORKS = ("seanet", "spectral", "magnitude")


@dataclass(frozen=True)
class SoundStreamConfig:
    """The codec of MusicLM."""

    sample_rate: int = 24_000
    levels: int = 12
    codebook_size: int = 1024
    network: str = "seanet"  # the paper's; "spectral" and "magnitude" are ours, for CPUs
    seanet: SeanetConfig = SeanetConfig()
    spectral: SpectralConfig = SpectralConfig()
    magnitude: MagnitudeConfig = MagnitudeConfig()
    code_dim: int | None = None  # factorised codes of this width; None: the paper's
    cosine: bool = False  # choose codes by direction alone; not in the paper
    decay: float = 0.99  # of the codebooks' moving averages
    revive_below: float = 2.0  # vectors per batch below which a code is replaced
    quantiser_dropout: float = 1.0  # share of examples coded with the first n levels only
    denoise: bool = False  # with a switch that leaves out noise (section III-F)

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.network not in NETWORKS:
            raise UserError(f"codec: network is one of {', '.join(NETWORKS)}, not {self.network!r}")
        if self.network == "magnitude" and self.denoise:
            raise UserError("codec: only a network that learns from its wave can learn to denoise")
        if self.network == "spectral" and self.hop % (2 * self.spectral.short_frames):
            raise UserError(
                f"codec: hop {self.hop} does not divide into the frames of the short window"
            )

    @property
    def net(self) -> SeanetConfig | SpectralConfig | MagnitudeConfig:
        """Of the network that is chosen."""
        if self.network == "seanet":
            return self.seanet
        return self.spectral if self.network == "spectral" else self.magnitude

    @property
    def hop(self) -> int:
        """Samples of one frame."""
        return self.net.hop

    @property
    def dimension(self) -> int:
        """Width of the vectors that are quantised."""
        return self.net.dimension

    @property
    def causal(self) -> bool:
        """Whether no code and no sample depends on the future, so that it can stream."""
        spectral = isinstance(self.net, SpectralConfig) and self.net.causal
        return isinstance(self.net, SeanetConfig) or spectral

    @property
    def delay(self) -> int:
        """Samples by which a stream's output lags behind the frames that it was given."""
        return self.net.delay if isinstance(self.net, SpectralConfig) else 0

    @property
    def latency(self) -> int:
        """Samples from the first of a frame going in to its coming out: a frame and the delay."""
        return self.hop + self.delay

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop

    @property
    def alphabet(self) -> Alphabet:
        """What its tokens are."""
        if self.sample_rate % self.hop:
            raise UserError(f"codec: hop {self.hop} gives no whole number of frames a second")
        return Alphabet("acoustic", self.sample_rate // self.hop, self.levels, self.codebook_size)

    @property
    def bitrate(self) -> float:
        """Bits a second with all levels."""
        return self.frame_rate * self.levels * math.log2(self.codebook_size)


@dataclass(frozen=True)
class SoundStreamOutput:
    """A waveform that went through the codec, and what it became on the way."""

    wave: Float[Tensor, "b 1 t"] | None  # None where nothing is learned from it
    codes: Int[Tensor, "b n q"]
    commitment: Float[Tensor, ""]
    correlation: Float[Tensor, ""]  # between the numbers of a vector before it is quantised
    spectra: Spectra | None = None  # of a decoder that aims at them
    misfits: dict[str, Float[Tensor, ""]] = field(default_factory=dict)  # of those


class SoundStream(nn.Module):
    """The codec: a second of sound is 50 frames, each of 12 codes, the first the coarsest."""

    def __init__(self, config: SoundStreamConfig):
        super().__init__()
        self.config = config
        self.encoder: SeanetEncoder | SpectralEncoder | MagnitudeEncoder
        self.decoder: SeanetDecoder | SpectralDecoder | MagnitudeDecoder
        if config.network == "seanet":
            self.encoder = SeanetEncoder(config.seanet)
            self.decoder = SeanetDecoder(config.seanet)
        elif config.network == "spectral":
            self.encoder = SpectralEncoder(config.spectral, config.sample_rate)
            self.decoder = SpectralDecoder(config.spectral)
        else:
            self.encoder = MagnitudeEncoder(config.magnitude, config.sample_rate)
            self.decoder = MagnitudeDecoder(config.magnitude, config.sample_rate)
        self.quantiser = ResidualVQ(
            config.dimension,
            config.levels,
            config.codebook_size,
            code_dim=config.code_dim,
            cosine=config.cosine,
            decay=config.decay,
            revive_below=config.revive_below,
            dropout=config.quantiser_dropout,
        )
        self.film = Film(config.dimension) if config.denoise else None

    def embed(
        self,
        wave: Float[Tensor, "b 1 t"],
        denoise: bool | Bool[Tensor, " b"] = False,
        memory: Memory | None = None,
    ) -> Float[Tensor, "b n d"]:
        """The vectors before quantisation: ceil(t / hop) of them.

        `denoise` is for all or for each example; with a memory, the wave goes on from before.
        """
        wave = self._whole(wave)
        if self.film is None:
            if isinstance(denoise, Tensor) or denoise:
                raise UserError(
                    "this codec has no denoising switch: it was trained without `denoise`"
                )
            return self._encoded(wave, memory)
        switch = torch.as_tensor(denoise, device=wave.device).expand(len(wave))
        return self.film(self._encoded(wave, memory), switch)

    def _encoded(self, wave: Tensor, memory: Memory | None) -> Float[Tensor, "b n d"]:
        if isinstance(self.encoder, MagnitudeEncoder):
            return self.encoder(wave)
        return self.encoder(wave, memory).float()

    @torch.no_grad()
    def encode(
        self,
        wave: Float[Tensor, "b 1 t"],
        levels: int | None = None,
        denoise: bool | Bool[Tensor, " b"] = False,
    ) -> Int[Tensor, "b n q"]:
        """Waveform -> codes of the first `levels` levels; n = ceil(t / hop)."""
        return self.quantiser.encode(self.embed(wave, denoise), levels)

    @torch.no_grad()
    def decode(self, codes: Int[Tensor, "b n q"]) -> Float[Tensor, "b 1 t"]:
        """Codes -> waveform of n * hop samples; fewer levels than all give a coarser sound."""
        return self.decoder(self.quantiser.decode(codes))

    def decode_in_pieces(
        self, codes: Int[Tensor, "b n q"], frames: int = 50
    ) -> Iterator[Float[Tensor, "b 1 t"]]:
        """`decode`, so many frames at a time: the same samples, in bounded memory.

        A network that is causal has a stream of its own (`musiclm.codec.streaming`).
        """
        if not isinstance(self.decoder, MagnitudeDecoder):
            raise UserError("only a codec of the magnitude network is decoded in pieces")
        if frames < 1:
            raise UserError(f"a piece has at least one frame, not {frames}")
        with torch.no_grad():
            yield from self.decoder.pieces(codes, self.quantiser.decode, frames)

    def forward(
        self,
        wave: Float[Tensor, "b 1 t"],
        generator: torch.Generator | None = None,
        denoise: bool | Bool[Tensor, " b"] = False,
        sounding: bool = True,
    ) -> SoundStreamOutput:
        """There and back, with gradients; the generator drops levels and revives codes.

        A network that learns from spectra alone need not sound.
        """
        if isinstance(self.decoder, MagnitudeDecoder):
            return self._over_spectra(wave, generator, sounding)
        vectors = self.embed(wave, denoise)
        quantised = self.quantiser(vectors, generator)
        back = self.decoder(quantised.vectors)[..., : wave.shape[-1]]
        correlation = mutual_correlation(vectors)
        return SoundStreamOutput(back, quantised.codes, quantised.commitment, correlation)

    def _over_spectra(
        self, wave: Float[Tensor, "b 1 t"], generator: torch.Generator | None, sounding: bool
    ) -> SoundStreamOutput:
        """Components and code books stay as they were fitted: only the decoder learns."""
        assert isinstance(self.decoder, MagnitudeDecoder)
        assert isinstance(self.encoder, MagnitudeEncoder)
        with torch.no_grad():
            true = self.encoder.analysis(self._whole(wave))
            vectors = self.encoder.components(true)
            codes = self.quantiser.encode(vectors)
            kept = self.quantiser.decode(codes, self.quantiser.levels_kept(vectors, generator))
        told = self.decoder.spectra(kept)
        back = self.decoder.sound(told)[..., : wave.shape[-1]] if sounding else None
        none = kept.new_zeros(())
        return SoundStreamOutput(
            back, codes, none, none, told, misfits(told, true, self.encoder.analysis)
        )

    @torch.no_grad()
    def fit(self, waves: Iterable[Float[Tensor, "b 1 t"]], generator: torch.Generator) -> None:
        """Start the magnitude network from music: components, code books, and what they mean.

        Other networks start from their random numbers, and this does nothing.
        """
        if not isinstance(self.encoder, MagnitudeEncoder):
            return
        assert isinstance(self.decoder, MagnitudeDecoder)
        analysis = self.encoder.analysis
        heard = [analysis(self._whole(wave)) for wave in waves]
        summaries = torch.cat([analysis.summary(spectra) for spectra in heard])
        vectors = self.encoder.fit(summaries.flatten(0, 1)).unflatten(0, summaries.shape[:2])
        if self.config.code_dim is None:  # factorised codes start from their first batch
            rows = vectors.flatten(0, 1)
            self.quantiser.fit(rows, len(rows) // len(heard), generator)
            parts = vectors.split(32)
            vectors = torch.cat([self.quantiser.decode(self.quantiser.encode(v)) for v in parts])
        spectra = Spectra(torch.cat([h.long for h in heard]), torch.cat([h.short for h in heard]))
        self.decoder.fit(vectors, spectra)

    def _whole(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b 1 whole"]:
        return F.pad(wave, (0, -wave.shape[-1] % self.config.hop))
