"""Texts of a set of clips, and what a frozen text encoder makes of them, computed once.

A batch names texts by number, so that it is tensors only.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from musiclm.checkpoint import load_tensors, save_tensors
from musiclm.corpus.contradict import KINDS, contradiction, first_rivals
from musiclm.corpus.tags import MODES, tags
from musiclm.data.manifest import Clip
from musiclm.device import autocast
from musiclm.errors import UserError
from musiclm.mulan.mulan import MuLan

NEEDED = {"texture", "instruments", "families", "drums", "bpm", "tempo_class", "moods"}


class Captions:
    """All texts of all clips in one list; those of one clip, named by its id, stand together."""

    def __init__(self, told: Mapping[str, Sequence[str]]):
        counts = [len(texts) for texts in told.values()]
        firsts = np.cumsum([0, *counts[:-1]])
        self.texts = [text for texts in told.values() for text in texts]
        self.places = {
            id: (int(first), count) for id, first, count in zip(told, firsts, counts, strict=True)
        }
        self.features: Float[Tensor, "n f"] | None = None

    def draw(self, clips: Sequence[Clip], rng: np.random.Generator) -> Int[Tensor, " b"]:
        """The number of a random text of each clip."""
        shares = rng.random(len(clips))
        places = [self.places[clip.id] for clip in clips]
        numbers = [first + int(s * n) for (first, n), s in zip(places, shares, strict=True)]
        return torch.tensor(numbers, dtype=torch.long)

    def embed(self, model: MuLan, numbers: Int[Tensor, " b"]) -> Float[Tensor, "b d"]:
        """Unit vectors of texts, with gradients to whatever of the text tower is trained."""
        device = next(model.parameters()).device
        if self.features is not None:
            return model.embed_text_features(self.features[numbers.cpu()].to(device))
        return model.embed_text([self.texts[number] for number in numbers.tolist()])

    @torch.no_grad()
    def compute(self, model: MuLan, folder: Path | None) -> None:
        """Features of all texts from the frozen encoder, kept in `folder` for next time."""
        digest = hashlib.sha256("\0".join([repr(model.config.text), *self.texts]).encode())
        path = folder / f"captions-{digest.hexdigest()[:16]}.safetensors" if folder else None
        if path and path.exists():
            self.features = load_tensors(path)[0]["features"]
            return
        # All at once, since the tower sorts by length; in bfloat16 it is twice as fast on a CPU.
        with autocast(next(model.parameters()).device, "bf16"):
            self.features = model.text_features(list(self.texts)).float().cpu()
        if path:
            save_tensors(path, {"features": self.features})


def captions_of(clips: Sequence[Clip]) -> Captions:
    """What is said of each clip."""
    return Captions({clip.id: clip.captions for clip in clips})


def labelled(clip: Clip) -> bool:
    """Whether a clip has labels of our corpus, which say what is true of it and what is not."""
    return clip.labels.keys() >= NEEDED


class Tags:
    """All tags that fit some of the clips, and which fit each; labels are those of our corpus."""

    def __init__(self, clips: Sequence[Clip]):
        fitting = {clip.id: tags(clip.labels) for clip in clips}
        names = sorted(set().union(*fitting.values()))
        self.told = Captions({name: (name,) for name in names})
        place = {name: i for i, name in enumerate(names)}
        self.places = {id: [place[name] for name in fits] for id, fits in fitting.items()}
        moods = {str(mood) for clip in clips for mood in clip.labels["moods"]}
        # What harmony tells: the numbers of the tags that name a mode, and of those of a mood.
        groups = ([place[name] for name in names if name in told] for told in (set(MODES), moods))
        self.harmonic = [group for group in groups if group]

    def fits(self, clips: Sequence[Clip]) -> Bool[Tensor, "b k"]:
        """Which tags are true of which clips."""
        table = torch.zeros(len(clips), len(self.told.texts), dtype=torch.bool)
        for row, clip in zip(table, clips, strict=True):
            row[self.places[clip.id]] = True
        return table


def contradictions_of(clips: Sequence[Clip], each: int, seed: int) -> tuple[Captions, Captions]:
    """`each` captions of every clip that are true, and as many that are untrue in one fact.

    Of three, the first is about any fact; the second about the mode or a mood, which are the
    hardest to hear; the third is a pair of long descriptions that are alike but for the fact.
    Labels are those of our corpus. The seed chooses; captions of one number belong together.
    """
    right: dict[str, list[str]] = {}
    wrong: dict[str, list[str]] = {}
    for number, clip in enumerate(clips):
        rng = np.random.default_rng((seed, 3, number))
        pairs = [_pair(clip, k, rng) for k in range(each)]
        right[clip.id] = [pair[0] for pair in pairs]
        wrong[clip.id] = [pair[1] for pair in pairs]
    return Captions(right), Captions(wrong)


def _pair(clip: Clip, number: int, rng: np.random.Generator) -> tuple[str, str]:
    if number % 3 == 1:
        with suppress(UserError):
            return contradiction(clip.labels, rng, kinds=("mode", "mood"))[:2]
    if number % 3 == 2:
        rivals = first_rivals(clip.labels, rng, rng.permutation(KINDS).tolist())
        if rivals:
            return rivals[:2]
    return contradiction(clip.labels, rng)[:2]
