"""What the votes say so far: as rows for statistics, as a CSV file, as figures.

Only first answers to new comparisons count as votes; hidden repeats tell how consistent raters are,
checks tell who did not listen. A rater who ever preferred steady noise to music (or called noise
alone good) is left out unless everybody is asked for; MUSHRA screens by its hidden reference.

>>> record = Record("r1", 0, "n", "p", "a bell", ("ours", "theirs"), (-2,), 9.0, 0.0)
>>> as_votes([record])[0].toward_first, as_checks([record])
(2, [])
"""

import csv
import datetime
import io
from collections.abc import Sequence
from dataclasses import dataclass

from musiclm.listen.draw import CHECK, REPEAT
from musiclm.listen.experiment import NOISE, REFERENCE, Experiment
from musiclm.listen.opinions import Rating, screened
from musiclm.listen.statistics import Check, Vote, attentive
from musiclm.listen.votes import Votes

CALLED_GOOD = 4  # of 5, which noise alone is not


@dataclass(frozen=True)
class Record:
    """One answered page; raters are numbered, for a name would let others go on as them."""

    rater: str
    position: int
    kind: str
    prompt: str
    text: str
    sounds: tuple[str, ...]
    answer: tuple[int, ...]
    seconds: float
    created: float


@dataclass(frozen=True)
class State:
    """All answered pages, and how far raters came."""

    records: tuple[Record, ...]
    begun: int
    finished: int


def state(experiment: Experiment, votes: Votes) -> State:
    """Read the database."""
    rows = votes.read()
    numbers = {rater.id: f"r{i}" for i, rater in enumerate(rows.raters, 1)}
    trials = {trial.id: trial for trial in rows.trials}
    done: dict[str, int] = {}
    records = []
    for ballot in rows.ballots:
        trial = trials[ballot.trial]
        done[trial.rater] = done.get(trial.rater, 0) + 1
        records.append(
            Record(
                numbers[trial.rater],
                trial.position + 1,
                trial.kind,
                trial.prompt,
                experiment.texts[trial.prompt],
                trial.sounds,
                ballot.answer,
                ballot.seconds,
                ballot.created,
            )
        )
    finished = sum(done.get(rater.id, 0) == len(rater.pages) for rater in rows.raters)
    return State(tuple(records), len(done), finished)


def as_votes(records: Sequence[Record]) -> list[Vote]:
    """Comparisons of systems, hidden repeats after their firsts."""
    return [
        Vote(one.rater, one.prompt, one.sounds[0], one.sounds[1], one.answer[0])
        for one in records
        if one.kind != CHECK
    ]


def as_checks(records: Sequence[Record]) -> list[Check]:
    """Whether each check was passed: no preference passes, for a clip may miss its text wholly."""
    checks = []
    for one in records:
        if one.kind == CHECK and len(one.sounds) == 2:
            toward_noise = one.answer[0] if one.sounds[1] == NOISE else -one.answer[0]
            checks.append(Check(one.rater, toward_noise <= 0))
        elif one.kind == CHECK:
            checks.append(Check(one.rater, one.answer[0] < CALLED_GOOD))
    return checks


def as_ratings(records: Sequence[Record]) -> list[Rating]:
    """Scores of clips, one for each."""
    return [
        Rating(one.rater, one.prompt, sound, score)
        for one in records
        if one.kind != CHECK
        for sound, score in zip(one.sounds, one.answer, strict=True)
    ]


def counted_votes(records: Sequence[Record], *, everybody: bool) -> list[Vote]:
    """Of raters who passed their checks, or of everybody."""
    votes = as_votes(records)
    return votes if everybody else attentive(votes, as_checks(records))


def counted_ratings(
    records: Sequence[Record], experiment: Experiment, *, everybody: bool
) -> list[Rating]:
    """The same for scores."""
    ratings = as_ratings(records)
    if everybody:
        return ratings
    if experiment.mode == "mushra":
        return screened(ratings, REFERENCE)
    out = {check.rater for check in as_checks(records) if not check.passed}
    return [rating for rating in ratings if rating.rater not in out]


def changes(records: Sequence[Record]) -> list[float]:
    """How far each repeated score is from the first one."""
    first: dict[tuple[str, str, str], int] = {}
    found = []
    for one in records:
        for sound, score in zip(one.sounds, one.answer, strict=False):
            if one.kind == REPEAT and (one.rater, one.prompt, sound) in first:
                found.append(float(abs(score - first[one.rater, one.prompt, sound])))
            first.setdefault((one.rater, one.prompt, sound), score)
    return found


def table(records: Sequence[Record], experiment: Experiment) -> str:
    """CSV: a row for each comparison, or for each score."""
    paired = len(experiment.question.choices) > 0 and experiment.question.clips == 2
    columns = ["left", "right", "answer"] if paired else ["system", "score"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["rater", "page", "kind", "prompt", "text", *columns, "seconds_on_page", "time"]
    )
    kinds = {CHECK: "check", REPEAT: "repeat"}
    for one in records:
        head = [one.rater, one.position, kinds.get(one.kind, "new"), one.prompt, one.text]
        when = datetime.datetime.fromtimestamp(one.created, datetime.UTC)
        tail = [f"{one.seconds:.1f}", when.isoformat(timespec="seconds")]
        if paired:
            writer.writerow([*head, *one.sounds, one.answer[0], *tail])
        else:
            for sound, score in zip(one.sounds, one.answer, strict=True):
                writer.writerow([*head, sound, score, *tail])
    return out.getvalue()
