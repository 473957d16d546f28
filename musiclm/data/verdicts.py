"""What a check says of each recording and of all of them: lists, a table, figures and a picture.

>>> silent = {"silent": Tally(1, 10.0, True)}
>>> checked = Check(Path("music"), Path("out"), 3, 30.0, 1, 0, silent, quarantined_seconds=10.0)
>>> print(checked.table())
reason            files     seconds    share
error   silent        1        10.0   33.33%
clean                 2        20.0   66.67%
total                 3        30.0  100.00%
"""

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from musiclm.checkpoint import atomic_path
from musiclm.data.faults import REASONS, Facts, Limits, is_error
from musiclm.data.manifest import Clip, write_manifest
from musiclm.data.sources.found import printable
from musiclm.picture import canvas, save

BINS = 40


class Tally(NamedTuple):
    """Recordings with one reason."""

    files: int
    seconds: float
    error: bool


class Verdict:
    """One recording: what is wrong with it, and the few figures that the pictures show."""

    __slots__ = ("id", "path", "seconds", "figures", "reasons", "bad", "copy_of")

    def __init__(self, name: str, path: str, facts: Facts):
        self.id, self.path, self.seconds = name, path, facts.seconds
        self.figures = (facts.rms_db, facts.peak, facts.sample_rate, facts.channels, facts.form)
        self.reasons: dict[str, str] = {}
        self.bad = False
        self.copy_of = ""

    def copies(self, reason: str, of: "Verdict", detail: str) -> None:
        """Note that it is a copy of another, which is kept."""
        self.reasons[reason] = f"{of.id}: {detail}"
        self.bad, self.copy_of = True, of.id

    def row(self, folder: Path) -> dict[str, Any]:
        """As it is listed; the path is relative to the list's folder."""
        row = {
            "id": self.id,
            "path": printable(os.path.relpath(self.path, folder.absolute())),
            "seconds": self.seconds,
            "reasons": [reason for reason in REASONS if reason in self.reasons],
            "details": self.reasons,
        }
        return row | ({"copy_of": self.copy_of} if self.copy_of else {})


@dataclass(frozen=True)
class Check:
    """How a check ended. Every recording is clean or quarantined; `warned` ones are clean."""

    source: Path
    output: Path
    files: int
    seconds: float
    quarantined: int
    warned: int
    reasons: dict[str, Tally]
    quarantined_seconds: float = 0.0
    manifest: Path | None = None  # of what is clean
    picture: Path | None = None  # None without matplotlib
    passed_over: tuple[tuple[str, str], ...] = ()  # (path, why): folders, files of other kinds

    @property
    def clean(self) -> int:
        """Recordings that may be trained on."""
        return self.files - self.quarantined

    def rows(self) -> list[tuple[str, str, int, float, float]]:
        """(kind, reason, files, seconds, share of files), then clean ones and all."""
        rows = [
            ("error" if tally.error else "warning", reason, tally.files, tally.seconds)
            for reason, tally in self.reasons.items()
        ]
        rows += [("clean", "", self.clean, self.seconds - self.quarantined_seconds)]
        rows += [("total", "", self.files, self.seconds)]
        return [(*row, row[2] / max(1, self.files)) for row in rows]

    def table(self) -> str:
        """The rows as text; a recording with two reasons is in two of them."""
        wide = max(len(f"{kind:8}{reason}") for kind, reason, *_ in self.rows())
        lines = [f"{'reason':{wide}} {'files':>8} {'seconds':>11} {'share':>8}"]
        lines += [
            f"{f'{kind:8}{reason}':{wide}} {files:8} {seconds:11.1f} {share:8.2%}"
            for kind, reason, files, seconds, share in self.rows()
        ]
        return "\n".join(lines)


def write(
    source: Path,
    output: Path,
    verdicts: Sequence[Verdict],
    clips: Sequence[Clip] | None,
    passed_over: Sequence[tuple[str, str]],
    limits: Limits,
) -> Check:
    """Write all lists, the report and the picture."""
    _write_list(output / "quarantine.jsonl", (v for v in verdicts if v.bad))
    _write_list(output / "warnings.jsonl", (v for v in verdicts if v.reasons and not v.bad))
    manifest = None
    if clips is not None:
        manifest = output / "manifest.checked.jsonl"
        pairs = zip(clips, verdicts, strict=True)
        write_manifest(manifest, (clip for clip, verdict in pairs if not verdict.bad))
    result = Check(
        source=source,
        output=output,
        files=len(verdicts),
        seconds=round(math.fsum(v.seconds for v in verdicts), 3),
        quarantined=sum(v.bad for v in verdicts),
        warned=sum(bool(v.reasons) and not v.bad for v in verdicts),
        reasons=_tallies(verdicts, limits),
        quarantined_seconds=round(math.fsum(v.seconds for v in verdicts if v.bad), 3),
        manifest=manifest,
        picture=draw(output / "histograms.png", verdicts),
        passed_over=tuple(passed_over),
    )
    with atomic_path(output / "report.json") as temporary:
        temporary.write_text(json.dumps(_report(result, verdicts, limits), indent=2) + "\n")
    return result


def _write_list(path: Path, verdicts: Iterable[Verdict]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for verdict in verdicts:
            file.write(json.dumps(verdict.row(path.parent), ensure_ascii=False) + "\n")


def _tallies(verdicts: Sequence[Verdict], limits: Limits) -> dict[str, Tally]:
    found = {}
    for reason in REASONS:
        seconds = [v.seconds for v in verdicts if reason in v.reasons]
        if seconds:
            found[reason] = Tally(
                len(seconds), round(math.fsum(seconds), 3), is_error(reason, limits)
            )
    return found


def _report(result: Check, verdicts: Sequence[Verdict], limits: Limits) -> dict[str, Any]:
    reasons = {
        reason: tally._asdict()
        | {"share": round(tally.files / result.files, 6), "meaning": REASONS[reason].explanation}
        for reason, tally in result.reasons.items()
    }
    counts: dict[str, dict[str, int]] = {"sample_rates": {}, "channels": {}, "formats": {}}
    for verdict in verdicts:
        _, _, rate, channels, form = verdict.figures
        for name, value in zip(counts, (rate, channels, form), strict=True):
            if value:
                counts[name][str(value)] = counts[name].get(str(value), 0) + 1
    return {
        "files": result.files,
        "seconds": result.seconds,
        "clean": result.clean,
        "clean_seconds": round(result.seconds - result.quarantined_seconds, 3),
        "quarantined": result.quarantined,
        "warned": result.warned,
        "reasons": reasons,
        "limits": asdict(limits),
        **{name: dict(sorted(table.items())) for name, table in counts.items()},
        "passed_over": [list(problem) for problem in result.passed_over],
    }


def draw(path: Path, verdicts: Sequence[Verdict]) -> Path | None:
    """Histograms of all recordings that can be decoded; None without matplotlib."""
    figure = canvas(12, 7)
    if figure is None:
        return None
    heard = [v for v in verdicts if v.seconds]
    axes = figure.subplots(2, 3)
    values = {
        "seconds": [v.seconds for v in heard],
        "loudness, dB of full scale (RMS)": [min(6.0, max(-100.0, v.figures[0])) for v in heard],
        "peak, of full scale": [min(1.5, v.figures[1]) for v in heard],
    }
    for axis, (name, column) in zip(axes.flat, values.items(), strict=False):
        axis.hist(column, bins=BINS, color="#3b6ea5")
        axis.set(xlabel=name, ylabel="files", yscale="log" if column else "linear")
    bars = {
        "sample rate, Hz": _counted(v.figures[2] for v in heard),
        "channels": _counted(v.figures[3] for v in heard),
        "reasons": {r: sum(r in v.reasons for v in verdicts) for r in REASONS},
    }
    for axis, (name, counts) in zip(axes.flat[3:], bars.items(), strict=True):
        counts = {label: count for label, count in counts.items() if count}
        axis.barh([str(label) for label in counts], list(counts.values()), color="#3b6ea5")
        axis.set(title=name, xlabel="files")
        axis.invert_yaxis()
    return save(figure, path)


def _counted(values: Iterable[Any]) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return dict(sorted(counts.items()))
