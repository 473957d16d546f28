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
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from musiclm.codec.causal import Memory
from musiclm.codec.denoise import Film
from musiclm.codec.losses import mutual_correlation
from musiclm.codec.principal import PrincipalConfig, PrincipalDecoder, PrincipalEncoder
from musiclm.codec.seanet import SeanetConfig, SeanetDecoder, SeanetEncoder
from musiclm.codec.spectral import SpectralConfig, SpectralDecoder, SpectralEncoder
from musiclm.errors import UserError
from musiclm.nn.quantize import ResidualVQ

NETWORKS = ("seanet", "spectral", "principal")


@dataclass(frozen=True)
class SoundStreamConfig:
    """The codec of MusicLM."""

    sample_rate: int = 24_000
    levels: int = 12
    codebook_size: int = 1024
    network: str = "seanet"  # the paper's; "spectral" and "principal" are ours, for CPUs
    seanet: SeanetConfig = SeanetConfig()
    spectral: SpectralConfig = SpectralConfig()
    principal: PrincipalConfig = PrincipalConfig()
    code_dim: int | None = None  # factorised codes of this width; None: the paper's
    cosine: bool = False  # choose codes by direction alone; not in the paper
    decay: float = 0.99  # of the codebooks' moving averages
    revive_below: float = 2.0  # vectors per batch below which a code is replaced
    quantiser_dropout: float = 1.0  # share of examples coded with the first n levels only
    denoise: bool = False  # with a switch that leaves out noise (section III-F)

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.network not in NETWORKS:
            raise ValueError(f"network is one of {', '.join(NETWORKS)}, not {self.network!r}")
        if self.network == "spectral" and self.hop % (2 * self.spectral.short_frames):
            raise ValueError(f"hop {self.hop} does not divide into the frames of the short window")

    @property
    def net(self) -> SeanetConfig | SpectralConfig | PrincipalConfig:
        """Of the network that is chosen."""
        if self.network == "seanet":
            return self.seanet
        return self.spectral if self.network == "spectral" else self.principal

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
        return isinstance(self.net, SeanetConfig) or self.net.causal

    @property
    def delay(self) -> int:
        """Samples by which a stream's output lags behind the frames that it was given."""
        return 0 if isinstance(self.net, SeanetConfig) else self.net.delay

    @property
    def latency(self) -> int:
        """Samples from the first of a frame going in to its coming out: a frame and the delay."""
        return self.hop + self.delay

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
    magnitude: Float[Tensor, ""] | None = None  # error of those that the decoder aimed at, if any
    log_magnitude: Float[Tensor, "b m f"] | None = None  # those themselves


class SoundStream(nn.Module):
    """The codec: a second of sound is 50 frames, each of 12 codes, the first the coarsest."""

    def __init__(self, config: SoundStreamConfig):
        super().__init__()
        self.config = config
        self.encoder: SeanetEncoder | SpectralEncoder | PrincipalEncoder
        self.decoder: SeanetDecoder | SpectralDecoder | PrincipalDecoder
        if config.network == "seanet":
            self.encoder = SeanetEncoder(config.seanet)
            self.decoder = SeanetDecoder(config.seanet)
        elif config.network == "spectral":
            self.encoder = SpectralEncoder(config.spectral, config.sample_rate)
            self.decoder = SpectralDecoder(config.spectral)
        else:
            self.encoder = PrincipalEncoder(config.principal, config.sample_rate)
            self.decoder = PrincipalDecoder(config.principal, config.sample_rate)
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
        inside = config.network == "principal"
        width = config.principal.encoder_width if inside else config.dimension
        self.film = Film(width) if config.denoise else None

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
            return self.encoder(wave, memory).float()
        switch = torch.as_tensor(denoise, device=wave.device).expand(len(wave))
        film = partial(self.film, switch=switch)
        if isinstance(self.encoder, PrincipalEncoder):
            return self.encoder(wave, memory, film).float()
        return film(self.encoder(wave, memory).float())

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

    def forward(
        self,
        wave: Float[Tensor, "b 1 t"],
        generator: torch.Generator | None = None,
        denoise: bool | Bool[Tensor, " b"] = False,
    ) -> SoundStreamOutput:
        """There and back, with gradients; the generator drops levels and revives codes."""
        vectors = self.embed(wave, denoise)
        quantised = self.quantiser(vectors, generator)
        misfit, log_magnitude = None, None
        if isinstance(self.decoder, PrincipalDecoder):
            log_magnitude, phase = self.decoder.spectrum(quantised.vectors)
            back = self.decoder.sound(log_magnitude, phase)
            misfit = self.decoder.misfit(log_magnitude, self._whole(wave))
        else:
            back = self.decoder(quantised.vectors)
        return SoundStreamOutput(
            back[..., : wave.shape[-1]],
            quantised.codes,
            quantised.commitment,
            mutual_correlation(vectors),
            misfit,
            log_magnitude,
        )

    @torch.no_grad()
    def fit(self, waves: Iterable[Float[Tensor, "b 1 t"]], generator: torch.Generator) -> None:
        """Start the principal network from music: components, then code books of their residuals.

        Other networks start from their random numbers, and this does nothing.
        """
        if not isinstance(self.encoder, PrincipalEncoder):
            return
        assert isinstance(self.decoder, PrincipalDecoder)
        heard = [self.encoder.log_mel(self._whole(wave)) for wave in waves]
        frames = torch.cat([rearrange(mel, "b n m -> (b n) m") for mel in heard])
        self.encoder.fit(frames)
        self.decoder.fit(self.encoder, frames)
        if self.config.code_dim is not None:
            return  # factorised codes start from their first batch
        vectors = (frames - self.encoder.mean) @ self.encoder.basis
        self.quantiser.fit(vectors, heard[0].shape[:2].numel(), generator)

    def _whole(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b 1 whole"]:
        return F.pad(wave, (0, -wave.shape[-1] % self.config.hop))
