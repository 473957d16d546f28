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
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.codec.losses import mutual_correlation
from musiclm.codec.seanet import SeanetConfig, SeanetDecoder, SeanetEncoder
from musiclm.codec.spectral import SpectralConfig, SpectralDecoder, SpectralEncoder
from musiclm.nn.quantize import ResidualVQ


@dataclass(frozen=True)
class SoundStreamConfig:
    """The codec of MusicLM."""

    sample_rate: int = 24_000
    levels: int = 12
    codebook_size: int = 1024
    network: str = "seanet"  # the paper's; "spectral" is ours, for CPUs
    seanet: SeanetConfig = SeanetConfig()
    spectral: SpectralConfig = SpectralConfig()
    code_dim: int | None = None  # factorised codes of this width; None: the paper's
    cosine: bool = False  # choose codes by direction alone; not in the paper
    decay: float = 0.99  # of the codebooks' moving averages
    revive_below: float = 2.0  # vectors per batch below which a code is replaced
    quantiser_dropout: float = 1.0  # share of examples coded with the first n levels only

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.network not in ("seanet", "spectral"):
            raise ValueError(f"network is 'seanet' or 'spectral', not {self.network!r}")
        if self.network == "spectral" and self.hop % (2 * self.spectral.short_frames):
            raise ValueError(f"hop {self.hop} does not divide into the frames of the short window")

    @property
    def hop(self) -> int:
        """Samples of one frame."""
        return self.seanet.hop if self.network == "seanet" else self.spectral.hop

    @property
    def dimension(self) -> int:
        """Width of the vectors that are quantised."""
        return self.seanet.dimension if self.network == "seanet" else self.spectral.dimension

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop

    @property
    def bitrate(self) -> float:
        """Bits a second with all levels."""
        return self.frame_rate * self.levels * math.log2(self.codebook_size)


@dataclass(frozen=True)
class SoundStreamOutput:
    """A waveform that went through the codec, and what it became on the way."""

    wave: Float[Tensor, "b 1 t"]
    codes: Int[Tensor, "b n q"]
    commitment: Float[Tensor, ""]
    correlation: Float[Tensor, ""]  # between the numbers of a vector before it is quantised


class SoundStream(nn.Module):
    """The codec: a second of sound is 50 frames, each of 12 codes, the first the coarsest."""

    def __init__(self, config: SoundStreamConfig):
        super().__init__()
        self.config = config
        self.encoder: SeanetEncoder | SpectralEncoder
        self.decoder: SeanetDecoder | SpectralDecoder
        if config.network == "seanet":
            self.encoder = SeanetEncoder(config.seanet)
            self.decoder = SeanetDecoder(config.seanet)
        else:
            self.encoder = SpectralEncoder(config.spectral, config.sample_rate)
            self.decoder = SpectralDecoder(config.spectral)
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

    def embed(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b n d"]:
        """The vectors before quantisation: ceil(t / hop) of them."""
        return self.encoder(F.pad(wave, (0, -wave.shape[-1] % self.config.hop))).float()

    @torch.no_grad()
    def encode(
        self, wave: Float[Tensor, "b 1 t"], levels: int | None = None
    ) -> Int[Tensor, "b n q"]:
        """Waveform -> codes of the first `levels` levels; n = ceil(t / hop)."""
        return self.quantiser.encode(self.embed(wave), levels)

    @torch.no_grad()
    def decode(self, codes: Int[Tensor, "b n q"]) -> Float[Tensor, "b 1 t"]:
        """Codes -> waveform of n * hop samples; fewer levels than all give a coarser sound."""
        return self.decoder(self.quantiser.decode(codes))

    def forward(
        self, wave: Float[Tensor, "b 1 t"], generator: torch.Generator | None = None
    ) -> SoundStreamOutput:
        """There and back, with gradients; the generator drops levels and revives codes."""
        vectors = self.embed(wave)
        quantised = self.quantiser(vectors, generator)
        back = self.decoder(quantised.vectors)[..., : wave.shape[-1]]
        return SoundStreamOutput(
            back, quantised.codes, quantised.commitment, mutual_correlation(vectors)
        )
