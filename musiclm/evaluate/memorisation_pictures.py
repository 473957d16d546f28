"""The picture of `musiclm evaluate memorization`: matches by length of prompt, and what they cost.

figures |= draw(figures, recitals, threshold, Path("docs/results/memorization.json"))
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musiclm.evaluate.recital import Recital, Threshold
from musiclm.picture import NOT_DRAWN, canvas, save

TRAIN, HELD_OUT = "trained on", "held out"
MARKS = {TRAIN: ("C3", "o", -0.04), HELD_OUT: ("C0", "s", 0.04)}  # colour, mark, shift
COLUMNS = {"exact": "-", "approximate": "--"}


def draw(
    figures: Mapping[str, Any],
    recitals: Sequence[Recital],
    threshold: Threshold,
    report: Path,
) -> dict[str, Any]:
    """Draw it beside the report; what to add to the figures."""
    figure = canvas(11, 4.4)
    if figure is None:
        return {"notes": [*figures["notes"], NOT_DRAWN]}
    matches, costs = figure.subplots(1, 2)
    _draw_matches(matches, figures["tables"][0]["rows"], threshold)
    _draw_costs(costs, recitals, threshold)
    path = save(figure, report.with_name(f"{report.stem}.png"))
    title = "Exact and approximate matches by length of prompt, and costs beside those of strangers"
    return {"pictures": [{"title": title, "file": path.name}]}


def _draw_matches(axis: Any, rows: Sequence[Mapping[str, Any]], threshold: Threshold) -> None:
    for name, (colour, mark, shift) in MARKS.items():
        found = [line for line in rows if line["what"].endswith(name)]
        seconds = np.array([float(line["what"].split(" ")[0]) for line in found])
        for column, style in COLUMNS.items():
            cells = [line[column] for line in found]
            values = np.array([cell["value"] for cell in cells])
            arms = [
                values - [cell["low"] for cell in cells],
                np.array([cell["high"] for cell in cells]) - values,
            ]
            axis.errorbar(
                seconds + shift,
                100 * values,
                100 * np.clip(arms, 0.0, None),
                color=colour,
                fmt=mark + style,
                markerfacecolor=colour if column == "exact" else "white",
                capsize=3,
                label=f"{column}, {name}",
            )
    axis.axhline(
        100 * threshold.alarms.value, color="grey", linestyle=":", label="approximate, strangers"
    )
    axis.set(
        title="five seconds written after a prompt",
        xlabel="seconds of prompt",
        ylabel="examples matched, %",
        ylim=(0.0, None),
    )
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)


def _draw_costs(axis: Any, recitals: Sequence[Recital], threshold: Threshold) -> None:
    """After the longest prompt."""
    last = recitals[-1]
    trained = np.array([example.trained for example in last.examples])
    costs = last.costs.double().numpy()
    edges = np.linspace(0.0, max(float(threshold.strangers.max()), float(costs.max())), 40)
    axis.hist(threshold.strangers, edges, density=True, color="lightgrey", label="strangers")
    for name, rows in ((TRAIN, trained), (HELD_OUT, ~trained)):
        if rows.any():
            colour = MARKS[name][0]
            axis.hist(costs[rows], edges, density=True, histtype="step", color=colour, label=name)
    axis.axvline(threshold.value, color="black", linestyle="--", label="threshold")
    axis.set(
        title=f"continuations after {last.seconds:g} s beside their example",
        xlabel="cost of transport between token histograms",
        yticks=(),
        xlim=(0.0, None),
    )
    axis.legend(fontsize=8)
