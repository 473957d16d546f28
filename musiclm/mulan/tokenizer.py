"""MuLan's tokens: the joint embedding through a residual quantiser of 12 x 1024 (MusicLM 3.1).

One quantiser serves both kinds of embedding: MusicLM learns from the tokens of audio and is asked
with the tokens of text. Contrastive training leaves the two kinds in separate cones of the sphere,
so each is centred on its own mean before the quantiser. A configuration may bring them nearer: few
codes at the first levels and more at each later one (`level_codes`), codes of what a clip and its
caption share (`pair_means`), and text moved to where its audio is (`text_map`).

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
RIDGE = 1e-4  # of the text map, beside the mean square of an embedding's coordinate (1 / d)


@dataclass(frozen=True)
class Agreement:
    """How often the tokens of a clip and of its own caption coincide, for each level."""

    share: tuple[float, ...]
    chance: tuple[float, ...]  # the same for clips and captions paired at random
    cosine: float  # of the centred audio embedding with the decoded text tokens
    near: tuple[float, ...] = ()  # cosine of both sides' tokens, decoded up to each level


class MuLanTokenizer(nn.Module):
    """A trained MuLan and the quantiser of its embeddings."""

    codebooks: Float[Tensor, "q v d"]
    audio_mean: Float[Tensor, " d"]
    text_mean: Float[Tensor, " d"]
    text_map: Float[Tensor, "d d"] | None

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
        self.register_buffer("text_map", torch.eye(dim) if config.text_map else None)

    @property
    def books(self) -> list[Float[Tensor, "k d"]]:
        """The codes in use at each level; rows after them are padding."""
        used = self.mulan.config.level_codes or [len(book) for book in self.codebooks]
        return [book[:count] for book, count in zip(self.codebooks, used, strict=True)]

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
        """Text embeddings -> the quantiser's space: away from the mean of all text, then mapped."""
        centred = F.normalize(text - self.text_mean, dim=-1)
        return centred if self.text_map is None else F.normalize(centred @ self.text_map, dim=-1)

    def tokenize_embeddings(self, centred: Float[Tensor, "b d"]) -> Int[Tensor, "b q"]:
        """Centred embeddings -> ids, each level on what the levels before left over."""
        residual, ids = centred.float(), []
        for book in self.books:
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
        """Centre both kinds, then learn the codebooks level by level with k-means.

        Text takes no part of its own: it would get codes that no stage ever meets in training.
        """
        config = self.mulan.config
        if not len(audio) or not len(text):
            raise UserError("fitting MuLan's quantiser needs embeddings of audio and of text")
        if (config.pair_means or config.text_map) and len(audio) != len(text):
            raise UserError("MuLan's pair_means and text_map are fitted on pairs only")
        self.audio_mean.copy_(audio.mean(dim=0))
        self.text_mean.copy_(text.mean(dim=0))
        heard = self.centre_audio(audio).float()
        if self.text_map is not None:
            self.text_map.copy_(torch.eye(len(self.text_map)))
            self.text_map.copy_(ridge_map(self.centre_text(text).float(), heard))
        residual = heard
        if config.pair_means:
            residual = F.normalize(heard + self.centre_text(text).float(), dim=-1)
        self.codebooks.zero_()
        for book in self.books:
            book.copy_(kmeans(residual, len(book), ITERATIONS, generator))
            residual = residual - book[nearest(residual, book)]

    @torch.no_grad()
    def agreement(self, audio: Float[Tensor, "n d"], text: Float[Tensor, "n d"]) -> Agreement:
        """Compare the tokens of paired embeddings: what generation from text lives on."""
        heard = self.centre_audio(audio)
        ours = self.tokenize_embeddings(heard)
        theirs = self.tokenize_embeddings(self.centre_text(text))
        share = (ours == theirs).float().mean(dim=0)
        size = self.codebooks.shape[1]
        chance = [
            (ids.bincount(minlength=size) / len(ids))
            @ (other.bincount(minlength=size) / len(other))
            for ids, other in zip(ours.T, theirs.T, strict=True)
        ]
        near = [
            float(F.cosine_similarity(self.decode(ours[:, :q]), self.decode(theirs[:, :q])).mean())
            for q in range(1, ours.shape[1] + 1)
        ]
        return Agreement(
            tuple(share.tolist()),
            tuple(float(c) for c in chance),
            float(F.cosine_similarity(heard, self.decode(theirs)).mean()),
            tuple(near),
        )


def ridge_map(
    text: Float[Tensor, "n d"], audio: Float[Tensor, "n d"], ridge: float = RIDGE
) -> Float[Tensor, "d d"]:
    """The linear map that takes the embedding of a caption nearest to that of its clip.

    >>> rows = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    >>> turned = rows.roll(1, dims=1)
    >>> bool((rows @ ridge_map(rows, turned) - turned).abs().max() < 0.1)
    True
    """
    scatter = text.T @ text / len(text) + ridge * torch.eye(text.shape[1], device=text.device)
    return torch.linalg.solve(scatter, text.T @ audio / len(text))
