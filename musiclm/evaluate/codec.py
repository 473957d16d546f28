"""Claim: at 6 kbit/s the codec keeps music (SoundStream section IV; MusicLM section 3.1).

Held-out clips through the first 1 to 12 levels, beside Opus on the same clips in the same run.

    figures = codec(soundstream, read_manifest("corpus"))
    show(figures)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.codec.losses import log_mel_distance, si_snr
from musiclm.codec.soundstream import SoundStream
from musiclm.data.manifest import Clip
from musiclm.evaluate.intervals import mean
from musiclm.evaluate.opus import MISSING, encoder, round_trip
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import SECONDS, Progress, chunks, held_out, load, quiet, sample

LEVELS = (1, 2, 4, 6, 8, 12)
OPUS_KBPS = (6, 12)
Distances = dict[str, list[float]]


def codec(
    soundstream: SoundStream,
    clips: Sequence[Clip],
    *,
    opus: bool = True,
    n: int = 100,
    seed: int = 0,
    batch: int = 4,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Fidelity by bit-rate on at most `n` test clips, and the use of the code books."""
    chosen = sample(held_out(clips), n, seed)
    levels = [q for q in LEVELS if q <= soundstream.config.levels]
    ours: dict[int, Distances] = {q: _nothing() for q in levels}
    others = {kbps: _nothing() for kbps in OPUS_KBPS}
    stranger = _nothing()
    codes: list[Tensor] = []
    tool = encoder() if opus else None
    device = next(soundstream.parameters()).device
    for group in chunks(chosen, batch):
        progress("codec", len(codes) * batch, -(-len(chosen) // batch) * batch)
        wave = load(group)
        codes.append(soundstream.encode(wave.to(device)).cpu())
        for q, distances in ours.items():
            back = soundstream.decode(codes[-1][..., :q].to(device)).cpu()
            _compare(distances, wave, back[..., : wave.shape[-1]])
        _compare(stranger, wave, wave.roll(1, dims=0) if len(group) > 1 else wave.flip(-1))
        if tool:
            for kbps, distances in others.items():
                _compare_opus(distances, wave, kbps, tool)
    rows = [_our_row(soundstream, q, distances) for q, distances in ours.items()]
    rows += [_opus_row(kbps, distances, tool, opus) for kbps, distances in others.items()]
    rows.append(_row("another clip (chance)", stranger))
    return report(
        "codec",
        f"{len(chosen)} test clips of {SECONDS:g} s, 24 kHz mono",
        [table("Fidelity", rows), table("Code books", usage_rows(torch.cat(codes), soundstream))],
        [
            "log-mel distance: mean absolute difference in nepers over windows of 512, 1024 and "
            "2048; 0 is the original",
            "SI-SNR in dB rewards the waveform; a codec that invents its phase has none to show",
        ],
    )


def usage_rows(codes: Int[Tensor, "b n q"], soundstream: SoundStream) -> list[dict[str, Any]]:
    """How many of each level's codes occur, and the perplexity of their use."""
    rows = []
    for level, ids in enumerate(codes.unbind(dim=-1), start=1):
        used, perplexity = use(ids.flatten(), soundstream.config.codebook_size)
        rows.append(row(f"level {level}", used=used, perplexity=perplexity, tokens=ids.numel()))
    return rows


def use(ids: Int[Tensor, " n"], size: int) -> tuple[float, float]:
    """Share of `size` codes that occur, and the perplexity of how they do.

    >>> use(torch.tensor([0, 0, 1, 1]), 4)
    (0.5, 2.0)
    """
    shares = ids.bincount(minlength=size).double() / ids.numel()
    entropy = -(shares * shares.clamp_min(1e-12).log()).sum()
    return float((shares > 0).double().mean()), round(float(entropy.exp()), 6)


def _nothing() -> Distances:
    return {"log_mel": [], "si_snr": [], "kbps": []}


def _compare(into: Distances, real: Float[Tensor, "b 1 t"], fake: Float[Tensor, "b 1 t"]) -> None:
    into["log_mel"] += log_mel_distance(real, fake).tolist()
    into["si_snr"] += si_snr(real, fake).tolist()


def _compare_opus(into: Distances, wave: Float[Tensor, "b 1 t"], kbps: int, tool: str) -> None:
    backs = []
    for samples in wave[:, 0].numpy():
        back, used = round_trip(samples, kbps, tool)
        backs.append(back)
        into["kbps"].append(used)
    _compare(into, wave, torch.from_numpy(np.stack(backs))[:, None])


def _our_row(soundstream: SoundStream, levels: int, distances: Distances) -> dict[str, Any]:
    config = soundstream.config
    kbps = config.bitrate / config.levels * levels / 1000
    return _row(f"SoundStream, {levels} of {config.levels} levels", distances, kbps)


def _opus_row(kbps: int, distances: Distances, tool: str | None, wanted: bool) -> dict[str, Any]:
    if not distances["log_mel"]:
        return row(f"Opus at {kbps} kbps", log_mel_distance=MISSING if wanted else "not asked for")
    return _row(f"Opus at {kbps} kbps ({tool})", distances, float(np.mean(distances["kbps"])))


def _row(what: str, distances: Distances, kbps: float | None = None) -> dict[str, Any]:
    return row(
        what,
        kbps=kbps,
        log_mel_distance=mean(distances["log_mel"]),
        si_snr_dB=mean(distances["si_snr"]),
    )
