"""Claim: each fact that was asked for is heard, where exact ground truth is known.

In place of the raters of MusicLM section 5: the independent judge, and signal analysis, which no
training touched. Beside each figure stands chance: the same verdicts dealt to the prompts at
random, what a system that is deaf to its prompts would score.

Facts are labels of the corpus (`musiclm.corpus.labels`), as many as are known: drums, families,
texture, bpm, tempo_class, key, mode, style, energy, density.

>>> asked = [{"drums": True, "bpm": 150.0}, {"drums": False, "tempo_class": "slow"}]
>>> labels = [known(one).labels for one in asked]
>>> [drums_of(known(one)) for one in asked], [tempo_of(known(one)) for one in asked]
([1, 0], [2, 0])
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from musiclm.corpus.vocabulary import FAMILIES
from musiclm.data.manifest import Clip
from musiclm.evaluate.analyst import Heard
from musiclm.evaluate.clips import Recording
from musiclm.evaluate.estimates import same_tempo
from musiclm.evaluate.harmony import MODES
from musiclm.evaluate.intervals import Estimate, share, tails, weights
from musiclm.evaluate.labels import (
    TEMPOS,
    drums_of,
    families_of,
    family_of,
    key_of,
    mode_of,
    place,
    tempo_class,
    tempo_of,
)

LEVELS = {"energy": ("low", "medium", "high"), "density": ("sparse", "medium", "dense")}
SAID = {  # facts that count only where the sentence says them: few do
    "mode": re.compile(r"\b(major|minor)\b", re.IGNORECASE),
    "key": re.compile(r"\b[A-G](?:#|b|♯|♭|[- ](?:sharp|flat))?[- ](?:[Mm]ajor|[Mm]inor)\b"),
}
MOST_PAIRS = 250_000  # of an answer and a question that chance is taken over

Score = Callable[[Any, Any], float]  # (asked, heard) -> 0 to 1
Draws = Float[np.ndarray, " r"]  # over all clips, then over each redrawn set


@dataclass(frozen=True)
class Question:
    """One fact: what was asked, what was heard, and how well they agree."""

    name: str
    by: str  # judge, or signal
    asked: Callable[[Clip], Any]  # None where nothing was
    heard: Callable[[Heard], Any]
    score: Score | None = None  # equality if None
    ordered: bool = False  # only the order of clips counts, for there is no scale to go by


@dataclass(frozen=True)
class Answer:
    """How often one fact was heard as asked."""

    question: Question
    estimate: Estimate
    chance: float
    draws: Draws  # of which differences of two systems are made


def known(facts: Mapping[str, Any]) -> Clip:
    """Facts as the labels of a clip; what has an impossible value is not known."""
    text = {
        name: facts[name]
        for name in ("tempo_class", "key", "mode", "style", "texture", *LEVELS)
        if isinstance(facts.get(name), str)
    }
    labels: dict[str, Any] = {name: value for name, value in text.items() if value}
    if isinstance(facts.get("drums"), bool):
        labels["drums"] = facts["drums"]
    bpm = facts.get("bpm")
    if isinstance(bpm, int | float) and not isinstance(bpm, bool) and 0 < bpm < 1000:
        labels["bpm"] = float(bpm)
    families = facts.get("families")
    if isinstance(families, Sequence) and not isinstance(families, str):
        labels["families"] = [one for one in families if isinstance(one, str)]
    return Clip("", "", 0.0, labels=labels)


def answers(
    recordings: Sequence[Recording], heard: Sequence[Heard], styles: Sequence[str] = ()
) -> list[Answer]:
    """Every question that was put to at least one clip; `styles` are those that the judge knows."""
    asked = [(known(one.facts), one.prompt) for one in recordings]
    found = []
    for question in questions(styles):
        wanted = [question.asked(clip) if _said(question, text) else None for clip, text in asked]
        told = [question.heard(one) for one in heard]
        answer = (_ordered if question.ordered else _shared)(question, wanted, told)
        if answer is not None:
            found.append(answer)
    return found


def questions(styles: Sequence[str] = ()) -> tuple[Question, ...]:
    """All that is asked, in the order of a table."""
    return (
        Question("drums", "judge", drums_of, lambda h: int(h.verdict.drums)),
        Question(
            "family of a solo", "judge", family_of, lambda h: FAMILIES.index(h.verdict.family)
        ),
        Question("families", "judge", _families_asked, lambda h: h.families, _overlap),
        Question("tempo class", "judge", tempo_of, lambda h: TEMPOS.index(h.verdict.tempo)),
        Question("tempo class", "signal", tempo_of, lambda h: tempo_class(h.structure.bpm)),
        Question("tempo within 4 %", "signal", _bpm, lambda h: h.structure.bpm, _exact),
        Question("tempo, half or double", "signal", _bpm, lambda h: h.structure.bpm, _octaves),
        Question("mode", "judge", mode_of, lambda h: MODES.index(h.verdict.mode)),
        Question("mode", "signal", mode_of, lambda h: place(MODES, h.structure.mode)),
        Question("key", "judge", key_of, lambda h: h.key),
        Question("key", "signal", key_of, _key_heard),
        Question("style", "judge", lambda c: _style(c, styles), lambda h: h.verdict.style),
        Question("energy, order", "signal", lambda c: _level(c, "energy"), _busy, ordered=True),
        Question("density, order", "signal", lambda c: _level(c, "density"), _busy, ordered=True),
    )


def _said(question: Question, text: str | None) -> bool:
    pattern = SAID.get(question.name)
    return pattern is None or text is None or pattern.search(text) is not None


def _shared(question: Question, wanted: Sequence[Any], told: Sequence[Any]) -> Answer | None:
    """How often, or how much, what is heard agrees with what was asked."""
    score = question.score or (lambda one, other: float(one == other))
    pairs = [(one, other) for one, other in zip(wanted, told, strict=True) if one is not None]
    if not pairs:
        return None
    scores = np.array(
        [
            np.nan if one is None else score(one, other)
            for one, other in zip(wanted, told, strict=True)
        ]
    )
    counts = weights(len(scores))
    there = np.isfinite(scores)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = counts @ np.where(there, scores, 0.0) / (counts @ there)
    right = scores[there]
    same = float(right.min()) == float(right.max())
    estimate = share(right) if same else Estimate(float(draws[0]), *tails(draws[1:]), len(right))
    return Answer(question, estimate, _chance(pairs, score), draws)


def _ordered(question: Question, wanted: Sequence[Any], told: Sequence[Any]) -> Answer | None:
    """Of two clips that differ in what was asked, how often they differ so in what is heard."""
    places = [i for i, one in enumerate(wanted) if one is not None]
    level = np.array([wanted[i] for i in places], dtype=np.float64)
    value = np.array([told[i] for i in places], dtype=np.float64)
    apart = level[:, None] > level
    if not apart.any():
        return None
    hits = np.where(apart, (np.sign(value[:, None] - value) + 1) / 2, 0.0)
    times = weights(len(wanted))[:, places]
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = ((times @ hits) * times).sum(axis=1) / ((times @ apart) * times).sum(axis=1)
    estimate = Estimate(float(draws[0]), *tails(draws[1:]), len(places))
    return Answer(question, estimate, 0.5, draws)


def _chance(pairs: Sequence[tuple[Any, Any]], score: Score) -> float:
    """The expected score of the same answers, dealt to the same questions at random."""
    wanted, told = (Counter(side) for side in zip(*pairs, strict=True))
    if len(wanted) * len(told) > MOST_PAIRS:  # numbers that are all different
        rng = np.random.default_rng(0)
        chosen = rng.choice(len(pairs), max(1, MOST_PAIRS // len(wanted)), replace=False)
        told = Counter(pairs[i][1] for i in chosen)
    total = sum(n * m * score(a, b) for a, n in wanted.items() for b, m in told.items())
    return float(total / wanted.total() / told.total())


def _bpm(clip: Clip) -> float | None:
    return clip.labels.get("bpm")


def _exact(asked: float | int, heard: float | int | None) -> float:
    return float(same_tempo(heard, asked, octaves=False))


def _octaves(asked: float | int, heard: float | int | None) -> float:
    return float(same_tempo(heard, asked))


def _families_asked(clip: Clip) -> frozenset[str] | None:
    return frozenset(families_of(clip)) or None


def _overlap(asked: frozenset[str], heard: frozenset[str]) -> float:
    """What both have, as a share of what either has."""
    return len(asked & heard) / len(asked | heard)


def _style(clip: Clip, styles: Sequence[str]) -> str | None:
    style = clip.labels.get("style")
    return style if style in styles else None


def _level(clip: Clip, name: str) -> int | None:
    return place(LEVELS[name], clip.labels.get(name))


def _key_heard(heard: Heard) -> int | None:
    tonic, mode = heard.structure.tonic, heard.structure.mode
    return None if tonic is None or mode is None else 2 * tonic + MODES.index(mode)


def _busy(heard: Heard) -> float:
    """How much happens in a second: clips are levelled, so loudness would say nothing."""
    return heard.structure.onsets_per_second
