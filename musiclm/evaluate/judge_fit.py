"""Teaches the judge, and measures it: on its own held-out works, on another soundfont, after Opus.

judge = fit(read_manifest("judge_corpus"), seed=0)
judge.save("judge.safetensors")
show(judged(judge, {"own works": test_clips, "other soundfont": other_clips}))
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from musiclm.corpus.vocabulary import FAMILIES
from musiclm.data.manifest import Clip
from musiclm.device import autocast
from musiclm.errors import UserError
from musiclm.evaluate.damage import disturb, vocode
from musiclm.evaluate.harmony import MODES, pitch_classes
from musiclm.evaluate.intervals import share
from musiclm.evaluate.judge import Features, Judge, JudgeConfig, Opinion, level
from musiclm.evaluate.labels import (
    TEMPOS,
    drums_of,
    families_of,
    family_of,
    key_of,
    mode_of,
    place,
    tempo_of,
)
from musiclm.evaluate.opus import MISSING, encoder, round_trip
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import Progress, chunks, load, quiet

OPUS_KBPS = 12
UNKNOWN = -1  # in the place of an answer that a clip does not have
WEIGHTS = {"drums": 1.0, "family": 1.0, "tempo": 1.0, "present": 0.5, "key": 1.0, "style": 0.5}
Damage = Callable[[Float[Tensor, "b 1 t"]], Float[Tensor, "b 1 t"]]


@dataclass(frozen=True)
class FitConfig:
    """How long and how fast the judge learns."""

    passes: int = 8  # over the train split
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    vocoded: float = 0.5  # share of the clips that are also learned through a vocoder


@dataclass(frozen=True)
class Answers:
    """True answers of clips; UNKNOWN where a question does not apply."""

    drums: Int[Tensor, " n"]
    family: Int[Tensor, " n"]
    tempo: Int[Tensor, " n"]
    present: Float[Tensor, "n f"]
    key: Int[Tensor, " n"]
    mode: Int[Tensor, " n"]
    style: Int[Tensor, " n"]

    def __getitem__(self, rows: Tensor) -> "Answers":
        """Some of them."""
        return Answers(*(getattr(self, field.name)[rows] for field in fields(self)))


def styles_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """All styles of some clips."""
    return tuple(sorted({clip.labels["style"] for clip in clips if clip.labels.get("style")}))


def answers_of(clips: Sequence[Clip], styles: Sequence[str]) -> Answers:
    """What the labels of clips answer; a style that is not in the list is not known."""

    def ids(question: Callable[[Clip], int | None]) -> Int[Tensor, " n"]:
        found = (question(clip) for clip in clips)
        return torch.tensor([UNKNOWN if one is None else one for one in found])

    present = [[float(family in families_of(clip)) for family in FAMILIES] for clip in clips]
    return Answers(
        drums=ids(drums_of),
        family=ids(family_of),
        tempo=ids(tempo_of),
        present=torch.tensor(present),
        key=ids(key_of),
        mode=ids(mode_of),
        style=ids(lambda clip: place(styles, clip.labels.get("style"))),
    )


def fit(
    clips: Sequence[Clip],
    *,
    config: JudgeConfig | None = None,
    how: FitConfig | None = None,
    seed: int = 0,
    progress: Progress = quiet,
) -> Judge:
    """A judge of the train split."""
    how = how or FitConfig()
    learned = [clip for clip in clips if clip.split == "train"]
    if len(learned) < 2:
        raise UserError("a judge needs at least two clips of the train split")
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # weights and dropout draw from the global generator
        judge = Judge(replace(config or JudgeConfig(), styles=styles_of(learned)))
        features, answers = _examples(judge, learned, how, generator, progress)
        _learn(judge, features, answers, how, generator, progress)
    return judge.eval()


def _examples(
    judge: Judge,
    clips: Sequence[Clip],
    how: FitConfig,
    generator: torch.Generator,
    progress: Progress,
) -> tuple[Features, Answers]:
    """What is heard of every clip, and of some of them vocoded; float16: thousands are kept."""
    log_mels: list[Tensor] = []
    pitches: list[Tensor] = []
    rows: list[int] = []

    def hear(wave: Float[Tensor, "b 1 t"]) -> None:
        log_mels.append(judge.log_mel(wave[:, 0]).half())
        pitches.append(pitch_classes(wave[:, 0]).half())

    for start in range(0, len(clips), how.batch):
        progress("listen", start, len(clips))
        wave = load(clips[start : start + how.batch])
        hear(wave)
        rows += range(start, start + len(wave))
        some = (torch.rand(len(wave), generator=generator) < how.vocoded).nonzero()[:, 0]
        for part in some.split(4) if len(some) else ():  # each few with a vocoder of their own
            hear(vocode(wave[part], generator))
            rows += [start + int(i) for i in part]
    answers = answers_of(clips, judge.config.styles)[torch.tensor(rows)]
    return Features(torch.cat(log_mels), torch.cat(pitches)), answers


def _learn(
    judge: Judge,
    features: Features,
    answers: Answers,
    how: FitConfig,
    generator: torch.Generator,
    progress: Progress,
) -> None:
    """AdamW under one cycle of the learning rate."""
    judge.train()
    optimiser = torch.optim.AdamW(
        judge.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay
    )
    known = len(features.log_mel)
    steps = how.passes * max(1, known // how.batch)
    order = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        progress("learn", step, steps)
        done = (step + 0.5) / steps
        for group in optimiser.param_groups:
            group["lr"] = how.learning_rate * min(1.0, done / 0.1, (1.0 - done) / 0.6)
        if len(order) < min(how.batch, known):
            order = torch.randperm(known, generator=generator)
        rows, order = order[: how.batch], order[how.batch :]
        worse = level(disturb(features.log_mel[rows].float(), generator))
        with autocast(worse.device, "bf16"):
            opinion = judge.opinion(Features(worse, features.pitches[rows].float()))
        terms = losses(opinion, answers[rows])
        loss = torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimiser.step()


def losses(opinion: Opinion, answers: Answers) -> dict[str, Tensor]:
    """One cross-entropy for each question, over the clips that it applies to."""
    drums = answers.drums != UNKNOWN
    return {
        "drums": _over(
            F.binary_cross_entropy_with_logits(
                opinion.drums, answers.drums.clamp_min(0).float(), reduction="none"
            ),
            drums,
        ),
        "family": _cross_entropy(opinion.family, answers.family),
        "tempo": _cross_entropy(opinion.tempo, answers.tempo),
        "present": F.binary_cross_entropy_with_logits(opinion.present, answers.present),
        "key": _cross_entropy(opinion.key, answers.key),
        "style": _cross_entropy(opinion.style, answers.style),
    }


def _cross_entropy(logits: Float[Tensor, "b k"], answers: Int[Tensor, " b"]) -> Tensor:
    if not logits.shape[1]:  # clips without styles
        return logits.new_zeros(())
    each = F.cross_entropy(logits, answers.clamp_min(0), label_smoothing=0.05, reduction="none")
    return _over(each, answers != UNKNOWN)


def _over(each: Float[Tensor, " b"], known: Bool[Tensor, " b"]) -> Float[Tensor, ""]:
    return (each * known).sum() / known.sum().clamp_min(1)


def hits(
    judge: Judge, clips: Sequence[Clip], damage: Damage | None = None, batch: int = 16
) -> dict[str, Bool[np.ndarray, " n"]]:
    """Which of the questions that apply to these clips the judge answers rightly."""
    parts = []
    for group in chunks(clips, batch):
        wave = load(group)
        with torch.no_grad():
            parts.append(judge.eval()(damage(wave) if damage else wave))
    truth = answers_of(clips, judge.config.styles)
    said = {
        "drums": torch.cat([part.drums > 0 for part in parts]).long(),
        "family": torch.cat([part.family.argmax(dim=-1) for part in parts]),
        "tempo": torch.cat([part.tempo.argmax(dim=-1) for part in parts]),
        "mode": torch.cat([part.mode.argmax(dim=-1) for part in parts]),
        "key": torch.cat([part.key.argmax(dim=-1) for part in parts]),
    }
    if judge.config.styles:
        said["style"] = torch.cat([part.style.argmax(dim=-1) for part in parts])
    right = {}
    for question, answer in said.items():
        true = getattr(truth, question)
        right[question] = (answer == true)[true != UNKNOWN].numpy()
    return right


def through_opus(wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b 1 t"]:
    """What Opus leaves of a batch at 12 kbit/s: damage of a kind the judge never learned."""
    backs = [round_trip(samples, OPUS_KBPS)[0] for samples in wave[:, 0].numpy()]
    return torch.from_numpy(np.stack(backs))[:, None]


def judged(
    judge: Judge,
    sets: Mapping[str, Sequence[Clip]],
    *,
    opus: bool = True,
    damages: Mapping[str, Damage] | None = None,
) -> dict[str, Any]:
    """Accuracy of the judge on each set of clips, as they are and damaged."""
    every: dict[str, Damage | None] = {"": None, **(damages or {})}
    if opus and encoder():
        every[f", Opus at {OPUS_KBPS} kbps"] = through_opus
    rows = []
    for name, clips in sets.items():
        for suffix, damage in every.items():
            right = hits(judge, clips, damage)
            rows.append(row(name + suffix, **{q: share(h) for q, h in right.items() if len(h)}))
    chance = {"drums": 0.5, "family": 1 / len(FAMILIES), "tempo": 1 / len(TEMPOS)}
    chance |= {"mode": 1 / len(MODES), "key": 1 / (12 * len(MODES))}
    if judge.config.styles:
        chance["style"] = 1 / len(judge.config.styles)
    rows.append(row("chance", **chance))
    notes = [] if encoder() or not opus else [f"Opus {MISSING}"]
    return report("judge", "held-out works", [table("Accuracy of the judge", rows)], notes)
