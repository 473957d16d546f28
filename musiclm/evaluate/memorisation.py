"""Claim: the semantic stage does not recite its training examples (MusicLM sections 4.4 and 5).

The stage is given the MuLan tokens of an example's sound and its first T semantic tokens, and
writes the next five seconds greedily: exactly those of the example? Or tokens whose histogram costs
little to turn into the example's? How little is little is calibrated on continuations beside
another example. Examples that were never trained on are asked the same: what they match is chance.

    figures = memorisation(MusicLM.from_pretrained("mini"), read_manifest("corpus"), n=200)
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.intervals import Estimate, mean, redrawn, share, tails
from musiclm.evaluate.memorisation_pictures import HELD_OUT, TRAIN, draw
from musiclm.evaluate.recital import (
    FALSE_ALARMS,
    STRANGERS,
    WRITTEN,
    Example,
    Recital,
    Threshold,
    calibrate,
    entropy,
    foretold,
    listen,
    recite,
)
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import Progress, origin, quiet, sample
from musiclm.lm.model import StageModel
from musiclm.pipeline import MusicLM
from musiclm.tokens import SEMANTIC

LONGEST = 10.0  # seconds of prompt: 250 tokens (section 4.4)
PROMPTS = (0.0, 2.5, 5.0, 7.5, 10.0)  # seconds; the paper names only the ends
PAPERS_ALARMS = 0.0001  # less than 0.01 % (section 4.4)
NAMED = 20  # matched examples in the report


def memorisation(
    music: MusicLM,
    clips: Sequence[Clip],
    *,
    n: int = 200,
    seconds: Sequence[float | int] | None = None,
    seed: int = 0,
    batch: int = 50,
    strangers: int = STRANGERS,
    pictures: Path | None = None,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """The share of exact and approximate matches by length of prompt, trained on and held out."""
    least = WRITTEN / SEMANTIC.rate
    for one in seconds or ():
        if not 0 <= one <= LONGEST:
            raise UserError(f"a prompt is between 0 and {LONGEST:g} s long, not {one:g}")
    usable = [clip for clip in clips if clip.seconds >= least]
    chosen = {
        TRAIN: sample([clip for clip in usable if clip.split == "train"], n, seed),
        HELD_OUT: sample([clip for clip in usable if clip.split != "train"], n, seed),
    }
    if len(chosen[TRAIN]) < 2:
        raise UserError(f"needs two training examples of {least:g} s; there are {len(usable)}")
    lengths = prompts([clip.seconds for clip in chosen[TRAIN]], seconds)
    both = [*chosen[TRAIN], *chosen[HELD_OUT]]
    found = listen(music, both, max(lengths) + least, progress)
    centroids = music.tokenizers.semantic.centroids.float().cpu()
    recitals = recite(music.stages["semantic"], centroids, found, lengths, batch, progress)
    threshold = calibrate(recitals, centroids, strangers, seed, progress)
    figures = summary(recitals, threshold)
    figures["tables"].append(
        table("Next token after the true ones before it", by_heart(music.stages["semantic"], found))
    )
    figures["reference"] = "; ".join(
        f"{name}: {origin(part)}" if part else f"{name}: none" for name, part in chosen.items()
    )
    figures["notes"] += _notes(chosen, lengths, seconds, len(clips) - len(usable), recitals)
    if pictures:
        figures |= draw(figures, recitals, threshold, pictures)
    return figures


def prompts(lasting: Sequence[float], asked: Sequence[float | int] | None) -> list[float]:
    """Seconds of prompt that leave five seconds to compare in at least two examples.

    >>> prompts([10.0, 10.0, 10.0], None)
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    >>> prompts([30.0, 30.0], None)
    [0.0, 2.5, 5.0, 7.5, 10.0]
    """
    longest = sorted(lasting)[-2] - WRITTEN / SEMANTIC.rate
    if asked is not None:
        kept = sorted({float(one) for one in asked if one <= longest + 1e-6})
        if not kept:
            raise UserError(f"prompts can be {longest:g} s at most: the examples are too short")
        return kept
    if longest >= LONGEST:
        return list(PROMPTS)
    return [float(one) for one in range(int(longest + 1e-6) + 1)]


def summary(recitals: Sequence[Recital], threshold: Threshold) -> dict[str, Any]:
    """The tables."""
    lines = [line for one in recitals for line in _lines(one, threshold)]
    calibrated = [
        row(
            "a continuation and another example",
            threshold=threshold.value,
            matched=threshold.alarms,
            median_cost=float(np.median(threshold.strangers)),
            least_cost=float(threshold.strangers.min()),
        )
    ]
    tables = [
        table("Continuations that match the example", lines),
        table("Trained on beyond held out", _beyond(recitals, threshold)),
        table("The threshold, calibrated on strangers", calibrated),
        table("Empirical entropy of 125 tokens, bits", _entropies(recitals, threshold)),
    ]
    if named := _named(recitals, threshold):
        tables.append(table("Matched examples after the longest prompt, the nearest first", named))
    return report("memorisation", "", tables, _meaning(len(threshold.strangers)))


def _meaning(count: int) -> list[str]:
    below = "" if count >= 1 / PAPERS_ALARMS else "not "
    return [
        f"exact: all {WRITTEN} tokens (5 s) written greedily are the example's; same tokens: the "
        "share that is, place by place",
        "approximate: token histograms within the threshold by optimal transport (Sinkhorn); the "
        "ground cost is the distance of this tokenizer's centroids, so the threshold is its own "
        "and not the paper's 0.85",
        f"strangers: {count:,} pairs of a continuation and an example of another work; the "
        f"threshold lets fewer than {FALSE_ALARMS:.0%} of them match",
        f"closer than any stranger: false alarms are rarer than 1 in {count:,}, which is {below}"
        f"the paper's {PAPERS_ALARMS:.2%}; to be 95 % sure of that, none of "
        f"{3 / PAPERS_ALARMS:,.0f} independent pairs may match, and pairs that share an example "
        "are not quite independent",
        "held out: what matches there was never learned; music that repeats itself matches too",
        "the paper, of its own system: exact below 0.2 % and approximate about 1 % after 10 s; "
        "entropy 4.6 bits, 1.0 of the closest matches, which repeat a token",
        "a greedy stage may stick to one token; what it knows by heart then shows only where it is "
        "asked for each token after the true ones before it (not in the paper): the last table",
        "intervals resample examples",
    ]


def _lines(one: Recital, threshold: Threshold) -> list[dict[str, Any]]:
    lines = []
    for name, rows in _sides(one):
        cost = one.costs.double().numpy()[rows]
        lines.append(
            row(
                f"{one.seconds:g} s, {name}",
                exact=share(one.exact[rows]),
                approximate=share(cost <= threshold.value),
                closer_than_any_stranger=share(cost <= threshold.strict),
                same_tokens=mean(one.same[rows]),
                cost=mean(cost),
            )
        )
    return lines


def _sides(one: Recital) -> list[tuple[str, np.ndarray]]:
    trained = np.array([example.trained for example in one.examples])
    sides = ((TRAIN, trained), (HELD_OUT, ~trained))
    return [(name, np.flatnonzero(rows)) for name, rows in sides if rows.any()]


def _beyond(recitals: Sequence[Recital], threshold: Threshold) -> list[dict[str, Any]]:
    """By how much matches are commoner among examples that were learned."""
    lines = []
    for one in recitals:
        sides = dict(_sides(one))
        if len(sides) < 2:
            return [row("no held-out example is long enough")]
        figures = {
            "exact": one.exact.astype(float),
            "approximate": (one.costs.double().numpy() <= threshold.value).astype(float),
            "same_tokens": one.same,
            "cost": one.costs.double().numpy(),
        }
        ours, theirs = sides[TRAIN], sides[HELD_OUT]
        apart = {name: difference(x[ours], x[theirs]) for name, x in figures.items()}
        lines.append(row(f"{one.seconds:g} s", **apart))
    return lines


def difference(ours: Float[np.ndarray, " n"], theirs: Float[np.ndarray, " m"]) -> Estimate:
    """Of two means; both sides are redrawn, each with draws of its own.

    >>> found = difference(np.array([1.0, 0.0] * 50), np.zeros(100))
    >>> found.value, found.low > 0.3
    (0.5, True)
    """
    one = redrawn(len(ours)) @ ours / len(ours)
    other = np.random.default_rng(1).permutation(redrawn(len(theirs)) @ theirs / len(theirs))
    value = float(ours.mean() - theirs.mean())
    low, high = tails(one - other)
    if low == high and {*ours, *theirs} <= {0.0, 1.0}:  # no draw differs: Newcombe's interval
        first, second = share(ours), share(theirs)
        low = value - math.hypot(first.value - first.low, second.high - second.value)
        high = value + math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, low, high, len(ours) + len(theirs))


def _entropies(recitals: Sequence[Recital], threshold: Threshold) -> list[dict[str, Any]]:
    """Matches of little entropy are one token that repeats, not a melody that was kept."""
    written = np.concatenate([entropy(one.written) for one in recitals])
    target = np.concatenate([entropy(one.target) for one in recitals])
    costs = np.concatenate([one.costs.double().numpy() for one in recitals])
    exact = np.concatenate([one.exact for one in recitals])
    every = np.ones(len(costs), bool)
    kinds = {
        "all": every,
        "approximate matches": costs <= threshold.value,
        "closer than any stranger": costs <= threshold.strict,
        "exact matches": exact,
    }
    return [
        row(name, examples=mean(target[rows]), continuations=mean(written[rows]))
        for name, rows in kinds.items()
        if rows.any()
    ]


def by_heart(model: StageModel, examples: Sequence[Example]) -> list[dict[str, Any]]:
    """What the stage knows of each set where its own greedy tokens do not lead it astray."""
    trained = np.array([example.trained for example in examples])
    figures = foretold(model, examples)
    sides = [(TRAIN, trained), (HELD_OUT, ~trained)]
    lines = [
        row(name, **{key: mean(values[rows]) for key, values in figures.items()})
        for name, rows in sides
        if rows.any()
    ]
    if len(lines) == 2:
        apart = {key: difference(x[trained], x[~trained]) for key, x in figures.items()}
        lines.append(row("difference", **apart))
    return lines


def _named(recitals: Sequence[Recital], threshold: Threshold) -> list[dict[str, Any]]:
    last = recitals[-1]
    bits = entropy(last.target)
    ranked = np.argsort(last.costs.numpy(), kind="stable")
    matched = [i for i in ranked if last.costs[i] <= threshold.value or last.exact[i]]
    return [
        row(
            last.examples[i].name,
            set=TRAIN if last.examples[i].trained else HELD_OUT,
            exact="yes" if last.exact[i] else "no",
            same_tokens=float(last.same[i]),
            cost=float(last.costs[i]),
            entropy=float(bits[i]),
        )
        for i in matched[:NAMED]
    ]


def _notes(
    chosen: dict[str, list[Clip]],
    lengths: Sequence[float],
    asked: Sequence[float | int] | None,
    short: int,
    recitals: Sequence[Recital],
) -> list[str]:
    notes = ["MuLan tokens of an example are those of its own sound, as in training, all 12 levels"]
    if lengths[-1] < LONGEST:
        notes.append(
            f"the paper prompts with up to {LONGEST:g} s; these examples last "
            f"{max(clip.seconds for clip in chosen[TRAIN]):g} s at most, which leaves "
            f"{lengths[-1]:g} s before the 5 that are compared"
        )
    left = [f"{one:g}" for one in asked or () if one not in lengths]
    if left:
        notes.append(f"prompts that leave too little of the examples: {', '.join(left)} s")
    if short:
        notes.append(f"{short} recordings are shorter than 5 s and were left out")
    most = len(chosen[TRAIN]) + len(chosen[HELD_OUT])
    if any(len(one.examples) < most for one in recitals):
        notes.append("examples too short for a prompt are not asked with it: see n")
    return notes
