"""The results page: the paper's table and test, strengths, raters, and how much is still missing.

Plain HTML without scripts, made anew from the votes whenever it is asked for.

>>> "<svg" in forest([("ours", 1.0, 0.5, 1.5)], "strength")
True
"""

import html
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from string import Template

from musiclm.evaluate.intervals import Estimate, mean
from musiclm.listen import opinions
from musiclm.listen import statistics as pairs
from musiclm.listen.experiment import REFERENCE, Experiment
from musiclm.listen.questions import PREFERENCE
from musiclm.listen.results import (
    Record,
    State,
    as_checks,
    as_ratings,
    changes,
    counted_ratings,
    counted_votes,
    state,
    table,
)
from musiclm.listen.votes import Votes

PAGE = Path(__file__).parent / "page" / "results.html"
LEAST_P = 0.0001  # smaller ones are not told apart
ROW, LEFT, RIGHT, WIDTH, AXIS = 34, 170, 30, 640, 40  # pixels of the picture


class Results:
    """Results of one experiment; pages are kept until there are new votes."""

    def __init__(self, experiment: Experiment, votes: Votes):
        self.experiment, self.votes = experiment, votes
        self._kept: dict[bool, tuple[State, str]] = {}

    def csv(self) -> str:
        """Every vote."""
        return table(state(self.experiment, self.votes).records, self.experiment)

    def page(self, key: str, *, everybody: bool) -> str:
        """The page as HTML; `key` goes into its links."""
        now = state(self.experiment, self.votes)
        kept = self._kept.get(everybody)
        if kept is None or kept[0] != now:
            kept = self._kept[everybody] = now, body(self.experiment, now, everybody=everybody)
        safe = html.escape(key)
        other = f"/results?key={safe}" + ("" if everybody else "&amp;all=true")
        words = "Leave out who failed a check" if everybody else "Count everybody"
        return Template(PAGE.read_text()).substitute(
            title=html.escape(self.experiment.question.text),
            body=kept[1],
            csv=f"/results.csv?key={safe}",
            other=other,
            words=words,
            mode=self.experiment.mode,
        )


def body(experiment: Experiment, now: State, *, everybody: bool) -> str:
    """All sections."""
    records = now.records
    if not records:
        return "<p>No votes yet.</p>"
    sections = [_summary(experiment, now)]
    if experiment.question.clips == 2:
        sections += _preferences(records, everybody=everybody)
    else:
        sections += _scores(experiment, records, everybody=everybody)
    return "\n".join(sections)


def _summary(experiment: Experiment, now: State) -> str:
    seconds = statistics.median(one.seconds for one in now.records)
    return (
        f"<p><b>{len(now.records)}</b> answers of <b>{now.begun}</b> raters, {now.finished} of "
        f"whom finished; {len(experiment.systems)} systems, {len(experiment.prompts)} prompts; "
        f"{seconds:.0f} seconds for a page (median).</p>"
    )


def _preferences(records: Sequence[Record], *, everybody: bool) -> list[str]:
    votes = counted_votes(records, everybody=everybody)
    if not votes:
        return [_left_out(records, everybody=everybody)]
    strengths = pairs.bradley_terry(votes)
    bars = [(row.system, row.value, row.low, row.high) for row in strengths.systems]
    notes = "" if strengths.joined else "<p>Not all systems are linked by votes yet.</p>"
    return [
        _section(
            "Wins", _wins(votes), "A win is a strong or a slight preference, as in the paper."
        ),
        _section(
            "Pairs",
            _pairs(votes),
            "Wilcoxon's signed-rank test at 0.01, divided by the number of pairs (Bonferroni).",
        ),
        _section(
            "Strengths",
            forest(bars, "log-strength (Bradley-Terry, ties by Davidson)")
            + _table(
                ["system", "strength", "95 % interval", "preferred to an average system"],
                [
                    [
                        s.system,
                        f"{s.value:.2f}",
                        f"{s.low:.2f} to {s.high:.2f}",
                        _share(s.preferred),
                    ]
                    for s in strengths.systems
                ],
            )
            + notes,
            "Intervals redraw raters, so that one rater's habits do not look like certainty.",
        ),
        _section("Raters", _trust(votes, records, everybody=everybody)),
    ]


def _wins(votes: Sequence[pairs.Vote]) -> str:
    rows = [
        [row.system, str(row.wins), str(row.comparisons), _percent(row.share)]
        for row in pairs.wins(votes)
    ]
    return _table(["system", "wins", "comparisons", "share (95 % interval)"], rows)


def _pairs(votes: Sequence[pairs.Vote]) -> str:
    rows = []
    for pair in pairs.wilcoxon(votes):
        verdict = f"{pair.better} is better" if pair.better else "undecided"
        if not pair.better:
            more = f"{pair.more} more ratings are needed" if pair.more else "no difference is seen"
            verdict += f"; {more}"
        counts = [str(count) for count in pair.answers]
        names = [pair.first, pair.second]
        rows.append([*names, verdict, *counts, _p(pair.p), f"{pair.threshold:.2g}"])
    return _table(["A", "B", "verdict", *PREFERENCE, "p", "below"], rows)


def _trust(votes: Sequence[pairs.Vote], records: Sequence[Record], *, everybody: bool) -> str:
    agreed, again = pairs.agreement(votes), pairs.repeats(votes)
    alpha = "not known: no question was answered by two raters"
    if agreed.alpha is not None and agreed.low is not None and agreed.high is not None:
        alpha = f"{agreed.alpha:.2f} ({agreed.low:.2f} to {agreed.high:.2f})"
        alpha += f", {agreed.questions} questions"
    lines = [
        ("Agreement (Krippendorff's alpha, ordinal)", alpha),
        ("Left clip preferred, of all preferences", _percent(pairs.left(votes))),
    ]
    if again.n:
        lines += [
            ("Hidden repeats answered the same", f"{_percent(again.same)}, {again.n} repeats"),
            ("Hidden repeats answered the other way round", _percent(again.turned)),
        ]
    return _facts(lines) + _left_out(records, everybody=everybody)


def _scores(experiment: Experiment, records: Sequence[Record], *, everybody: bool) -> list[str]:
    ratings = counted_ratings(records, experiment, everybody=everybody)
    if not ratings:
        return [_left_out(records, everybody=everybody)]
    rows = opinions.means(ratings)
    bars = [(row.system, row.mean.value, row.mean.low, row.mean.high) for row in rows]
    scale = f"mean score, {experiment.question.lowest} to {experiment.question.highest}"
    means = _table(
        ["system", "mean (95 % interval)", "median", "ratings"],
        [[row.system, _score(row.mean), f"{row.median:g}", str(row.ratings)] for row in rows],
    )
    moved = mean(changes(records))
    lines = [("Hidden repeats differ from the first by (mean)", _score(moved))] if moved.n else []
    if experiment.mode == "mushra":
        bad = opinions.refused(as_ratings(records), REFERENCE)
        raters = (
            f"<p>{_raters(len(bad))} did not recognise the hidden reference{_kept(everybody)}.</p>"
        )
    else:
        raters = _left_out(records, everybody=everybody)
    sections = [_section("Scores", forest(bars, scale) + means)]
    if contrasts := _contrasts(ratings):
        sections.append(_section("Pairs", contrasts, "Wilcoxon's signed-rank test, Bonferroni."))
    return [*sections, _section("Raters", _facts(lines) + raters)]


def _contrasts(ratings: Sequence[opinions.Rating]) -> str:
    rows = []
    for pair in opinions.compare(ratings):
        verdict = f"{pair.better} is better" if pair.better else "undecided"
        if not pair.better and pair.more:
            verdict += f"; {pair.more} more ratings are needed"
        cells = [verdict, _score(pair.difference), _p(pair.p), f"{pair.threshold:.2g}"]
        rows.append([pair.first, pair.second, *cells])
    return (
        _table(["A", "B", "verdict", "A - B (95 % interval)", "p", "below"], rows) if rows else ""
    )


def _left_out(records: Sequence[Record], *, everybody: bool) -> str:
    checked = pairs.attention(as_checks(records))
    failed = [row for row in checked if row.passed < row.checks]
    if not failed:
        return f"<p>No rater of {len(checked)} failed a check.</p>" if checked else ""
    return f"<p>{_raters(len(failed))} of {len(checked)} failed a check{_kept(everybody)}.</p>"


def _kept(everybody: bool) -> str:
    return "; all are counted" if everybody else "; they are left out"


def _raters(count: int) -> str:
    return f"{count} rater{'' if count == 1 else 's'}"


def forest(rows: Sequence[tuple[str, float, float, float]], axis: str) -> str:
    """Values and their intervals as an SVG picture; the tables beside it say the same in words."""
    lowest, highest = min(row[2] for row in rows), max(row[3] for row in rows)
    span = (highest - lowest) or 1.0
    lowest, highest = lowest - 0.05 * span, highest + 0.05 * span

    def x(value: float) -> str:
        return f"{LEFT + (value - lowest) / (highest - lowest) * (WIDTH - LEFT - RIGHT):.1f}"

    height = ROW * len(rows) + AXIS
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(axis)}: '
        f'the table below has the figures">'
    ]
    for tick in _ticks(lowest, highest):
        parts.append(f'<path class="tick" d="M{x(tick)} 4V{height - AXIS + 6}"/>')
        parts.append(f'<text class="mid" x="{x(tick)}" y="{height - 18}">{tick:g}</text>')
    parts.append(f'<text class="mid" x="{x((lowest + highest) / 2)}" y="{height - 3}">')
    parts.append(f"{html.escape(axis)}</text>")
    for number, (name, value, low, high) in enumerate(rows):
        y = ROW * number + ROW // 2
        shown = name if len(name) <= 20 else name[:19] + "…"
        parts.append(f'<text class="name" x="{LEFT - 12}" y="{y + 5}">{html.escape(shown)}</text>')
        parts.append(f'<path class="bar" d="M{x(low)} {y}H{x(high)}"/>')
        parts.append(f'<circle cx="{x(value)}" cy="{y}" r="6"/>')
    return "".join([*parts, "</svg>"])


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers."""
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * size for size in (1, 2, 5, 10) if power * size >= rough)
    return [round(i * step, 9) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _section(title: str, content: str, note: str = "") -> str:
    told = f'<p class="note">{html.escape(note)}</p>' if note else ""
    return f"<section><h2>{html.escape(title)}</h2>{told}{content}</section>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in columns)
    lines = [
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(f"<td{_width(cell)}>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    ]
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _width(cell: str) -> str:
    return ' class="said"' if len(cell) > 20 else ""  # sentences may take several lines


def _facts(lines: Sequence[tuple[str, str]]) -> str:
    return (
        "<dl>"
        + "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(told)}</dd>" for name, told in lines
        )
        + "</dl>"
    )


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= LEAST_P else f"< {LEAST_P:g}"


def _percent(one: Estimate) -> str:
    return f"{100 * one.value:.0f} % ({100 * one.low:.0f} to {100 * one.high:.0f})"


def _score(one: Estimate) -> str:
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
