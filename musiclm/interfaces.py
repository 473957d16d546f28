"""What any codec, semantic tokenizer and joint embedding must offer to stand in MusicLM's figure.

Structural: nothing needs to inherit from these.
"""

from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor


class Codec(Protocol):
    """Waveform <-> acoustic tokens (SoundStream)."""

    def encode(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b n q"]:
        """Residual quantiser ids, 50 frames of 12 levels a second."""
        ...

    def decode(self, codes: Int[Tensor, "b n q"]) -> Float[Tensor, "b 1 t"]:
        """Sound again; fewer levels give coarser sound."""
        ...


class SemanticTokenizer(Protocol):
    """Waveform -> semantic tokens (w2v-BERT and k-means)."""

    def tokenize(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b n"]:
        """25 ids a second."""
        ...


class JointEmbedding(Protocol):
    """Text or waveform -> tokens of one shared space (MuLan)."""

    def tokenize_audio(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b q"]:
        """12 ids for a whole clip."""
        ...

    def tokenize_text(self, texts: list[str]) -> Int[Tensor, "b q"]:
        """12 ids for each sentence, of the same quantiser."""
        ...
