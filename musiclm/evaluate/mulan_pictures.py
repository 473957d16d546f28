"""The picture of `musiclm evaluate mulan`: tags, contradictions and tokens, with chance marked.

figures |= draw(figures, Path("docs/results/mulan.json"))
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from musiclm.corpus.contradict import KINDS
from musiclm.picture import NOT_DRAWN, canvas, save

WANTED = {"instrument families": 0.9, "style words": 0.8, "mood words": 0.8}  # of the area
RIGHT = 0.9  # of captions over contradicting ones
Rows = Sequence[Mapping[str, Any]]


def draw(figures: Mapping[str, Any], report: Path) -> dict[str, Any]:
    """Draw it beside the report; what to add to the figures."""
    figure = canvas(12, 3.6)
    if figure is None:
        return {"notes": [*figures["notes"], NOT_DRAWN]}
    tables = {one["title"]: one["rows"] for one in figures["tables"]}
    tags, rivals, tokens = figure.subplots(1, 3)
    _draw_tags(tags, tables.get("Zero-shot tags", []))
    _draw_rivals(rivals, tables.get("The right caption over a contradicting one", []))
    _draw_tokens(tokens, tables.get("Tokens of a clip and of its caption", []))
    path = save(figure, report.with_name(f"{report.stem}.png"))
    title = "Zero-shot tags, captions over contradicting ones, and tokens in common, beside chance"
    return {"pictures": [{"title": title, "file": path.name}]}


def _draw_tags(axis: Any, rows: Rows) -> None:
    names = [row["what"] for row in rows]
    _bars(axis, names, [row["area"] for row in rows])
    wanted = [(k, WANTED[name]) for k, name in enumerate(names) if name in WANTED]
    axis.plot([v for _, v in wanted], [k for k, _ in wanted], "k|", markersize=16, label="wanted")
    axis.axvline(0.5, color="grey", linestyle=":", label="chance")
    axis.set(title="zero-shot tags", xlabel="area under the ROC curve", xlim=(0.4, 1.0))
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _draw_rivals(axis: Any, rows: Rows) -> None:
    cells = rows[0] if rows else {}
    names = [name for name in ("right", *KINDS) if name in cells]
    _bars(axis, ["all" if name == "right" else name for name in names], [cells[n] for n in names])
    axis.axvline(RIGHT, color="black", label="wanted of all")
    axis.axvline(0.5, color="grey", linestyle=":", label="chance")
    axis.set(title="right over contradicting caption", xlabel="share of pairs", xlim=(0.4, 1.0))
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _draw_tokens(axis: Any, rows: Rows) -> None:
    levels = [row for row in rows if "same_token" in row]
    places = range(1, len(levels) + 1)
    axis.plot(places, [max(row["same_token"], 1e-4) for row in levels], "o-", label="same token")
    axis.plot(places, [max(row["chance"], 1e-4) for row in levels], "s:", label="chance")
    axis.plot(places, [row["near"] for row in levels], "^-", label="cosine up to here")
    axis.set(title="a clip and its caption", xlabel="level", yscale="log", ylim=(5e-5, 1.5))
    axis.legend()


def _bars(axis: Any, names: Sequence[str], cells: Sequence[Mapping[str, float]]) -> None:
    places = range(len(names))
    values = [cell["value"] for cell in cells]
    sides = [
        [max(0.0, cell["value"] - cell["low"]) for cell in cells],
        [max(0.0, cell["high"] - cell["value"]) for cell in cells],
    ]
    axis.barh(places, values, xerr=sides, color="tab:blue", alpha=0.7)
    axis.set_yticks(list(places), names)
    axis.invert_yaxis()
