"""Rows of probes: what tokens tell of whole clips and of single frames, side by side.

The first side is ours and the second the baseline; `times` says how many times as far above chance
ours is. Intervals resample clips, since the frames of a clip are not independent.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.corpus.vocabulary import FAMILIES
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.frames import WAYS
from musiclm.evaluate.intervals import Estimate, mean, redrawn, share, tails
from musiclm.evaluate.labels import (
    TEMPOS,
    drums_of,
    family_of,
    key_of,
    lead_of,
    place,
    tempo_of,
    tonic_of,
)
from musiclm.evaluate.probe import evidence, probe, weigh
from musiclm.evaluate.report import row
from musiclm.nn.kmeans import kmeans, nearest

LAGS = 75  # frames: three seconds, a bar of medium tempo
LONGEST_RUN = 8
AT_CHANCE = 0.005  # accuracy above chance that is none
FITTED, SCORED = 8, 24  # frames of a clip: those that train a probe of frames, and that judge it

# Where a probe of frames looks: single frames nearby, means of some further away.
AROUND = tuple(range(a, b) for a, b in ((-12, -6), (-6, -3), (-3, -1), (-1, 0), (0, 1))) + tuple(
    range(a, b) for a, b in ((1, 2), (2, 4), (4, 7), (7, 13))
)
PERIOD = tuple(range(start, start + 2) for start in range(-15, 15, 2))
NEAR = tuple(range(offset, offset + 1) for offset in range(-3, 4))
SPANS = {"melody": AROUND, "chord": AROUND, "beat": PERIOD, "onset": NEAR}
BALANCED = ("onset",)  # as many frames with as without are asked about

CLIP_QUESTIONS: dict[str, tuple[Callable[[Clip], int | None], int]] = {
    "drums": (drums_of, 2),
    "tempo class": (tempo_of, len(TEMPOS)),
    "tonic": (tonic_of, 12),
    "key": (key_of, 24),
    "family of solos": (family_of, len(FAMILIES)),
    "family of the melody": (lead_of, len(FAMILIES)),
}


class Tokens(NamedTuple):
    """One side: ids, and where the clusters lie that they name."""

    ids: Int[Tensor, "b n"]
    centroids: Float[Tensor, "k d"]


class Frames(NamedTuple):
    """A side without tokens: what they might have been made of."""

    values: Float[Tensor, "b n d"]


Sides = Mapping[str, Tokens | Frames]


def clip_rows(sides: Sides, clips: Sequence[Clip], learned: int) -> list[dict[str, Any]]:
    """One row a question about whole clips; the first `learned` clips train the probes."""
    views = {name: _of_clips(side) for name, side in sides.items()}
    rows = []
    for question, (answer, ways) in (CLIP_QUESTIONS | _styles(clips)).items():
        answers = [answer(clip) for clip in clips]
        if len({one for one in answers[:learned] if one is not None}) < 2:
            rows.append(row(question, chance="not measured: the corpus has one answer or none"))
            continue
        known = torch.tensor([one is not None for one in answers])
        first = torch.arange(len(clips)) < learned
        fit, score = known & first, known & ~first
        if not score.any():
            raise UserError(f"no test clip is labelled with {question}")
        numbers = torch.tensor([-1 if one is None else one for one in answers])
        hits = {
            name: probe(view[fit], numbers[fit], view[score], numbers[score]).float().numpy()
            for name, view in views.items()
        }
        usual = (numbers[score] == numbers[fit].bincount().argmax()).float().numpy()
        rows.append(_row(question, ways, hits, usual))
    return rows


def frame_rows(
    sides: Sides, facts: Mapping[str, Int[Tensor, "b n"]], learned: int, seed: int = 0
) -> list[dict[str, Any]]:
    """One row a question about frames; half of the `learned` clips give the evidence of tokens."""
    rows = []
    for question, answers in facts.items():
        generator = torch.Generator().manual_seed(seed)
        balanced = question in BALANCED
        fit = frames_of(answers, range(learned // 2, learned), FITTED, balanced, generator)
        score = frames_of(answers, range(learned, len(answers)), SCORED, balanced, generator)
        if not len(fit) or not len(score):
            rows.append(row(question, chance="not measured: no such ground truth"))
            continue
        right, wanted = answers[tuple(fit.T)], answers[tuple(score.T)]
        hits = {}
        for name, side in sides.items():
            view = _of_frames(side, question, answers[: learned // 2])
            found = probe(view(fit), right, view(score), wanted)
            hits[name] = _by_clip(found.float(), score[:, 0])
        usual = torch.full(wanted.shape, 0.5)
        if not balanced:
            usual = (wanted == right.bincount().argmax()).float()
        rows.append(_row(question, WAYS[question], hits, _by_clip(usual, score[:, 0])))
    return rows


def frames_of(
    answers: Int[Tensor, "b n"],
    clips: range,
    most: int,
    balanced: bool,
    generator: torch.Generator,
) -> Int[Tensor, "m 2"]:
    """(clip, frame) of at most so many frames of each clip whose answer is known."""
    chosen = []
    for clip in clips:
        groups = [(answers[clip] >= 0).nonzero()[:, 0]]
        if balanced:
            groups = [(answers[clip] == answer).nonzero()[:, 0] for answer in (0, 1)]
        size = min(most // len(groups), *(len(group) for group in groups))
        for group in groups:
            frames = group[torch.randperm(len(group), generator=generator)[:size]]
            chosen.append(torch.stack([torch.full_like(frames, clip), frames], dim=1))
    return torch.cat(chosen) if chosen else torch.zeros(0, 2, dtype=torch.long)


def times_above(ours: np.ndarray, theirs: np.ndarray, usual: np.ndarray) -> Estimate | str:
    """How many times as far above chance the first is, with an interval over the same clips."""
    over, base = float((ours - usual).mean()), float((theirs - usual).mean())
    if base < AT_CHANCE:
        return "the baseline is at chance"
    n = len(usual)
    counts = redrawn(n) / n
    drawn = counts @ (ours - usual) / (counts @ (theirs - usual)).clip(AT_CHANCE)
    return Estimate(over / base, *tails(drawn), n)


def cluster(
    x: Float[Tensor, "b n d"], learned: int, size: int, seed: int, *, most: int, iterations: int
) -> Tokens:
    """k-means of at most so many frames of the first `learned` clips, and every frame's cluster."""
    generator = torch.Generator().manual_seed(seed)
    frames = rearrange(x[:learned], "b n d -> (b n) d")
    chosen = torch.randperm(len(frames), generator=generator)[:most]
    centroids = kmeans(frames[chosen], size, iterations, generator)
    ids = nearest(rearrange(x, "b n d -> (b n) d"), centroids)
    return Tokens(rearrange(ids, "(b n) -> b n", b=len(x)), centroids)


def standardised(x: Float[Tensor, "b n d"], learned: int) -> Float[Tensor, "b n d"]:
    """Each number at mean 0 and deviation 1 over the frames of the first `learned` clips."""
    frames = rearrange(x[:learned], "b n d -> (b n) d")
    return (x - frames.mean(dim=0)) / frames.std(dim=0).clamp_min(1e-5)


def statistics(ids: Int[Tensor, "b n"], centroids: Float[Tensor, "k d"]) -> Float[Tensor, "b f"]:
    """What a probe sees of a clip's tokens: which, how long, where, how they recur."""
    histogram = F.one_hot(ids, len(centroids)).float().mean(dim=1).sqrt()
    again = [(ids[:, k:] == ids[:, :-k]).float().mean(dim=1) for k in range(1, LAGS)]
    track = F.embedding(ids, (centroids - centroids.mean(dim=0)) / centroids.std())
    parts = [histogram, torch.stack(again, dim=1), _runs(ids), _autocorrelation(track)]
    return torch.cat([*parts, _movement(track)], dim=1)


def _of_clips(side: Tokens | Frames) -> Float[Tensor, "b f"]:
    if isinstance(side, Tokens):
        parts = [Tokens(ids, side.centroids) for ids in side.ids.split(64)]
        return torch.cat([statistics(*part) for part in parts])
    mel = side.values
    return torch.cat(
        [mel.mean(dim=1), mel.std(dim=1), _autocorrelation(mel), _movement(mel)], dim=1
    )


def _of_frames(
    side: Tokens | Frames, question: str, answers: Int[Tensor, "b n"]
) -> Callable[[Int[Tensor, "m 2"]], Float[Tensor, "m f"]]:
    """How a side looks at chosen frames; `answers` are those of its first clips."""
    spans = SPANS[question]
    if isinstance(side, Tokens):
        ids = side.ids
        tables = evidence(ids[: len(answers)], answers, spans, WAYS[question])
        return lambda where: weigh(tables, ids, spans, where)
    reach = max(max(abs(span.start), span.stop) for span in spans)
    padded = F.pad(side.values, (0, 0, reach, reach))

    def view(where: Int[Tensor, "m 2"]) -> Float[Tensor, "m f"]:
        clip, frame = where.unbind(dim=1)
        parts = []
        for span in spans:
            places = frame[:, None] + reach + torch.tensor(list(span))
            parts.append(padded[clip[:, None], places].mean(dim=1))
        return torch.cat(parts, dim=1)

    return view


def _row(
    question: str, ways: int, hits: Mapping[str, np.ndarray], usual: np.ndarray
) -> dict[str, Any]:
    whole = {name: set(np.unique(one)) <= {0.0, 1.0} for name, one in hits.items()}
    cells: dict[str, Any] = {
        name: share(one) if whole[name] else mean(one) for name, one in hits.items()
    }
    cells["chance"] = float(usual.mean())
    if len(hits) > 1:
        ours, theirs = list(hits.values())[:2]
        cells["times"] = times_above(ours, theirs, usual)
    return row(question, ways=ways, **cells)


def _by_clip(hits: Float[Tensor, " m"], clips: Int[Tensor, " m"]) -> np.ndarray:
    """Means over the frames of each clip."""
    _, rows, counts = clips.unique(return_inverse=True, return_counts=True)
    sums = torch.zeros(len(counts)).index_add_(0, rows, hits)
    return (sums / counts).double().numpy()


def _styles(clips: Sequence[Clip]) -> dict[str, tuple[Callable[[Clip], int | None], int]]:
    names = sorted({clip.labels["style"] for clip in clips if clip.labels.get("style")})
    return {"style": (lambda clip: place(names, clip.labels.get("style")), len(names))}


def _runs(ids: Int[Tensor, "b n"]) -> Float[Tensor, "b r"]:
    """Shares of the frames that begin a run of at least 2, 3, ... equal tokens."""
    same = ids[:, 1:] == ids[:, :-1]
    shares = [
        same.unfold(1, length, 1).all(dim=-1).float().mean(dim=1)
        for length in range(1, LONGEST_RUN)
    ]
    return torch.stack(shares, dim=1)


def _autocorrelation(track: Float[Tensor, "b n d"]) -> Float[Tensor, "b k"]:
    """Of the centred track and of its change, at lags up to three seconds, relative to lag 0."""
    change = F.pad((track[:, 1:] - track[:, :-1]).norm(dim=-1, keepdim=True), (0, 0, 1, 0))
    parts = []
    for signal in (track, change):
        centred = signal - signal.mean(dim=1, keepdim=True)
        spectrum = torch.fft.rfft(centred, 2 * centred.shape[1], dim=1)
        raw = torch.fft.irfft(spectrum.abs().square().sum(dim=-1), dim=1)[:, : LAGS + 1]
        parts.append(raw[:, 1:] / raw[:, :1].clamp_min(1e-6))
    return torch.cat(parts, dim=1)


def _movement(track: Float[Tensor, "b n d"]) -> Float[Tensor, "b 2"]:
    steps = (track[:, 1:] - track[:, :-1]).norm(dim=-1)
    return torch.stack([steps.mean(dim=1), steps.std(dim=1)], dim=1)
