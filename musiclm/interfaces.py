"""What any codec, semantic tokenizer and joint embedding must offer to stand in MusicLM's figure.

Structural: nothing needs to inherit from these.
"""

from typing import Any, Protocol, runtime_checkable

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


@runtime_checkable  # the tests check the types of arguments
class SemanticTokenizer(Protocol):
    """Waveform -> semantic tokens: k-means over a layer of w2v-BERT, or over musical features."""

    centroids: Tensor  # [v d]: what the ids stand for, each a point of the clustered features

    def tokenize(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b n"]:
        """ceil(t / 960) ids below v: 25 a second."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All tensors that the ids depend on, by name; stages are pinned to their fingerprint."""
        ...


class JointEmbedding(Protocol):
    """Text or waveform -> tokens of one shared space (MuLan)."""

    def tokenize_audio(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b q"]:
        """12 ids for a whole clip."""
        ...

    def tokenize_text(self, texts: list[str]) -> Int[Tensor, "b q"]:
        """12 ids for each sentence, of the same quantiser."""
        ...
