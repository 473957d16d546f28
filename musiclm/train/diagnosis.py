"""What a codec's figures mean, in plain English, and what to try. Not in the paper.

The figures are those of `musiclm.train.diagnostics`, of the last logged step and of the last
validation; what is not among them is not judged. docs/codec-training.md tells where the limits are
from: runs that were broken on purpose.

>>> diagnose({"critics.win_rate": 0.7})
[]
>>> print(*diagnose({"critics.win_rate": 0.99}))  # doctest: +ELLIPSIS
the critics win 99 % of their calls: the codec learns little from them; lower the weight ...
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from musiclm.codec.losses import band_edges

Figures = Mapping[str, Any]

USED = 0.5  # share of the codes that a level could have shown
SAID = 0.6  # share of the bits that a level could carry
REVIVED = 0.02  # share of a level's codes replaced each step
WINS = 0.95
FOOLING = 0.9  # share of the gradient
DIRECTIONS = 16  # or a third of the dimension, where that is less
REACHES = 1e-3  # gradient of the encoder relative to the decoder's
BIAS = 0.6  # nepers; a young codec errs by 0.4 towards the mean spectrum
LEVELS_ADD = 0.003  # share of the distance that the levels behind the coarse ones take off
DRONE = 0.95  # of the distance of a still spectrum
CLIPPED = 100.0  # times the norm that is let through


def diagnose(figures: Figures) -> list[str]:
    """One sentence for each thing that is wrong; none for a healthy run."""
    found = (rule(figures) for rule in RULES)
    return [sentence for sentence in found if sentence]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"


def _worst(values: Sequence[float], limit: float) -> tuple[int, int]:
    """The place of the least value, counted from one, and how many lie below the limit."""
    least = min(range(len(values)), key=values.__getitem__)
    return least + 1, sum(value < limit for value in values)


def _others(count: int) -> str:
    return f" (as do {count - 1} other levels)" if count > 1 else ""


def unused_codes(figures: Figures) -> str | None:
    """Against the share that as many tokens, drawn evenly, would show."""
    if "usage" not in figures or not figures["tokens"]:
        return None
    could = 1 - math.exp(-figures["tokens"] / figures["codes"])
    level, count = _worst([share / could for share in figures["usage"]], USED)
    if not count:
        return None
    share = _percent(figures["usage"][level - 1])
    return (
        f"level {level} uses {share} of its codes, too few{_others(count)}: raise `revive_below` "
        "or lower `decay`; if the latents use few directions too, mend those first"
    )


def poor_codes(figures: Figures) -> str | None:
    """Codes that occur, but some of them nearly always."""
    if "entropy" not in figures or not figures["tokens"]:
        return None
    could = max(math.log2(min(figures["codes"], max(2, figures["tokens"]))), 1e-9)
    level, count = _worst([bits / could for bits in figures["entropy"]], SAID)
    if not count:
        return None
    bits = figures["entropy"][level - 1]
    return (
        f"level {level} carries {bits:.1f} of {could:.1f} bits, too few{_others(count)}: "
        "a few codes are chosen nearly always; look at the latents' directions"
    )


def restless_codes(figures: Figures) -> str | None:
    """Revived codes that die again."""
    if "revived" not in figures or not figures.get("steps"):
        return None
    rates = [count / figures["steps"] / figures["codes"] for count in figures["revived"]]
    level = max(range(len(rates)), key=rates.__getitem__)
    if rates[level] < REVIVED:
        return None
    return (
        f"level {level + 1} replaces {_percent(rates[level])} of its codes at every step: they die "
        "as fast as they are revived; lower `lr`, or the codebook is too large for the batch"
    )


def few_directions(figures: Figures) -> str | None:
    """A collapsed latent: the first levels name it and the others find nothing to add."""
    if "directions" not in figures:
        return None
    used, all_of_them = round(figures["directions"]), round(figures["dimension"])
    if used >= min(DIRECTIONS, all_of_them / 3):
        return None
    return (
        f"the latents use {used} of {all_of_them} directions: they have collapsed; lower `lr`, "
        "raise the weight of `correlation`, choose a smaller `dimension`"
    )


def idle_levels(figures: Figures) -> str | None:
    """Fine levels that change nothing."""
    by_levels = sorted(
        (int(name.split("_")[2]), value)
        for name, value in figures.items()
        if name.startswith("log_mel_") and name.endswith("_levels")
    )
    if len(by_levels) < 2:
        return None
    (few, with_few), (every, with_all) = by_levels[0], by_levels[-1]
    if with_few - with_all >= LEVELS_ADD * with_few:
        return None
    return (
        f"levels {few + 1} to {every} add nothing: the distance is {with_all:.3f} with all and "
        f"{with_few:.3f} with {few}; see to the latents, or train longer"
    )


def strong_critics(figures: Figures) -> str | None:
    """A critic that is always right has no slope to climb."""
    if figures.get("critics.win_rate", 0.0) < WINS:
        return None
    return (
        f"the critics win {_percent(figures['critics.win_rate'])} of their calls: the codec learns "
        "little from them; lower the weight of `adversarial`, begin later, or make them smaller"
    )


def loud_critics(figures: Figures) -> str | None:
    """The terms that fool the critics, beside those that hold on to the original."""
    share = figures.get("share.adversarial", 0.0) + figures.get("share.features", 0.0)
    if share < FOOLING:
        return None
    return (
        f"the critics' terms are {_percent(share)} of the gradient at the decoder's output: the "
        "codec no longer hears the original; lower `adversarial` and `features`, or set `shares`"
    )


def stopped_critics(figures: Figures) -> str | None:
    """What the fallback did."""
    mode = round(figures.get("critics.mode", 0))
    if mode == 1:
        return (
            "the critics are paused: they won too often, and learn again when the codec has "
            "caught up; the codec still hears them"
        )
    if mode == 2:
        return (
            "the critics are switched off: the reconstruction had grown too much worse since they "
            "entered; training goes on with the reconstruction alone"
        )
    return None


def deaf_encoder(figures: Figures) -> str | None:
    """Gradients that stop at the quantiser."""
    names = [f"model.{part}.grad_norm" for part in ("encoder", "decoder")]
    if not all(name in figures for name in names):
        return None
    encoder, decoder = (figures[name] for name in names)
    if encoder >= REACHES * decoder:
        return None
    return (
        f"the encoder's gradient is {encoder:.1e}, the decoder's {decoder:.1e}: next to nothing "
        "reaches the encoder; look at `commitment` and at the codes in use"
    )


def clipped_gradient(figures: Figures) -> str | None:
    """Steps that are nearly all clipping."""
    if "clip_norm" not in figures or "model.grad_norm" not in figures:
        return None
    over = figures["model.grad_norm"] / figures["clip_norm"]
    if over < CLIPPED:
        return None
    return (
        f"gradients are {over:.0f} times what `clip_norm` lets through: training is unstable; "
        "lower `lr` or the weight of the largest term (see `share.*`)"
    )


def drone(figures: Figures) -> str | None:
    """No better than each clip's own mean spectrum, held still."""
    names = [name for name in figures if name.startswith("log_mel_") and name != "log_mel_still"]
    if "log_mel_still" not in figures or not names:
        return None
    distance, still = min(figures[name] for name in names), figures["log_mel_still"]
    if distance < DRONE * still:
        return None
    return (
        f"the distance to the original, {distance:.3f}, is about what a drone scores (each clip's "
        f"mean spectrum, held still: {still:.3f}): lower `lr`, or wait if training is young"
    )


def wrong_bands(figures: Figures) -> str | None:
    """The run of bands, all too soft or all too loud, that is worst."""
    if "band_bias" not in figures:
        return None
    bias, edges = figures["band_bias"], band_edges()
    worst = max(range(len(bias)), key=lambda band: abs(bias[band]))
    if abs(bias[worst]) < BIAS:
        return None
    first = last = worst
    while first > 0 and bias[first - 1] * bias[worst] > 0 and abs(bias[first - 1]) >= BIAS:
        first -= 1
    while last + 1 < len(bias) and bias[last + 1] * bias[worst] > 0 and abs(bias[last + 1]) >= BIAS:
        last += 1
    mean = sum(bias[first : last + 1]) / (last + 1 - first)
    return (
        f"the decoder is {abs(mean):.2f} nepers too {'soft' if mean < 0 else 'loud'} "
        f"{_where(edges[first], edges[last + 1], edges)}: see the sample pictures"
    )


def _where(low: float, high: float, edges: Sequence[float]) -> str:
    def hertz(frequency: float) -> str:
        return f"{frequency / 1000:.2g} kHz" if frequency >= 1000 else f"{frequency:.0f} Hz"

    if low == edges[0] and high == edges[-1]:
        return "everywhere"
    if high == edges[-1]:
        return f"above {hertz(low)}"
    return f"below {hertz(high)}" if low == edges[0] else f"from {hertz(low)} to {hertz(high)}"


RULES: tuple[Callable[[Figures], str | None], ...] = (
    drone,
    few_directions,
    unused_codes,
    poor_codes,
    restless_codes,
    idle_levels,
    wrong_bands,
    strong_critics,
    loud_critics,
    stopped_critics,
    deaf_encoder,
    clipped_gradient,
)
