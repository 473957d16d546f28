"""Claim: semantic tokens tell what is played and when (MusicLM section 3.1; AudioLM section IV-B).

Linear probes read melody, chord and beat off the tokens around a frame, and key, tempo, instrument
and style off those of a clip: once for our tokens, once for k-means of as many clusters on plain
log-mel at the same rate, once for the log-mel itself.

    figures = semantic(tokenizer, read_manifest("corpus"), other=read_manifest("held-out"))
"""

from collections.abc import Sequence
from typing import Any

import torch
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.codec import use
from musiclm.evaluate.frames import frame_facts
from musiclm.evaluate.probes import Frames, Tokens, clip_rows, cluster, frame_rows, standardised
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import Progress, chunks, held_out, load, quiet, sample, soundfonts
from musiclm.interfaces import SemanticTokenizer
from musiclm.nn.spectrogram import LogMel
from musiclm.tokens import SEMANTIC

MEL_HOP = SAMPLE_RATE // 100  # the features of w2v-BERT, averaged by four to its rate
FRAMES_FITTED = 60_000  # of log-mel, for the clusters of the baseline
KMEANS_ITERATIONS = 20


def semantic(
    tokenizer: SemanticTokenizer,
    clips: Sequence[Clip],
    *,
    other: Sequence[Clip] | None = None,
    train: int = 1500,
    test: int = 600,
    seed: int = 0,
    batch: int = 4,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Use of the codes, and probes fitted on train clips and scored on test clips.

    With `other` the test clips are its own, works that the training knows left out.
    """
    learned = sample(held_out(clips, ("train",)), train, seed)
    judged = sample(unheard(clips, other), test, seed)
    both, count = learned + judged, len(learned)
    device = tokenizer.centroids.device
    tokens: list[Tensor] = []
    mels: list[Tensor] = []
    for group in chunks(both, batch):
        progress("semantic", len(tokens) * batch, len(both))
        wave = load(group)
        tokens.append(tokenizer.tokenize(wave.to(device)).cpu())
        mels.append(log_mel(wave))
    ours, mel = torch.cat(tokens), torch.cat(mels)
    size = len(tokenizer.centroids)
    theirs = mel_tokens(mel, count, size, seed)
    sides: dict[str, Tokens | Frames] = {
        "our semantic tokens": Tokens(ours, tokenizer.centroids.cpu()),
        f"log-mel k-means-{size} tokens": theirs,
        "log-mel itself, not tokens": Frames(mel),
    }
    tables = [table("Linear probes of whole clips, accuracy", clip_rows(sides, both, count))]
    facts = _facts(both, ours.shape[1])
    if facts:
        of_frames = frame_rows(sides, facts, count, seed)
        tables.insert(0, table("Linear probes of single frames, accuracy", of_frames))
    usage = []
    for name, ids in (("our semantic tokens", ours), ("log-mel k-means", theirs.ids)):
        used, perplexity = use(ids[count:].flatten(), size)
        again = float((ids[count:, 1:] == ids[count:, :-1]).double().mean())
        usage.append(row(name, used=used, perplexity=perplexity, codes=size, repeated=again))
    played = ", ".join(soundfonts(judged))
    return report(
        "semantic",
        f"{count} train clips to fit the probes, {len(judged)} test clips to score them"
        + (f" (soundfonts of the test clips: {played})" if played else ""),
        [*tables, table("Codes used on test clips", usage)],
        [
            "chance: always the commonest answer of the training clips",
            "times: how many times as far above chance as k-means on log-mel",
            "beat: which quarter of it; onset: does a melody note begin (half of the frames asked "
            "about); chord: of 12 major, 12 minor, and others",
            "intervals resample clips",
        ],
    )


def unheard(clips: Sequence[Clip], other: Sequence[Clip] | None) -> list[Clip]:
    """Test clips: of another manifest, where there is one, those of works not in training."""
    if other is None:
        return held_out(clips)
    known = {clip.work for clip in clips if clip.split == "train" and clip.work}
    judged = [clip for clip in held_out(other) if clip.work not in known]
    if not judged:
        raise UserError("all test clips are of works that the probes are trained on")
    return judged


def log_mel(wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b n d"]:
    """64 bins, 25 frames a second: what the baseline clusters."""
    heard = LogMel(SAMPLE_RATE, SAMPLE_RATE // 40, MEL_HOP, bins=64)(wave[:, 0])
    return reduce(heard, "b (n four) d -> b n d", "mean", four=4)


def mel_tokens(mel: Float[Tensor, "b n d"], learned: int, size: int, seed: int) -> Tokens:
    """k-means on log-mel, fitted on the first `learned` clips."""
    even = standardised(mel, learned)
    return cluster(even, learned, size, seed, most=FRAMES_FITTED, iterations=KMEANS_ITERATIONS)


def _facts(clips: Sequence[Clip], frames: int) -> dict[str, Int[Tensor, "b n"]]:
    """Of each frame; nothing for recordings that were not composed."""
    try:
        return frame_facts(clips, frames)
    except UserError:
        return {}


assert SEMANTIC.rate * 4 * MEL_HOP == SAMPLE_RATE  # both sides have the same frames
