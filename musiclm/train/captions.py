"""Texts of a set of clips, and what a frozen text encoder makes of them, computed once.

A batch names texts by number, so that it is tensors only.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.checkpoint import load_tensors, save_tensors
from musiclm.corpus.contradict import contradiction
from musiclm.data.manifest import Clip
from musiclm.device import autocast
from musiclm.errors import UserError
from musiclm.mulan.mulan import MuLan


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
        return torch.tensor(numbers)

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


def contradictions_of(clips: Sequence[Clip], each: int, seed: int) -> Captions:
    """`each` captions of every clip that are untrue of it in one fact; the seed chooses them."""
    told = {}
    for number, clip in enumerate(clips):
        rng = np.random.default_rng((seed, 3, number))
        try:
            told[clip.id] = [contradiction(clip.labels, rng)[0] for _ in range(each)]
        except (KeyError, UserError) as error:
            raise UserError(
                f"mulan: cannot contradict the captions of clip {clip.id}, whose labels are not "
                f"those of our corpus ({error}); set train.mulan.task.contradictions = 0"
            ) from None
    return Captions(told)
