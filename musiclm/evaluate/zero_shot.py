"""Claim: a tag is found without having been trained as one (MuLan section 4.3).

Every tag is put as sentences, whose mean embedding is compared with every clip; the area under the
ROC curve is the chance that a clip with the tag is nearer to it than one without (0.5: chance).

>>> area([0.9, 0.8, 0.2], [True, True, False]), area([1.0, 1.0], [True, False])
(1.0, 0.5)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from musiclm.corpus.vocabulary import FAMILIES, INSTRUMENTS
from musiclm.corpus.wording import WORDINGS
from musiclm.data.manifest import Clip
from musiclm.evaluate.intervals import RESAMPLES, SEED, Estimate, tails
from musiclm.evaluate.labels import drums_of, families_of, tempo_of
from musiclm.evaluate.report import row

FEWEST = 10  # clips with a tag, and without it, for its area to mean anything
Embed = Callable[[Sequence[str]], Float[Tensor, "n d"]]  # sentences -> the clips' space

DRUMS = (
    ("music without drums", "no drums", "a piece with no percussion"),
    ("music with drums", "a drum groove", "a band with a drum kit"),
)
TEMPO = (
    ("a slow piece", "slow tempo", "slow, unhurried music"),
    ("a piece at a moderate tempo", "medium tempo", "mid-tempo music"),
    ("a fast piece", "fast tempo", "fast, quick music"),
)
_FRAMES = ("{}", "{} music", "a {} piece")


@dataclass(frozen=True)
class Tag:
    """A word that may be said of a clip, the sentences that ask for it, and whom it fits."""

    name: str
    sentences: tuple[str, ...]
    fits: Callable[[Clip], bool]


def area(scores: Sequence[float] | np.ndarray, fits: Sequence[bool] | np.ndarray) -> float:
    """The area under the ROC curve; ties count half."""
    values, inverse, counts = np.unique(
        np.asarray(scores, dtype=np.float64), return_inverse=True, return_counts=True
    )
    middle = np.cumsum(counts) - (counts - 1) / 2.0  # the mean rank of each value, from 1
    truth = np.asarray(fits, dtype=bool)
    positive, negative = int(truth.sum()), int((~truth).sum())
    above = middle[inverse][truth].sum() - positive * (positive + 1) / 2.0
    return float(above / (positive * negative))


def questions() -> dict[str, list[Tag]]:
    """The tags of each group: families, styles, moods, drums and tempo."""
    return {
        "instrument families": [_family(name) for name in FAMILIES],
        "style words": [_style(name, words) for name, words in WORDINGS["train"].styles.items()],
        "style words, held out": [
            _style(name, words) for name, words in WORDINGS["heldout"].styles.items()
        ],
        "drums": [Tag("drums", DRUMS[1], lambda clip: drums_of(clip) == 1)],
        "tempo": [_tempo(level) for level in range(len(TEMPO))],
    }


def mood_tags(clips: Sequence[Clip]) -> list[Tag]:
    """A tag for each mood word of these clips."""
    words = sorted({str(mood) for clip in clips for mood in clip.labels.get("moods", ())})
    return [_mood(word) for word in words]


def _family(family: str) -> Tag:
    names = [instrument.name for instrument in INSTRUMENTS.values() if instrument.family == family]
    sentences = [text for name in names for text in (name, f"music with a {name}")]
    return Tag(family, tuple(sentences), lambda clip: family in families_of(clip))


def _style(style: str, words: Sequence[str]) -> Tag:
    sentences = tuple(frame.format(word) for word in words for frame in _FRAMES)
    return Tag(style, sentences, lambda clip: clip.labels.get("style") == style)


def _mood(word: str) -> Tag:
    sentences = tuple(frame.format(word) for frame in _FRAMES)
    return Tag(word, sentences, lambda clip: word in clip.labels.get("moods", ()))


def _tempo(level: int) -> Tag:
    name = ("slow", "medium", "fast")[level]
    return Tag(name, TEMPO[level], lambda clip: tempo_of(clip) == level)


def areas(
    embed: Embed, clips: Sequence[Clip], heard: Float[Tensor, "n d"], tags: Sequence[Tag]
) -> dict[str, Estimate]:
    """The area of every tag that fits enough of the clips and not too many, and their "mean".

    Intervals are over clips: each resample takes the same clips for all tags.
    """
    kept, truth = [], []
    for tag in tags:
        fits = np.array([tag.fits(clip) for clip in clips])
        if FEWEST <= int(fits.sum()) <= len(clips) - FEWEST:
            kept.append(tag)
            truth.append(fits)
    if not kept:
        return {}
    told = torch.stack([embed(tag.sentences).mean(dim=0) for tag in kept])
    scores = (F.normalize(told, dim=-1) @ F.normalize(heard, dim=-1).T).double().numpy()
    fits = np.stack(truth)
    values = _each(scores, fits)
    rng = np.random.default_rng(SEED)
    drawn = (rng.integers(len(clips), size=len(clips)) for _ in range(RESAMPLES // 5))
    again = np.stack([_each(scores[:, rows], fits[:, rows]) for rows in drawn])
    whole = Estimate(float(values.mean()), *tails(np.nanmean(again, axis=1)), len(kept))
    return {"mean": whole} | {
        tag.name: Estimate(float(value), *tails(sample), int(fit.sum()))
        for tag, value, sample, fit in zip(kept, values, again.T, fits, strict=True)
    }


def area_rows(group: str, found: Mapping[str, Estimate]) -> list[dict[str, Any]]:
    """The mean of a group, and the two tags that it knows worst and best."""
    tags = sorted((name for name in found if name != "mean"), key=lambda name: found[name].value)
    worst = ", ".join(f"{name} {found[name].value:.2f}" for name in tags[:3])
    return [row(group, area=found["mean"], tags=len(tags), worst=worst)] if tags else []


def _each(scores: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """The area of each tag; not a number where a resample has lost a side."""
    known = [0 < fit.sum() < len(fit) for fit in fits]
    return np.array(
        [area(s, f) if k else np.nan for s, f, k in zip(scores, fits, known, strict=True)]
    )
