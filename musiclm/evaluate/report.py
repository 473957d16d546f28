"""One table and one JSON for each claim: how the figures of an evaluation are shown and kept.

Every evaluation returns the same plain dictionary:

    {"claim": ..., "reference": ..., "notes": [...],
     "tables": [{"title": ..., "rows": [{"what": ..., "figure": {"value", "low", "high", "n"}}]}]}

and may add "pictures": [{"title": ..., "file": ...}], whose files lie beside the report.

>>> from musiclm.evaluate.intervals import mean
>>> rows = [row("ours", distance=mean([0.5, 0.7])), row("Opus", distance="not measured")]
>>> figures = report("codec", "2 test clips", [table("held-out clips", rows)])
>>> print(markdown(figures).splitlines()[-2])
| ours | 0.600 (0.500-0.700) n=2 |
"""

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from musiclm.checkpoint import atomic_path
from musiclm.evaluate.intervals import Estimate

Cell = Estimate | float | int | str | None


def row(what: str, **cells: Cell) -> dict[str, Any]:
    """One line of a table: what is measured, and its figures by column."""
    plain = {name: c.as_dict() if isinstance(c, Estimate) else c for name, c in cells.items()}
    return {"what": what} | plain


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows under one title; a row may leave columns out."""
    return {"title": title, "rows": [dict(one) for one in rows]}


def report(
    claim: str,
    reference: str,
    tables: Sequence[Mapping[str, Any]],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """All that one evaluation has to say; `reference` names the set and its size."""
    return {
        "claim": claim,
        "date": datetime.date.today().isoformat(),
        "reference": reference,
        "tables": [dict(one) for one in tables],
        "notes": list(notes),
    }


def show(figures: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the tables."""
    console = console or Console()
    console.print(f"[bold]{figures['claim']}[/bold]  {figures['reference']}", highlight=False)
    for one in figures["tables"]:
        columns = _columns(one["rows"])
        drawn = Table(title=one["title"], title_justify="left")
        for column in columns:
            drawn.add_column(_heading(column), justify="left" if column == "what" else "right")
        for line in one["rows"]:
            drawn.add_row(*(_text(line.get(column)) for column in columns))
        console.print(drawn)
    for note in figures["notes"]:
        console.print(f"- {note}", markup=False, highlight=False)


def save(figures: Mapping[str, Any], path: Path | str, command: str | None = None) -> None:
    """Write the figures as JSON, and the tables as Markdown beside it."""
    path = Path(path).with_suffix(".json")
    whole = dict(figures) | ({"command": command} if command else {})
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    with atomic_path(path.with_suffix(".md")) as temporary:
        temporary.write_text(markdown(whole))


def markdown(figures: Mapping[str, Any]) -> str:
    """The tables for a card or a README."""
    lines = [f"## {figures['claim']}", "", f"{figures['reference']}. {figures['date']}."]
    if "command" in figures:
        lines += ["", f"    {figures['command']}"]
    for note in figures["notes"]:
        lines += ["", f"- {note}"]
    for one in figures["tables"]:
        columns = _columns(one["rows"])
        lines += ["", f"**{one['title']}**", ""]
        lines.append("| " + " | ".join(_heading(column) for column in columns) + " |")
        lines.append("|" + "---|" * len(columns))
        for line in one["rows"]:
            lines.append("| " + " | ".join(_text(line.get(column)) for column in columns) + " |")
    for picture in figures.get("pictures", ()):
        lines += ["", f"![{picture['title']}]({picture['file']})", "", picture["title"] + "."]
    return "\n".join(lines) + "\n"


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(column for line in rows for column in line))


def _heading(column: str) -> str:
    return "" if column == "what" else column.replace("_", " ")


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Mapping):
        low, high = f"{cell['low']:.3f}", f"{cell['high']:.3f}"
        dash = "-" if cell["low"] >= 0 else " to "
        return f"{cell['value']:.3f} ({low}{dash}{high}) n={cell['n']}"
    if isinstance(cell, float):
        return f"{cell:.3f}"
    return str(cell)
