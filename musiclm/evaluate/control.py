"""Claim: the music follows the sentence (MusicLM section 5, with exact facts in place of raters).

Prompts of unseen words about unseen pieces; the clips judged by the independent judge; real
renders of held-out works with the same facts, as they are and through the codec, judged beside.

    figures = control(MusicLM.from_pretrained("mini"), load_judge(), corpus=read_manifest("corpus"))
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import Waveform
from musiclm.codec.soundstream import SoundStream
from musiclm.corpus.vocabulary import FAMILIES
from musiclm.data.manifest import Clip
from musiclm.evaluate.clips import write_prompts
from musiclm.evaluate.health import Health, check
from musiclm.evaluate.intervals import Estimate, share
from musiclm.evaluate.judge import Judge, Verdict
from musiclm.evaluate.prompts import Prompt, fits, prompts
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import Progress, chunks, load, quiet
from musiclm.pipeline import MusicLM

Damage = Callable[[Float[Tensor, "b 1 t"]], Float[Tensor, "b 1 t"]]


def control(
    model: MusicLM,
    judge: Judge,
    *,
    n: int = 100,
    seed: int = 0,
    duration: float = 10.0,
    corpus: Sequence[Clip] = (),
    folder: Path | None = None,
    batch: int = 10,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Generate, judge, and compare with chance and with real renders; clips go to `folder`."""
    asked = prompts(n, seed)
    texts = [prompt.text for prompt in asked]
    waves = sing(model, texts, seed=seed, duration=duration, batch=batch, progress=progress)
    if folder:
        keep(folder, asked, waves, seed)
    said = _judged(judge, waves)
    rows = [score_row("generated", asked, said), chance_row(asked, said)]
    health = [health_row("generated", [check(samples) for samples in waves])]
    pairs = matched(asked, corpus, seed)
    if pairs:
        for name, damage in (
            ("real renders through the codec (ceiling)", through(model.tokenizers.codec)),
            ("real renders", None),
        ):
            real = _real(pairs, damage)
            judged = _judged(judge, real)
            rows.append(score_row(name, [prompt for prompt, _ in pairs], judged))
            health.append(health_row(name, [check(samples) for samples in real]))
    return report(
        "control",
        f"{n} prompts of held-out wording, seed {seed}, clips of {duration:g} s; {len(pairs)} "
        "held-out renders with the same facts",
        [
            table("As asked", rows),
            table("By family", _family_rows(asked, said)),
            table("Health", health),
        ],
        [
            "chance: the same verdicts, dealt to the prompts at random",
            "the judge learned from another soundfont and pieces composed for it; no work of the "
            "test split was among them, but real scores of the train split may be known to both",
            "the released judge's soundfont, FluidR3, is an ancestor of the generator's, MuseScore "
            "General, which inherits its drum kits: independent of the weights, a cousin in sound",
        ],
    )


def sing(
    model: MusicLM,
    texts: Sequence[str],
    *,
    seed: int,
    duration: float,
    batch: int,
    progress: Progress = quiet,
) -> list[Float[np.ndarray, " t"]]:
    """A clip for each sentence; clip i is drawn with seed + i."""
    waves: list[np.ndarray] = []
    for group in chunks(texts, batch):
        progress("generate", len(waves), len(texts))
        clips = model.generate(group, duration, seed + len(waves))
        assert isinstance(clips, list)
        waves += [clip.samples for clip in clips]
    return waves


def keep(
    folder: Path, asked: Sequence[Prompt], waves: Sequence[Float[np.ndarray, " t"]], seed: int
) -> None:
    """Write the clips, and what was asked for each where `evaluate music` finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{i:03d}.wav" for i in range(len(asked))]
    for i, (name, prompt, samples) in enumerate(zip(names, asked, waves, strict=True)):
        Waveform(samples).save(folder / name, {"prompt": prompt.text, "seed": str(seed + i)})
    write_prompts(
        folder, [(name, one.text, one.facts) for name, one in zip(names, asked, strict=True)]
    )


def matched(asked: Sequence[Prompt], clips: Sequence[Clip], seed: int) -> list[tuple[Prompt, Clip]]:
    """A held-out clip with the facts of each prompt, where there is one; test before valid."""
    order = np.random.default_rng(seed).permutation(len(clips))
    shuffled = [clips[i] for i in order if clips[i].split in ("test", "valid")]
    free = sorted(shuffled, key=lambda clip: clip.split)
    pairs = []
    for prompt in asked:
        found = next((clip for clip in free if fits(prompt, clip)), None)
        if found is not None:
            free.remove(found)
            pairs.append((prompt, found))
    return pairs


def score_row(
    what: str, asked: Sequence[Prompt], said: Sequence[Verdict], **extra: Any
) -> dict[str, Any]:
    """How often each fact was heard as asked."""
    return row(
        what,
        drums=share([p.drums == v.drums for p, v in zip(asked, said, strict=True)]),
        solo_family=share([p.family == v.family for p, v in _solos(asked, said)]),
        tempo=share([p.tempo == v.tempo for p, v in zip(asked, said, strict=True)]),
        **extra,
    )


def chance_row(asked: Sequence[Prompt], said: Sequence[Verdict]) -> dict[str, Any]:
    """What the same clips would score in any order: a system deaf to its prompts."""
    solos = _solos(asked, said)
    return row(
        "chance",
        drums=_coincidence([p.drums for p in asked], [v.drums for v in said]),
        solo_family=_coincidence([p.family for p, _ in solos], [v.family for _, v in solos]),
        tempo=_coincidence([p.tempo for p in asked], [v.tempo for v in said]),
    )


def health_row(what: str, health: Sequence[Health]) -> dict[str, Any]:
    """How often clips are at fault."""

    def faulty(fault: str) -> Estimate:
        return share([getattr(one, fault) for one in health])

    return row(
        what,
        silent=faulty("silent"),
        clipped=faulty("clipped"),
        stuck=faulty("stuck"),
        longest_still_seconds=max(one.still_seconds for one in health),
    )


def _solos(asked: Sequence[Prompt], said: Sequence[Verdict]) -> list[tuple[Prompt, Verdict]]:
    return [(p, v) for p, v in zip(asked, said, strict=True) if p.family is not None]


def _coincidence(asked: Sequence[object], said: Sequence[object]) -> float:
    """Expected share of agreement under a random pairing."""
    if not asked:
        return float("nan")
    return sum(asked.count(one) * said.count(one) for one in set(asked)) / len(asked) ** 2


def _family_rows(asked: Sequence[Prompt], said: Sequence[Verdict]) -> list[dict[str, Any]]:
    rows = []
    for family in FAMILIES:
        heard = [v.family for p, v in _solos(asked, said) if p.family == family]
        if heard:
            counts = {one: heard.count(one) for one in dict.fromkeys(heard)}
            told = ", ".join(f"{one} {count}" for one, count in counts.items())
            rows.append(row(family, right=share([h == family for h in heard]), heard_as=told))
    return rows


def _judged(judge: Judge, waves: Sequence[Float[np.ndarray, " t"]]) -> list[Verdict]:
    said: list[Verdict] = []
    for group in chunks(waves, 8):
        said += judge.judge(torch.from_numpy(np.stack(group))[:, None])
    return said


def through(codec: SoundStream) -> Damage:
    """What the codec leaves of a batch."""

    def there_and_back(wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b 1 t"]:
        device = next(codec.parameters()).device
        return codec.decode(codec.encode(wave.to(device))).cpu()[..., : wave.shape[-1]]

    return there_and_back


def _real(
    pairs: Sequence[tuple[Prompt, Clip]], damage: Damage | None
) -> list[Float[np.ndarray, " t"]]:
    waves: list[np.ndarray] = []
    for group in chunks([clip for _, clip in pairs], 4):
        wave = load(group)
        waves += list((damage(wave) if damage else wave)[:, 0].float().numpy())
    return waves
