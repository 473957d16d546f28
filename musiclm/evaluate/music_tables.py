"""The tables of `evaluate music`: a row for each figure, a column for each system.

tables = Tables([ours, theirs], reference, judges)
tables.distances(), tables.differences(ours, theirs, shared(...))
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from musiclm.errors import UserError
from musiclm.evaluate.distances import fad, kernel, kld, mauve, neighbours
from musiclm.evaluate.distances.sets import Clips
from musiclm.evaluate.frechet import interval
from musiclm.evaluate.intervals import Estimate, mean, share
from musiclm.evaluate.judges import MEASURED, SHARES, Judged, Judges
from musiclm.evaluate.pairing import shared
from musiclm.evaluate.report import row
from musiclm.evaluate.sound import Progress, quiet

NOT_MEASURED = "not measured"
LEAST_PAIRS = 2
Draws = Float[np.ndarray, " r"]  # over all clips, then over each redrawn set
Row = dict[str, Any]
# Those whose draws can be paired, and the smallest value that they can have.
DRAWN: dict[str, tuple[Callable[[Clips, Clips], Draws], float]] = {
    "FAD": (lambda real, made: fad.draws(real, made), 0.0),
    "FAD, shrunk covariances": (lambda real, made: fad.draws(real, made, shrink=True), 0.0),
    "KAD": (lambda real, made: kernel.draws(real, made), -np.inf),
    "MAD": (lambda real, made: mauve.draws(real, made), 0.0),
}
ALONE: dict[str, Callable[[Clips, Clips], Estimate]] = {
    "FAD at infinity": fad.fad_infinity,
    "precision": neighbours.precision,
    "recall": neighbours.recall,
    "density": neighbours.density,
    "coverage": neighbours.coverage,
    "diversity": neighbours.diversity,
}


class Tables:
    """All that is told of some folders; `notes` grows by what could not be measured."""

    def __init__(
        self,
        sets: Sequence[Judged],
        real: Judged | None,
        judges: Judges,
        progress: Progress = quiet,
        described: str | None = None,
    ) -> None:
        self.sets, self.real, self.judges, self.progress = sets, real, judges, progress
        self.described = next((one for one in sets if one.name == described), real)
        self.all = [*sets, *([real] if real else [])]
        self.notes: list[str] = []
        self.kept: dict[tuple[str, str, str, tuple[int, ...]], Draws] = {}

    def counted(self) -> list[Row]:
        """How many clips each figure is about."""
        rows = [
            row(
                one.name,
                judged=len(one.heard),
                not_judged=len(one.folder.faults),
                with_prompt=len(one.asked),
                with_facts=sum(bool(clip.facts) for clip in one.folder.recordings),
                minutes=sum(h.structure.seconds for h in one.heard) / 60,
            )
            for one in self.all
        ]
        for one in self.all:
            for fault in one.folder.faults[:3]:
                self.notes.append(f"not judged: {one.name}, {fault.path.name}: {fault.reason}")
            if len(one.folder.faults) > 3:
                self.notes.append(f"{one.name}: {len(one.folder.faults) - 3} more are not judged")
            silent = sum(h.structure.health.silent for h in one.heard)
            if silent:
                self.notes.append(f"{one.name}: {silent} of {len(one.heard)} clips are silent")
        return rows

    def distances(self) -> list[Row]:
        """From the reference, by each ear, then divergence of labels."""
        if self.real is None:
            return []
        rows: list[Row] = []
        for ear in self.judges.embedders:
            for what in ("FAD", "FAD at infinity", *list(DRAWN)[1:], *list(ALONE)[1:]):
                self.progress(f"distances, {ear.name}", len(rows) % 10, 10)
                cells = {one.name: self._distance(what, ear.name, one) for one in self.sets}
                if set(cells.values()) != {NOT_MEASURED}:
                    rows.append(row(f"{what}, {ear.name}", **cells))
        name = self.judges.tagger.name
        rows.append(
            row(
                f"KLD of the sets' labels, {name}",
                **{one.name: self._measured(one, self._marginal) for one in self.sets},
            )
        )
        others = [one for one in self.sets if one is not self.described]
        paired = {one.name: self._paired(one) for one in others}
        told = {key: mean(each) for key, each in paired.items() if np.isfinite(each).any()}
        return [*rows, *([row(f"KLD clip by clip, {name}", **told)] if told else [])]

    def fits(self) -> list[Row]:
        """Cosine of text and sound, and of shuffled pairs."""
        rows = []
        for ear in self.judges.readers:
            cells: dict[str, Estimate | float] = {}
            for one in self.all:
                if one.asked:
                    cells[one.name] = mean(one.fits(ear.name))
                    cells[f"{one.name}, shuffled"] = one.chance(ear.name)
            if cells:
                rows.append(row(f"text and sound, {ear.name}", **cells))
        return rows

    def control(self) -> list[Row]:
        """How often each fact is heard as asked, beside chance."""
        told = {one.name: one.answers() for one in self.all}
        questions = dict.fromkeys(key for one in told.values() for key in one)
        rows = []
        for key in questions:
            cells: dict[str, Estimate | float | str] = {"judged_by": key[1]}
            for name, found in told.items():
                if key in found:
                    cells[name] = found[key].estimate
                    cells[f"{name}, chance"] = found[key].chance
            rows.append(row(key[0], **cells))
        return rows if any(told[one.name] for one in self.sets) else []

    def structure(self) -> list[Row]:
        """Means over clips, and how often clips are at fault."""
        rows = [
            row(what, **{o.name: mean(o.measured(what)) for o in self.all}) for what in MEASURED
        ]
        rows += [
            row(what, **{one.name: share(one.measured(what) > 0) for one in self.all})
            for what in SHARES
        ]
        return rows

    def differences(
        self, one: Judged, other: Judged, pairs: Sequence[tuple[int, int]]
    ) -> list[Row]:
        """The other less the one, with paired intervals."""
        if len(pairs) < LEAST_PAIRS:
            self.notes.append(f"{one.name} and {other.name} share {len(pairs)} prompts: no pairs")
            return []
        left, right = ([pair[side] for pair in pairs] for side in (0, 1))
        told: dict[str, Estimate] = {}
        if self.real is not None:
            told |= self._distance_differences(one, other, left, right)
        for ear in self.judges.readers:
            if one.asked and other.asked:
                apart = other.fits(ear.name)[right] - one.fits(ear.name)[left]
                told[f"text and sound, {ear.name}"] = mean(apart)
        before, after = one.answers(left), other.answers(right)
        for key in before:
            if key in after:
                draws = after[key].draws - before[key].draws
                told[f"{key[0]} ({key[1]})"] = interval(
                    draws, before[key].estimate.n, least=-np.inf
                )
        for what in (*MEASURED, *SHARES):
            told[what] = mean(other.measured(what)[right] - one.measured(what)[left])
        found = {what: figure for what, figure in told.items() if figure.n}
        return [
            row(
                what,
                difference=figure,
                told_apart="yes" if figure.low > 0 or figure.high < 0 else "no",
            )
            for what, figure in found.items()
        ]

    def _distance_differences(
        self, one: Judged, other: Judged, left: list[int], right: list[int]
    ) -> dict[str, Estimate]:
        told = {}
        for ear in self.judges.embedders:
            for what in DRAWN:
                try:
                    ours = self._draws(what, ear.name, one, left)
                    theirs = self._draws(what, ear.name, other, right)
                except UserError:
                    continue  # noted where the systems are measured one by one
                told[f"{what}, {ear.name}"] = interval(theirs - ours, len(left), least=-np.inf)
        return told

    def _distance(self, what: str, ear: str, one: Judged) -> Estimate | str:
        def drawn(it: Judged) -> Estimate:
            draws = self._draws(what, ear, it, range(len(it.heard)))
            return interval(draws, len(it.heard), DRAWN[what][1])

        def alone(it: Judged) -> Estimate:
            assert self.real is not None
            return ALONE[what](self.real.embedded[ear], it.embedded[ear])

        return self._measured(one, drawn if what in DRAWN else alone)

    def _measured(self, one: Judged, figure: Callable[[Judged], Estimate]) -> Estimate | str:
        try:
            return figure(one)
        except UserError as error:
            note = f"not measured of {one.name}: {error}"
            if note not in self.notes:
                self.notes.append(note)
            return NOT_MEASURED

    def _draws(self, what: str, ear: str, one: Judged, places: Sequence[int]) -> Draws:
        """Kept, for a difference over all clips needs them again."""
        assert self.real is not None
        key = (what, ear, one.name, tuple(places))
        if key not in self.kept:
            rows = [one.embedded[ear][i] for i in places]
            self.kept[key] = DRAWN[what][0](self.real.embedded[ear], rows)
        return self.kept[key]

    def _marginal(self, one: Judged) -> Estimate:
        assert self.real is not None
        return kld.marginal(self.real.tags, one.tags, self.judges.tagger.groups)

    def _paired(self, one: Judged) -> Float[np.ndarray, " c"]:
        described = self.described
        return paired_divergence(described, one, self.judges) if described else np.empty(0)


def paired_divergence(real: Judged, one: Judged, judges: Judges) -> Float[np.ndarray, " c"]:
    """Of each clip's labels from those of the real clip of its prompt; no number without."""
    found = np.full(len(one.heard), np.nan)
    pairs = shared(real.folder.recordings, one.folder.recordings)
    if pairs:
        left, right = ([pair[side] for pair in pairs] for side in (0, 1))
        found[right] = kld.each(real.tags[left], one.tags[right], judges.tagger.groups)
    return found
