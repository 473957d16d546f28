"""Claim: a sentence finds its clip (MuLan section 4; MusicLM section 3.1).

Retrieval among held-out pairs, agreement of the tokens of audio and text (generation is asked with
text tokens after learning from audio tokens), and zero-shot questions put as sentences.

    figures = mulan(tokenizer, read_manifest("corpus"))
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.corpus.vocabulary import FAMILIES, INSTRUMENTS
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.intervals import share
from musiclm.evaluate.labels import TEMPOS, drums_of, family_of, tempo_of
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import Progress, chunks, held_out, load, quiet, sample
from musiclm.mulan.tokenizer import MuLanTokenizer

RANKS = (1, 10)
DRUMS = (
    ("music without drums", "no drums", "a piece with no percussion"),
    ("music with drums", "a drum groove", "a band with a drum kit"),
)
TEMPO = (
    ("a slow piece", "slow tempo", "slow, unhurried music"),
    ("a piece at a moderate tempo", "medium tempo", "mid-tempo music"),
    ("a fast piece", "fast tempo", "fast, quick music"),
)
Asked = tuple[Callable[[Clip], int | None], Sequence[Sequence[str]], Sequence[str]]


def mulan(
    tokenizer: MuLanTokenizer,
    clips: Sequence[Clip],
    *,
    pairs: int = 500,
    seed: int = 0,
    batch: int = 4,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Recall, agreement and zero-shot accuracy on `pairs` held-out clips with a caption each."""
    chosen, splits = _pairs(clips, pairs, seed)
    rng = np.random.default_rng(seed)
    captions = [str(rng.choice(clip.captions)) for clip in chosen]
    audio = embed_clips(tokenizer, chosen, batch, progress)
    text = embed_texts(tokenizer, captions)
    unlike = len(set(captions))
    return report(
        "mulan",
        f"{len(chosen)} clips of the {' and '.join(splits)} split, a caption of each "
        f"({unlike} of them different)",
        [
            table("Retrieval", _recall_rows(tokenizer, audio, text)),
            table("Zero-shot, by sentences", _zero_shot_rows(tokenizer, chosen, audio)),
            table("Tokens of a clip and of its caption", _agreement_rows(tokenizer, audio, text)),
        ],
        [
            "a caption that also fits other clips of the set cannot always find its own",
            "through tokens: both sides replaced by their 12 decoded MuLan tokens",
        ],
    )


def _pairs(clips: Sequence[Clip], pairs: int, seed: int) -> tuple[list[Clip], list[str]]:
    told = [clip for clip in clips if clip.captions]
    splits = ["test"]
    if sum(clip.split == "test" for clip in told) < pairs:
        splits = ["valid", "test"]
    chosen = sample(held_out(told, splits), pairs, seed)
    if len(chosen) < 2:
        raise UserError("retrieval needs at least two held-out clips with captions")
    return chosen, splits


@torch.inference_mode()
def embed_clips(
    tokenizer: MuLanTokenizer, clips: Sequence[Clip], batch: int, progress: Progress = quiet
) -> Float[Tensor, "n d"]:
    """Joint embeddings of the first seconds of each recording."""
    device = tokenizer.codebooks.device
    parts: list[Tensor] = []
    for group in chunks(clips, batch):
        progress("mulan", len(parts) * batch, len(clips))
        parts.append(tokenizer.mulan.embed_audio(load(group).to(device)).float().cpu())
    return torch.cat(parts)


@torch.inference_mode()
def embed_texts(tokenizer: MuLanTokenizer, texts: Sequence[str]) -> Float[Tensor, "n d"]:
    """Joint embeddings of sentences."""
    parts = [tokenizer.mulan.embed_text(group).float().cpu() for group in chunks(texts, 64)]
    return torch.cat(parts)


def ranks(queries: Float[Tensor, "n d"], answers: Float[Tensor, "n d"]) -> Int[Tensor, " n"]:
    """How many answers lie nearer to each query than its own; an equal one counts half against it.

    >>> ranks(torch.eye(3), torch.eye(3)).tolist()
    [0, 0, 0]
    """
    similar = F.normalize(queries, dim=-1) @ F.normalize(answers, dim=-1).T
    own = similar.diagonal()[:, None]
    nearer = (similar > own + 1e-6).sum(dim=1)
    equal = ((similar - own).abs() <= 1e-6).sum(dim=1) - 1
    return nearer + (equal + 1) // 2


def _recall_rows(tokenizer: MuLanTokenizer, audio: Tensor, text: Tensor) -> list[dict[str, Any]]:
    def through(centred: Tensor) -> Tensor:
        codes = tokenizer.tokenize_embeddings(centred.to(tokenizer.codebooks.device))
        return tokenizer.decode(codes).cpu()

    centre = tokenizer.audio_mean.device
    audio_tokens = through(tokenizer.centre_audio(audio.to(centre)))
    text_tokens = through(tokenizer.centre_text(text.to(centre)))
    rows = []
    for what, queries, answers in (
        ("text to audio", text, audio),
        ("audio to text", audio, text),
        ("text to audio, through tokens", text_tokens, audio_tokens),
    ):
        found = ranks(queries, answers)
        cells = {f"recall_at_{k}": share((found < k).numpy()) for k in RANKS}
        rows.append(row(what, **cells, median_rank=int(found.median()) + 1))
    chance = {f"recall_at_{k}": min(1.0, k / len(audio)) for k in RANKS}
    rows.append(row("chance", **chance, median_rank=(len(audio) + 1) // 2))
    return rows


def _questions() -> dict[str, Asked]:
    names = [
        [f"solo {i.name}" for i in INSTRUMENTS.values() if i.family == family]
        + [f"{i.name} alone" for i in INSTRUMENTS.values() if i.family == family]
        for family in FAMILIES
    ]
    return {
        "drums": (drums_of, DRUMS, ("absent", "present")),
        "tempo class": (tempo_of, TEMPO, TEMPOS),
        "family of solos": (family_of, names, FAMILIES),
    }


def _zero_shot_rows(
    tokenizer: MuLanTokenizer, clips: Sequence[Clip], audio: Float[Tensor, "n d"]
) -> list[dict[str, Any]]:
    """The class whose sentences, averaged, lie nearest to the clip."""
    device = tokenizer.audio_mean.device
    heard = tokenizer.centre_audio(audio.to(device)).cpu()
    rows = []
    for question, (answer, sentences, names) in _questions().items():
        classes = []
        for group in sentences:
            text = embed_texts(tokenizer, group).to(device)
            classes.append(tokenizer.centre_text(text).mean(dim=0).cpu())
        known = [i for i, clip in enumerate(clips) if answer(clip) is not None]
        if not known:
            continue
        told = F.normalize(torch.stack(classes), dim=-1)
        judged = (heard[known] @ told.T).argmax(dim=1)
        true = torch.tensor([answer(clips[i]) for i in known])
        commonest = float(true.bincount().max()) / len(known)
        accuracy = share((judged == true).numpy())
        rows.append(row(question, accuracy=accuracy, chance=1 / len(names), commonest=commonest))
    return rows


def _agreement_rows(tokenizer: MuLanTokenizer, audio: Tensor, text: Tensor) -> list[dict[str, Any]]:
    device = tokenizer.audio_mean.device
    agreement = tokenizer.agreement(audio.to(device), text.to(device))
    rows = [
        row(f"level {level}", same_token=same, chance=chance)
        for level, (same, chance) in enumerate(
            zip(agreement.share, agreement.chance, strict=True), start=1
        )
    ]
    return [*rows, row("cosine of audio with decoded text tokens", same_token=agreement.cosine)]
