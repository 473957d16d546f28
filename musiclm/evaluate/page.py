"""The report of `evaluate music` as files: a page that stands alone, JSON, Markdown and a CSV.

    save_report(figures, Path("report"), "musiclm evaluate music clips")

The page holds its pictures and the clips that one wants to hear: it can be sent as one file.
"""

import base64
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from musiclm.audio import SAMPLE_RATE, Waveform, read_crop
from musiclm.checkpoint import atomic_path
from musiclm.errors import UserError
from musiclm.evaluate.music_clips import save_csv
from musiclm.evaluate.music_pictures import draw, systems
from musiclm.evaluate.report import save
from musiclm.picture import NOT_DRAWN

TEMPLATE = Path(__file__).with_name("music.html")
FIRST, ODD = 4, 3  # clips of each system that can be heard: the first, and those that stand out
SECONDS = 15.0  # of each


def save_report(figures: Mapping[str, Any], folder: Path, command: str | None = None) -> list[Path]:
    """Write report.json, report.md, clips.csv, pictures and index.html; their paths."""
    pictures = draw(figures, folder)
    whole = dict(figures) | ({"pictures": pictures} if pictures else {})
    if not pictures:
        whole["notes"] = [*figures["notes"], NOT_DRAWN]
    save(whole, folder / "report.json", command)
    save_csv(figures["clips"], folder / "clips.csv")
    page = folder / "index.html"
    with atomic_path(page) as temporary:
        told = whole | ({"command": command} if command else {})
        temporary.write_text(html(told, folder), encoding="utf-8")
    names = ("report.json", "report.md", "clips.csv", *(one["file"] for one in pictures))
    return [page, *(folder / name for name in names)]


def html(figures: Mapping[str, Any], folder: Path) -> str:
    """The page; `folder` is where its pictures lie."""
    try:
        from jinja2 import Environment
    except ImportError as error:
        raise UserError("the page needs jinja2: pip install 'musiclm[evaluate]'") from error
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"number": number, "columns": columns}
    pictures = [
        {"title": one["title"], "data": _uri(folder / one["file"], "image/png")}
        for one in figures.get("pictures", ())
    ]
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        figures=figures, names=systems(figures), pictures=pictures, clips=_heard(figures["clips"])
    )


def columns(table: Mapping[str, Any]) -> list[str]:
    """Of all rows, in their order."""
    return list(dict.fromkeys(column for line in table["rows"] for column in line))


def number(value: object) -> str:
    """With as many digits as can be read.

    >>> [number(value) for value in (0.12345, 12.345, 1234.5, 7, "judge", None, float("nan"))]
    ['0.123', '12.3', '1234', '7', 'judge', '', '-']
    """
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    return f"{value:.0f}" if size >= 1000 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"


def _heard(clips: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those with a player, and why."""
    chosen: list[dict[str, Any]] = []
    for name in dict.fromkeys(clip["folder"] for clip in clips):
        own = [clip for clip in clips if clip["folder"] == name]
        chosen += [dict(clip) | {"why": _why(clip, "")} for clip in own[:FIRST]]
        apart = next((column for column in own[0] if column.startswith("outlier")), "")
        if apart:
            odd = sorted(own[FIRST:], key=lambda clip: -(clip[apart] or 0.0))[:ODD]
            told = "far from the reference ({}). "
            chosen += [
                dict(clip) | {"why": _why(clip, told.format(number(clip[apart])))} for clip in odd
            ]
    return [clip | {"data": _sound(clip)} for clip in chosen]


def _why(clip: Mapping[str, Any], before: str) -> str:
    fits = [f"{name} {number(clip[name])}" for name in clip if name.startswith("fit, ")]
    ill = [word for word in ("silent", "clipped", "stuck") if clip.get(word)]
    parts = [*fits, f"{number(clip['bpm'])} bpm" if clip["bpm"] else "", clip["key"] or "", *ill]
    return before + ", ".join(part for part in parts if part)


def _sound(clip: Mapping[str, Any]) -> str | None:
    """A small file, inside the page."""
    seconds = min(SECONDS, clip["seconds"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.ogg"
        try:
            Waveform(read_crop(clip["file"], 0.0, seconds), SAMPLE_RATE).save(path)
        except UserError:  # moved since it was judged
            return None
        return _uri(path, "audio/ogg")


def _uri(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
