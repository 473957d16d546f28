"""Teaches the judge, and measures it: on its own held-out works, on another soundfont, after Opus.

judge = fit(read_manifest("judge_corpus"), seed=0)
judge.save("judge.safetensors")
show(judged(judge, {"own works": test_clips, "other soundfont": other_clips}))
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from musiclm.evaluate.intervals import share
from musiclm.evaluate.judge import Judge, JudgeConfig, level
from musiclm.evaluate.labels import TEMPOS, drums_of, families_of, family_of, tempo_of
from musiclm.evaluate.opus import MISSING, encoder, round_trip
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import Progress, chunks, load, quiet

OPUS_KBPS = 12
UNKNOWN = -1  # in the place of an answer that a clip does not have
WEIGHTS = {"drums": 1.0, "family": 1.0, "tempo": 1.0, "present": 0.5}
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

    def __getitem__(self, rows: Tensor) -> "Answers":
        """Some of them."""
        return Answers(self.drums[rows], self.family[rows], self.tempo[rows], self.present[rows])


def answers_of(clips: Sequence[Clip]) -> Answers:
    """What the labels of clips answer."""

    def ids(question: Callable[[Clip], int | None]) -> Int[Tensor, " n"]:
        found = (question(clip) for clip in clips)
        return torch.tensor([UNKNOWN if one is None else one for one in found])

    present = [[float(family in families_of(clip)) for family in FAMILIES] for clip in clips]
    return Answers(ids(drums_of), ids(family_of), ids(tempo_of), torch.tensor(present))


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
        judge = Judge(config or JudgeConfig())
        features, answers = _examples(judge, learned, how, generator, progress)
        _learn(judge, features, answers, how, generator, progress)
    return judge.eval()


def _examples(
    judge: Judge,
    clips: Sequence[Clip],
    how: FitConfig,
    generator: torch.Generator,
    progress: Progress,
) -> tuple[Float[Tensor, "n frames d"], Answers]:
    """Log-mel of every clip, and of some of them vocoded; float16, since thousands are kept."""
    features: list[Tensor] = []
    rows: list[int] = []
    for start in range(0, len(clips), how.batch):
        progress("listen", start, len(clips))
        wave = load(clips[start : start + how.batch])
        features.append(judge.log_mel(wave[:, 0]).half())
        rows += range(start, start + len(wave))
        some = (torch.rand(len(wave), generator=generator) < how.vocoded).nonzero()[:, 0]
        for part in some.split(4) if len(some) else ():  # each few with a vocoder of their own
            features.append(judge.log_mel(vocode(wave[part], generator)[:, 0]).half())
            rows += [start + int(i) for i in part]
    return torch.cat(features), answers_of(clips)[torch.tensor(rows)]


def _learn(
    judge: Judge,
    features: Float[Tensor, "n frames d"],
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
    steps = how.passes * max(1, len(features) // how.batch)
    order = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        progress("learn", step, steps)
        done = (step + 0.5) / steps
        for group in optimiser.param_groups:
            group["lr"] = how.learning_rate * min(1.0, done / 0.1, (1.0 - done) / 0.6)
        if len(order) < min(how.batch, len(features)):
            order = torch.randperm(len(features), generator=generator)
        rows, order = order[: how.batch], order[how.batch :]
        worse = level(disturb(features[rows].float(), generator))
        with autocast(worse.device, "bf16"):
            opinion = judge.opinion(worse)
        terms = losses(opinion, answers[rows])
        loss = torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimiser.step()


def losses(opinion: Any, answers: Answers) -> dict[str, Tensor]:
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
    }


def _cross_entropy(logits: Float[Tensor, "b k"], answers: Int[Tensor, " b"]) -> Tensor:
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
    truth = answers_of(clips)
    said = {
        "drums": torch.cat([part.drums > 0 for part in parts]).long(),
        "family": torch.cat([part.family.argmax(dim=-1) for part in parts]),
        "tempo": torch.cat([part.tempo.argmax(dim=-1) for part in parts]),
    }
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
    rows.append(row("chance", **chance))
    notes = [] if encoder() or not opus else [f"Opus {MISSING}"]
    return report("judge", "held-out works", [table("Accuracy of the judge", rows)], notes)
