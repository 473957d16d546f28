"""Claim: at 6 kbit/s the codec keeps music (SoundStream section IV; MusicLM section 3.1).

Held-out clips through the first 1 to 12 levels, and in the same run the same clips through Opus, a
floor (noise with the levels of the clip's bands), chance (another clip) and the original.

    figures = codec(soundstream, read_manifest("corpus"))
    show(figures)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from musiclm.codec.soundstream import SoundStream
from musiclm.corpus.vocabulary import FAMILIES
from musiclm.data.manifest import Clip
from musiclm.evaluate.bands import names, noise_like
from musiclm.evaluate.codec_pictures import draw
from musiclm.evaluate.frechet import RESAMPLES, WINDOW, Frechet, interval
from musiclm.evaluate.intervals import Estimate, mean, share
from musiclm.evaluate.judge import load_judge
from musiclm.evaluate.labels import family_of
from musiclm.evaluate.likeness import HUM_NOTE
from musiclm.evaluate.likeness import NOTES as LIKENESS_NOTES
from musiclm.evaluate.opus import MISSING, OPUS, Opus, encoder, round_trips
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.scores import Scores
from musiclm.evaluate.sound import (
    SECONDS,
    Progress,
    chunks,
    held_out,
    load,
    origin,
    quiet,
    sample,
    whole,
)

LEVELS = (1, 2, 4, 6, 8, 10, 12, 16, 24)  # as far as a codec has them
AGAINST = ((1, 12), (2, 6))  # all levels and half of them, and Opus at twice their rate
LOST = ("peak_within_30_cents", "chroma_correlation")  # more is better: told by what is missing
PCM_KBPS = 384.0  # 24,000 samples of 16 bits a second
ORIGINAL, NOISE, CHANCE = "the original (ceiling)", "noise in its bands (floor)", "another clip"
Key = int | str | Opus  # levels of ours, Opus, or a row that is neither


def codec(
    soundstream: SoundStream,
    clips: Sequence[Clip],
    *,
    opus: bool = True,
    n: int = 100,
    seed: int = 0,
    batch: int = 4,
    splits: Sequence[str] = ("test",),
    pictures: Path | None = None,
    resamples: int = RESAMPLES,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Fidelity by bit-rate on at most `n` clips, beside Opus, and the use of the code books.

    `pictures` is the path of the report that they illustrate; they lie beside it.
    """
    chosen = sample(whole(held_out(clips, splits)), n, seed)
    tool = encoder() if opus else None
    scores: dict[Key, Scores] = {}
    codes: list[Tensor] = []
    judge, generator = load_judge(), torch.Generator().manual_seed(seed)
    for group in chunks(chosen, batch):
        progress("codec", len(codes) * batch, -(-len(chosen) // batch) * batch)
        wave = load(group, middle=True)
        codes.append(_encode(soundstream, wave))
        fakes: dict[Key, Tensor] = {ORIGINAL: wave} | _ours(soundstream, codes[-1])
        rates: dict[Key, list[float]] = {}
        for how in OPUS if tool else ():
            fakes[how], rates[how] = round_trips(wave, how, tool or "")
        fakes[NOISE] = noise_like(wave, generator)
        fakes[CHANCE] = wave.roll(1, dims=0) if len(group) > 1 else wave.flip(-1)
        for key, fake in fakes.items():
            scores.setdefault(key, Scores()).add(wave, fake, judge, rates.get(key, ()))
    progress("codec", len(codes) * batch, len(codes) * batch)
    distances = _distances(scores, resamples, progress)
    solos = [family_of(clip) for clip in chosen]
    tables = [
        table("Fidelity", _fidelity(soundstream, scores, distances, opus, solos)),
        table(
            "Closer than Opus? Ours minus Opus: below zero is closer",
            _against(soundstream, scores, distances),
        ),
        table("Level of each band, nepers: below zero is too soft", _bands(scores, "bias")),
        table("Error of each band, nepers", _bands(scores, "absolute")),
        table("Code books", usage_rows(torch.cat(codes), soundstream)),
    ]
    figures = report("codec", f"{origin(chosen)}; 24 kHz mono", tables, _notes(scores[ORIGINAL]))
    if pictures:
        middle = chosen[_median(scores, soundstream)]
        figures |= draw(figures, soundstream, middle, pictures, tool)
    return figures


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


def _encode(soundstream: SoundStream, wave: Tensor) -> Tensor:
    return soundstream.encode(wave.to(next(soundstream.parameters()).device)).cpu()


def _ours(soundstream: SoundStream, codes: Tensor) -> dict[Key, Tensor]:
    device = next(soundstream.parameters()).device
    levels = [q for q in LEVELS if q <= soundstream.config.levels]
    return {q: soundstream.decode(codes[..., :q].to(device)).cpu() for q in levels}


def _distances(
    scores: Mapping[Key, Scores], resamples: int, progress: Progress
) -> dict[Key, np.ndarray]:
    """Frechet distances of each row, over all clips and over redrawn ones."""
    original = scores[ORIGINAL]
    frechet = Frechet(original.embeddings, original.heard, resamples)
    draws: dict[Key, np.ndarray] = {}
    for done, (key, one) in enumerate(scores.items()):
        progress("Frechet", done, len(scores))
        if key == CHANCE:
            # The same clips in another order are the same set: half of them against the others.
            half = len(original.embeddings) // 2
            first, second = slice(0, half), slice(half, 2 * half)
            heard = original.heard[first] & original.heard[second]
            if half and heard.sum() > 1:
                apart = Frechet(original.embeddings[first], heard, resamples)
                draws[key] = apart.draws(original.embeddings[second])
        else:
            draws[key] = frechet.draws(one.embeddings)
    progress("Frechet", len(scores), len(scores))
    return draws


def _fidelity(
    soundstream: SoundStream,
    scores: Mapping[Key, Scores],
    distances: Mapping[Key, np.ndarray],
    opus: bool,
    solos: Sequence[int | None],
) -> list[dict[str, Any]]:
    rows = []
    config = soundstream.config
    for key, one in scores.items():
        kbps = PCM_KBPS if key == ORIGINAL else float(np.mean(one.kbps)) if one.kbps else None
        if isinstance(key, int):
            kbps = config.bitrate / config.levels * key / 1000
        far = interval(distances[key], len(one.log_mel)) if key in distances else None
        rows.append(
            row(
                _name(key, soundstream),
                kbps=kbps,
                log_mel_distance=mean(one.log_mel),
                frechet_distance=far,
                **{name: mean(values) for name, values in one.figures.items()},
                families_heard=_heard_right(solos, one.families),
                si_snr_dB=None if key == ORIGINAL else mean(one.si_snr),
            )
        )
    if not any(isinstance(key, Opus) for key in scores):
        why = MISSING if opus else "not asked for"
        rows[-2:-2] = [row(_name(how, soundstream), log_mel_distance=why) for how in OPUS]
    return rows


def _heard_right(solos: Sequence[int | None], heard: Sequence[str]) -> Estimate | None:
    """How often the judge names the family of what plays alone; None where nothing is known to."""
    pairs = [(one, told) for one, told in zip(solos, heard, strict=True) if one is not None]
    return share([FAMILIES[one] == told for one, told in pairs]) if pairs else None


def _against(
    soundstream: SoundStream,
    scores: Mapping[Key, Scores],
    distances: Mapping[Key, np.ndarray],
) -> list[dict[str, Any]]:
    rows = []
    config = soundstream.config
    for part, kbps in AGAINST:
        levels = config.levels // part
        for how in (how for how in OPUS if how.kbps == kbps):
            if levels not in scores or how not in scores:
                continue
            apart = np.array(scores[levels].log_mel) - np.array(scores[how].log_mel)
            lost = {
                f"{name}_lost": mean(np.subtract(scores[how].figures[name], ours))
                for name, ours in scores[levels].figures.items()
                if name in LOST
            }
            draws = distances[levels] - distances[how]
            rows.append(
                row(
                    f"{levels} levels, and {how}",
                    log_mel_distance=mean(apart),
                    share_of_clips_closer=share(apart < 0),
                    frechet_distance=interval(draws, len(apart), least=-np.inf),
                    **lost,
                )
            )
    return rows or [row("Opus", log_mel_distance="not measured")]


def _bands(scores: Mapping[Key, Scores], what: str) -> list[dict[str, Any]]:
    rows = []
    for key, one in scores.items():
        if key != ORIGINAL:
            cells = np.mean(getattr(one, what), axis=0).tolist()
            rows.append(row(_name(key), **dict(zip(names(), cells, strict=True))))
    return rows


def _name(key: Key, soundstream: SoundStream | None = None) -> str:
    if isinstance(key, int):
        return (
            f"SoundStream, {key}"
            + (f" of {soundstream.config.levels}" if soundstream else "")
            + " levels"
        )
    return CHANCE + " (chance)" if key == CHANCE else str(key)


def _median(scores: Mapping[Key, Scores], soundstream: SoundStream) -> int:
    """The clip that all levels keep neither well nor badly."""
    distances = scores[max(q for q in LEVELS if q <= soundstream.config.levels)].log_mel
    return int(np.argsort(distances)[len(distances) // 2])


def _notes(original: Scores) -> list[str]:
    windows, dimension = int(original.heard.sum()), original.embeddings.shape[-1]
    return [
        f"{SECONDS:g} s of each clip; kbps: bits of sound, without the headers of a file",
        "log-mel distance: mean absolute difference in nepers over windows of 512, 1024 and 2048, "
        "64 bins each; 0 is the original",
        f"Frechet distance: of {dimension} numbers of the judge's timbre for every "
        f"{WINDOW / 24_000:g} s that is not silent ({windows} of them); the judge learned from "
        "another soundfont and other pieces; deaf to level and to what lies 60 dB below the "
        "loudest; the interval redraws whole clips. Of another clip: one half of the originals "
        "from the other half, which is what a set costs that holds other music of the kind",
        *LIKENESS_NOTES,
        HUM_NOTE,
        "mel and STFT distance as the Descript Audio Codec defines them, at 24 kHz; ViSQOL is not "
        "here, for no package computes it offline",
        "families heard: share of the clips whose labels say that one instrument plays alone, of "
        "which the judge names the family right",
        "SI-SNR in dB rewards the waveform; a codec that invents its phase has none to show",
    ]
