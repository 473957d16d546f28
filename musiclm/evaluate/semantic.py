"""Claim: semantic tokens tell what is played and when (MusicLM section 3.1; AudioLM section IV-B).

Linear probes read drums, tempo, key and family off token statistics of whole clips: once for our
tokens, once for k-means of as many clusters on plain log-mel at the same rate.

    figures = semantic(tokenizer, read_manifest("corpus"))
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.corpus.vocabulary import FAMILIES
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.codec import use
from musiclm.evaluate.intervals import share
from musiclm.evaluate.labels import TEMPOS, drums_of, family_of, tempo_of, tonic_of
from musiclm.evaluate.probe import majority, probe
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import Progress, chunks, held_out, load, quiet, sample
from musiclm.nn.kmeans import kmeans, nearest
from musiclm.nn.spectrogram import LogMel
from musiclm.semantic.tokenizer import SemanticTokenizer
from musiclm.tokens import SEMANTIC

MEL_HOP = SAMPLE_RATE // 100  # the features of w2v-BERT, averaged by four to its rate
FRAMES_FITTED = 60_000  # of log-mel, for the clusters of the baseline
KMEANS_ITERATIONS = 20
LAGS = 75  # frames: three seconds, a bar of medium tempo
LONGEST_RUN = 8

QUESTIONS: dict[str, tuple[Callable[[Clip], int | None], int]] = {
    "drums": (drums_of, 2),
    "tempo class": (tempo_of, len(TEMPOS)),
    "tonic": (tonic_of, 12),
    "family of solos": (family_of, len(FAMILIES)),
}


def semantic(
    tokenizer: SemanticTokenizer,
    clips: Sequence[Clip],
    *,
    train: int = 1500,
    test: int = 500,
    seed: int = 0,
    batch: int = 4,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Use of the codes, and probes fitted on train clips and scored on test clips."""
    learned = sample(held_out(clips, ("train",)), train, seed)
    judged = sample(held_out(clips), test, seed)
    both = learned + judged
    device = next(tokenizer.parameters()).device
    log_mel = LogMel(SAMPLE_RATE, SAMPLE_RATE // 40, MEL_HOP, bins=64)
    tokens: list[Tensor] = []
    mels: list[Tensor] = []
    for group in chunks(both, batch):
        progress("semantic", len(tokens) * batch, len(both))
        wave = load(group)
        tokens.append(tokenizer.tokenize(wave.to(device)).cpu())
        mels.append(reduce(log_mel(wave[:, 0]), "b (n four) d -> b n d", "mean", four=4))
    ours, mel = torch.cat(tokens), torch.cat(mels)
    size = len(tokenizer.centroids)
    theirs, centroids = _mel_tokens(mel, len(learned), size, seed)
    sides = {
        "w2v-BERT tokens": statistics(ours, tokenizer.centroids.cpu()),
        f"log-mel k-means-{size} tokens": statistics(theirs, centroids),
        "log-mel itself, not tokens": _pooled(mel),
    }
    probes = _probe_rows(sides, both, len(learned))
    usage = []
    for name, ids in (("w2v-BERT", ours), ("log-mel k-means", theirs)):
        used, perplexity = use(ids[len(learned) :].flatten(), size)
        usage.append(row(name, used=used, perplexity=perplexity, codes=size))
    return report(
        "semantic",
        f"{len(learned)} train clips to fit the probes, {len(judged)} test clips to score them",
        [table("Linear probes, accuracy", probes), table("Codes used on test clips", usage)],
        ["chance: always the commonest answer of the training clips"],
    )


def statistics(ids: Int[Tensor, "b n"], centroids: Float[Tensor, "k d"]) -> Float[Tensor, "b f"]:
    """What a probe sees of a clip's tokens: which, how long, how they move and come again."""
    histogram = F.one_hot(ids, len(centroids)).float().mean(dim=1).sqrt()
    again = [(ids[:, k:] == ids[:, :-k]).float().mean(dim=1) for k in range(1, LAGS)]
    track = F.embedding(ids, (centroids - centroids.mean(dim=0)) / centroids.std())
    autocorrelation = _autocorrelation(track)
    return torch.cat(
        [histogram, torch.stack(again, dim=1), _runs(ids), autocorrelation, _movement(track)], dim=1
    )


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


def _pooled(mel: Float[Tensor, "b n d"]) -> Float[Tensor, "b f"]:
    return torch.cat(
        [mel.mean(dim=1), mel.std(dim=1), _autocorrelation(mel), _movement(mel)], dim=1
    )


def _mel_tokens(
    mel: Float[Tensor, "b n d"], learned: int, size: int, seed: int
) -> tuple[Int[Tensor, "b n"], Float[Tensor, "k d"]]:
    generator = torch.Generator().manual_seed(seed)
    frames = rearrange(mel[:learned], "b n d -> (b n) d")
    mean, std = frames.mean(dim=0), frames.std(dim=0).clamp_min(1e-5)
    chosen = torch.randperm(len(frames), generator=generator)[:FRAMES_FITTED]
    centroids = kmeans((frames[chosen] - mean) / std, size, KMEANS_ITERATIONS, generator)
    flat = rearrange((mel - mean) / std, "b n d -> (b n) d")
    return rearrange(nearest(flat, centroids), "(b n) -> b n", b=len(mel)), centroids


def _probe_rows(
    sides: dict[str, Tensor], clips: Sequence[Clip], learned: int
) -> list[dict[str, Any]]:
    rows = []
    for question, (answer, ways) in QUESTIONS.items():
        answers = [answer(clip) for clip in clips]
        known = torch.tensor([one is not None for one in answers])
        if len({one for one in answers[:learned] if one is not None}) < 2:
            rows.append(row(question, chance="not measured: the corpus has one answer or none"))
            continue
        first = torch.arange(len(clips)) < learned
        fit, score = known & first, known & ~first
        if not score.any():
            raise UserError(f"no test clip is labelled with {question}")
        all_answers = torch.tensor([-1 if one is None else one for one in answers])
        cells: dict[str, Any] = {}
        for name, features in sides.items():
            hits = probe(features[fit], all_answers[fit], features[score], all_answers[score])
            cells[name] = share(hits.numpy())
        cells["chance"] = majority(all_answers[fit], all_answers[score])
        rows.append(row(question, ways=ways, **cells))
    return rows


assert SEMANTIC.rate * 4 * MEL_HOP == SAMPLE_RATE  # both sides have the same frames
