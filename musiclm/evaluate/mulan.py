"""Claim: a sentence finds its clip (MuLan section 4; MusicLM section 3.1).

Retrieval among held-out pairs, tags put as sentences, captions that contradict the clip or only
reword what is known of it, and agreement of the tokens of audio and text (generation is asked with
text tokens after learning from audio tokens).

    figures = mulan(tokenizer, read_manifest("corpus"))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.corpus.contradict import LONG
from musiclm.data.manifest import Clip
from musiclm.device import autocast
from musiclm.errors import UserError
from musiclm.evaluate.intervals import Estimate, share
from musiclm.evaluate.labels import TEMPOS, drums_of, family_of, tempo_of
from musiclm.evaluate.mulan_pictures import draw
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.retrieval import chance_row, recall_row
from musiclm.evaluate.sound import Progress, chunks, held_out, load, quiet, sample, soundfonts
from musiclm.evaluate.texts import denial_rows, reworded_rows, rival_rows
from musiclm.evaluate.zero_shot import (
    DRUMS,
    TEMPO,
    Embed,
    area_rows,
    areas,
    mood_tags,
    questions,
)
from musiclm.mulan.tokenizer import MuLanTokenizer

NOTES = (
    "a caption that also fits other clips of the set cannot always find its own",
    "through tokens: both sides replaced by their 12 decoded MuLan tokens",
    "area: under the ROC curve of a tag's sentences over all clips, mean over the tags of a group "
    "that fit at least 10 clips; chance is 0.5; n is tags; by the towers' cosine, and centred: as "
    "the quantiser sees both",
    "right caption over a contradicting one: each names the fact that they differ in; of a few of "
    "either kind the two most alike; mood and mode are one change, told by mood words or by name",
    "near: cosine of the tokens of a clip and of its caption, both decoded up to that level",
)


_SOLO = ("solo {}", "{} alone")


@dataclass(frozen=True)
class Heard:
    """What the evaluation compares: clips, their sound and their captions."""

    tokenizer: MuLanTokenizer
    clips: Sequence[Clip]
    audio: Float[Tensor, "n d"]  # as the tower gives it
    text: Float[Tensor, "n d"]  # of a caption of each, drawn at random
    seed: int

    @property
    def centred(self) -> Float[Tensor, "n d"]:
        """Audio in the quantiser's space."""
        return self.tokenizer.centre_audio(self.audio.to(self.tokenizer.audio_mean.device)).cpu()

    def embed(self, texts: Sequence[str]) -> Float[Tensor, "n d"]:
        """Sentences as the text tower gives them."""
        return embed_texts(self.tokenizer, texts)

    def centre(self, text: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Text in the quantiser's space."""
        return self.tokenizer.centre_text(text.to(self.tokenizer.text_mean.device)).cpu()

    def tokens(self, text: Float[Tensor, "n d"]) -> Int[Tensor, "n q"]:
        """Of text."""
        return self._codes(self.centre(text)).cpu()

    def through(self, centred: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """What the tokens keep."""
        return self.tokenizer.decode(self._codes(centred)).cpu()

    def _codes(self, centred: Float[Tensor, "n d"]) -> Int[Tensor, "n q"]:
        return self.tokenizer.tokenize_embeddings(centred.to(self.tokenizer.codebooks.device))


def mulan(
    tokenizer: MuLanTokenizer,
    clips: Sequence[Clip],
    *,
    pairs: int = 1000,
    seed: int = 0,
    batch: int = 4,
    pictures: Path | None = None,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Everything asked of MuLan, on `pairs` held-out clips.

    `pictures` is the path of the report that they illustrate; they lie beside it.
    """
    chosen, splits = _pairs(clips, pairs, seed)
    rng = np.random.default_rng(seed)
    captions = [str(rng.choice(clip.captions)) for clip in chosen]
    audio = embed_clips(tokenizer, chosen, batch, progress)
    heard = Heard(tokenizer, chosen, audio, embed_texts(tokenizer, captions), seed)
    embed = cache(heard.embed)  # the same sentences are asked of both spaces
    groups = _areas(chosen, audio, embed)
    centred = _areas(chosen, heard.centred, lambda texts: heard.centre(embed(tuple(texts))))
    tags = [
        line | row(name, centred=centred[name]["mean"])
        for name, group in groups.items()
        for line in area_rows(name, group)
    ]
    rivals = rival_rows(heard.embed, chosen, audio, seed)
    reworded = reworded_rows(heard.embed, heard.tokens, chosen, audio, seed)
    tables = [
        table("Retrieval", _recall_rows(heard)),
        table("Zero-shot tags", tags),
        table("Zero-shot tags, one by one", _tag_rows(groups)),
        table("Zero-shot, the nearest of a few sentences", _accuracy_rows(heard)),
        table("The right caption over a contradicting one", rivals),
        table("A caption reworded", reworded),
        table("A sentence and its denial", denial_rows(heard.embed, chosen, audio)),
        table("Tokens of a clip and of its caption", _agreement_rows(heard)),
    ]
    unlike = len(set(captions))
    about = (
        f"{len(chosen)} clips of the {' and '.join(splits)} split, a caption of each "
        f"({unlike} of them different)"
    )
    played = soundfonts(chosen)
    about += f", soundfont {' and '.join(played)}" if played else ""
    figures = report("mulan", about, [one for one in tables if one["rows"]], NOTES)
    return figures | draw(figures, pictures) if pictures else figures


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
    with autocast(tokenizer.codebooks.device, "bf16"):  # as in training; twice as fast on a CPU
        features = tokenizer.mulan.text_features(list(texts))
    return tokenizer.mulan.embed_text_features(features.float()).float().cpu()


def _recall_rows(heard: Heard) -> list[dict[str, Any]]:
    audio, text = heard.audio, heard.text
    told = heard.centre(text)
    rows = [
        recall_row("text to audio", text, audio),
        recall_row("audio to text", audio, text),
        recall_row("text to audio, centred", told, heard.centred),
        recall_row(
            "text to audio, through tokens", heard.through(told), heard.through(heard.centred)
        ),
    ]
    if all(len(clip.captions) > LONG for clip in heard.clips):
        long = embed_texts(heard.tokenizer, [clip.captions[LONG] for clip in heard.clips])
        rows.append(recall_row("text to audio, long captions only", long, audio))
    return [*rows, chance_row(len(audio))]


def _areas(
    clips: Sequence[Clip], audio: Float[Tensor, "n d"], embed: Embed
) -> dict[str, dict[str, Estimate]]:
    groups = questions() | {"mood words": mood_tags(clips)}
    return {name: areas(embed, clips, audio, tags) for name, tags in groups.items()}


def _tag_rows(groups: dict[str, dict[str, Estimate]]) -> list[dict[str, Any]]:
    """Tag by tag; n is how many clips it fits."""
    return [
        row(f"{group}: {name}", area=found)
        for group, tags in groups.items()
        for name, found in tags.items()
        if name != "mean" and not group.endswith("held out")
    ]


def _accuracy_rows(heard: Heard) -> list[dict[str, Any]]:
    """The class whose sentences, averaged, lie nearest to the clip."""
    families = questions()["instrument families"]
    names = [tag.sentences[::2] for tag in families]
    solos = [[form.format(name) for name in all_ for form in _SOLO] for all_ in names]
    rows = []
    for question, answer, sentences, answers in (
        ("drums", drums_of, DRUMS, ("absent", "present")),
        ("tempo class", tempo_of, TEMPO, TEMPOS),
        ("family of solos", family_of, solos, [tag.name for tag in families]),
    ):
        told = torch.stack([heard.centre(heard.embed(group)).mean(dim=0) for group in sentences])
        known = [i for i, clip in enumerate(heard.clips) if answer(clip) is not None]
        if not known:
            continue
        judged = (heard.centred[known] @ F.normalize(told, dim=-1).T).argmax(dim=1)
        true = torch.tensor([answer(heard.clips[i]) for i in known])
        commonest = float(true.bincount().max()) / len(known)
        accuracy = share((judged == true).numpy())
        rows.append(row(question, accuracy=accuracy, chance=1 / len(answers), commonest=commonest))
    return rows


def _agreement_rows(heard: Heard) -> list[dict[str, Any]]:
    device = heard.tokenizer.audio_mean.device
    agreement = heard.tokenizer.agreement(heard.audio.to(device), heard.text.to(device))
    rows = [
        row(f"level {level}", codes=len(book), same_token=same, chance=chance, near=near)
        for level, (book, same, chance, near) in enumerate(
            zip(
                heard.tokenizer.books,
                agreement.share,
                agreement.chance,
                agreement.near,
                strict=True,
            ),
            start=1,
        )
    ]
    return [*rows, row("audio with decoded text tokens", near=agreement.cosine)]
