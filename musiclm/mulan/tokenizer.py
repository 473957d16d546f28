"""MuLan's tokens: the joint embedding through a residual quantiser of 12 x 1024 (MusicLM 3.1).

One quantiser serves both kinds of embedding: MusicLM learns from the tokens of audio and is asked
with the tokens of text. Contrastive training leaves the two kinds in separate cones of the sphere,
so each is centred on its own mean before the quantiser.

>>> from musiclm.mulan.audio_tower import AudioTowerConfig
>>> from musiclm.mulan.mulan import MuLanConfig
>>> from musiclm.mulan.text_tower import TextTowerConfig
>>> small = AudioTowerConfig(bins=32, width=16, layers=1, heads=2, hidden=32)
>>> text = TextTowerConfig(layers=1, width=16, heads=2, hidden=32, vocabulary=99)
>>> tokenizer = MuLanTokenizer(MuLan(MuLanConfig(audio=small, text=text))).eval()
>>> tokenizer.tokenize_text(["a calm piano piece"]).shape
torch.Size([1, 12])
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.errors import UserError
from musiclm.mulan.mulan import MuLan
from musiclm.nn.kmeans import kmeans, nearest

ITERATIONS = 15  # of k-means, for each level


@dataclass(frozen=True)
class Agreement:
    """How often the tokens of a clip and of its own caption coincide, for each level."""

    share: tuple[float, ...]
    chance: tuple[float, ...]  # the same for clips and captions paired at random
    cosine: float  # of the centred audio embedding with the decoded text tokens


class MuLanTokenizer(nn.Module):
    """A trained MuLan and the quantiser of its embeddings."""

    codebooks: Float[Tensor, "q v d"]
    audio_mean: Float[Tensor, " d"]
    text_mean: Float[Tensor, " d"]

    def __init__(self, mulan: MuLan) -> None:
        """Codebooks are random until `fit`."""
        super().__init__()
        self.mulan = mulan
        config = mulan.config
        dim = config.embed_dim
        books = torch.randn(config.levels, config.codes, dim) / dim**0.5
        shrink = 0.8 ** torch.arange(config.levels)
        self.register_buffer("codebooks", books * shrink[:, None, None])
        self.register_buffer("audio_mean", torch.zeros(dim))
        self.register_buffer("text_mean", torch.zeros(dim))

    @torch.no_grad()
    def tokenize_audio(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b q"]:
        """12 ids for a clip of any length."""
        return self.tokenize_embeddings(self.centre_audio(self.mulan.embed_audio(wave)))

    @torch.no_grad()
    def tokenize_text(self, texts: list[str]) -> Int[Tensor, "b q"]:
        """12 ids for a sentence, of the same quantiser."""
        return self.tokenize_embeddings(self.centre_text(self.mulan.embed_text(texts)))

    def centre_audio(self, audio: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Audio embeddings -> the quantiser's space: away from the mean of all audio."""
        return F.normalize(audio - self.audio_mean, dim=-1)

    def centre_text(self, text: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Text embeddings -> the quantiser's space: away from the mean of all text."""
        return F.normalize(text - self.text_mean, dim=-1)

    def tokenize_embeddings(self, centred: Float[Tensor, "b d"]) -> Int[Tensor, "b q"]:
        """Centred embeddings -> ids, each level on what the levels before left over."""
        residual, ids = centred.float(), []
        for book in self.codebooks:
            ids.append(nearest(residual, book))
            residual = residual - book[ids[-1]]
        return torch.stack(ids, dim=1)

    def decode(self, codes: Int[Tensor, "b q"]) -> Float[Tensor, "b d"]:
        """Ids (of the first levels or all) -> centred embeddings."""
        vectors = torch.zeros(len(codes), self.codebooks.shape[-1], device=codes.device)
        for book, ids in zip(self.codebooks, codes.unbind(dim=1), strict=False):
            vectors = vectors + book[ids]
        return vectors

    @torch.no_grad()
    def fit(
        self,
        audio: Float[Tensor, "n d"],
        text: Float[Tensor, "m d"],
        generator: torch.Generator | None = None,
    ) -> None:
        """Centre both kinds, then learn the codebooks level by level with k-means on audio.

        Text takes no part: it would get codes of its own, which no stage ever meets in training.
        """
        if not len(audio) or not len(text):
            raise UserError("fitting MuLan's quantiser needs embeddings of audio and of text")
        self.audio_mean.copy_(audio.mean(dim=0))
        self.text_mean.copy_(text.mean(dim=0))
        residual = self.centre_audio(audio).float()
        for book in self.codebooks:
            book.copy_(kmeans(residual, len(book), ITERATIONS, generator))
            residual = residual - book[nearest(residual, book)]

    @torch.no_grad()
    def agreement(self, audio: Float[Tensor, "n d"], text: Float[Tensor, "n d"]) -> Agreement:
        """Compare the tokens of paired embeddings: what generation from text lives on."""
        heard = self.centre_audio(audio)
        ours, theirs = (
            self.tokenize_embeddings(heard),
            self.tokenize_embeddings(self.centre_text(text)),
        )
        share = (ours == theirs).float().mean(dim=0)
        chance = [
            (ids.bincount(minlength=size) / len(ids))
            @ (other.bincount(minlength=size) / len(other))
            for ids, other, size in zip(
                ours.T, theirs.T, [self.codebooks.shape[1]] * ours.shape[1], strict=True
            )
        ]
        cosine = F.cosine_similarity(heard, self.decode(theirs)).mean()
        return Agreement(tuple(share.tolist()), tuple(float(c) for c in chance), float(cosine))
