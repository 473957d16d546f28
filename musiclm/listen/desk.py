"""Who is given which page, and which votes count: the rules of the test, in memory.

A desk knows every page that was given and every vote, as the database does. What it decides it puts
into `fresh`, and `Clerk` writes that before anybody hears of it. A rater always holds two pages,
the one to answer and the next, so that its clips can be loaded ahead.

A page that was not answered within `AWAY` no longer counts as heard, so that comparisons which
somebody walked away from are given to others. It can still be answered.
"""

import hmac
import secrets
from dataclasses import dataclass
from random import Random

import numpy as np

from musiclm.listen.draw import APART, CHECK, NEW, Deck, sequence
from musiclm.listen.experiment import NOISE, Experiment
from musiclm.listen.votes import Ballot, Rater, Rows, Trial

AWAY = 30 * 60.0  # seconds after which nobody waits for an answer
TRIALS = 20  # new comparisons for each rater
LONGEST = 24 * 3600.0  # seconds that one page may claim to have taken


class Refused(Exception):
    """A vote or a visit that does not count, with its HTTP status."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class View:
    """Where a rater stands: this page and the next, None after the last."""

    rater: str
    done: int
    total: int
    trial: Trial | None
    following: Trial | None


class Desk:
    """The test as it stands. Not for several threads at once."""

    def __init__(
        self, experiment: Experiment, secret: str, *, trials: int = TRIALS, seed: int = 0
    ) -> None:
        self.experiment = experiment
        self.trials_wanted = trials
        self.seed = seed
        self.fresh = Rows()
        self._secret = secret.encode()
        self._groups = {frozenset(group): i for i, group in enumerate(experiment.groups)}
        self._prompts = {prompt.key: i for i, prompt in enumerate(experiment.prompts)}
        self.load(Rows())

    def load(self, rows: Rows) -> None:
        """Forget everything, and know what the database knows."""
        self.fresh = Rows()
        self._raters = {rater.id: rater for rater in rows.raters}
        self._given: dict[str, list[Trial]] = {rater.id: [] for rater in rows.raters}
        self._trials: dict[str, Trial] = {}
        self._answers = {ballot.trial: ballot for ballot in rows.ballots}
        self._done = dict.fromkeys(self._raters, 0)
        self._open: dict[str, Trial] = {}  # counted as heard, not answered, oldest first
        paired = len(self.experiment.groups[0]) == 2 and bool(self.experiment.question.choices)
        self.deck = Deck(len(self._groups), len(self._prompts), 2 if paired else 1)
        for trial in sorted(rows.trials, key=lambda one: (one.created, one.position)):
            self._give(trial)
            if trial.id in self._answers:
                self._done[trial.rater] += 1
                self._open.pop(trial.id, None)

    def invite(self, number: int) -> list[str]:
        """Names for so many raters; the same after a restart."""
        return [self._name(f"invited {i}") for i in range(number)]

    def is_admin(self, key: str) -> bool:
        """Whether a key opens the results."""
        return hmac.compare_digest(key.encode(), self.admin.encode())

    @property
    def admin(self) -> str:
        """The key to the results; the same after a restart."""
        return self._name("results")

    def trial(self, trial: str) -> Trial | None:
        """A page by its id."""
        return self._trials.get(trial)

    def arrive(self, rater: str | None, now: float, invited: frozenset[str] = frozenset()) -> View:
        """Let a rater begin, or go on where they left."""
        if invited and rater not in invited:
            raise Refused(403, "this test is by invitation: open it with your own link")
        if rater is None or rater not in self._raters:
            name = rater if rater in invited and rater else secrets.token_urlsafe(12)
            self._admit(name, now)
            rater = name
        return self._view(rater, now)

    def vote(
        self, rater: str, trial: str, answer: tuple[int, ...], seconds: float, now: float
    ) -> View:
        """Count an answer, once: the same again changes nothing, another one is refused."""
        page = self._trials.get(trial)
        if page is None or page.rater != rater:
            raise Refused(404, "no such page of this rater")
        known = self._answers.get(trial)
        if known is not None:
            if known.answer != answer:
                raise Refused(409, "this page was answered already")
            return self._view(rater, now)
        if not self.experiment.question.valid(answer, len(page.sounds)):
            raise Refused(422, "the answer is not on the scale")
        if not 0 <= seconds <= LONGEST:
            raise Refused(422, "seconds must be the time that the page took")
        if page.position != self._done[rater]:
            raise Refused(409, "the page before has no answer yet")
        ballot = Ballot(trial, answer, seconds, now)
        self.fresh.ballots.append(ballot)
        self._answers[trial] = ballot
        self._done[rater] += 1
        if self._open.pop(trial, None) is None and page.kind == NEW:
            self._count(page, 1)  # it was given up too early
        return self._view(rater, now)

    def _admit(self, name: str, now: float) -> None:
        rng = self._random(name, "pages")
        cells = self.deck.heard.size
        pages = sequence(self.trials_wanted, cells, checks=self._has_checks, rng=rng)
        rater = Rater(name, pages, now)
        self._raters[name], self._given[name], self._done[name] = rater, [], 0
        self.fresh.raters.append(rater)

    @property
    def _has_checks(self) -> bool:
        return bool(self.experiment.question.choices)  # MUSHRA has its hidden reference

    def _view(self, rater: str, now: float) -> View:
        pages, done, given = self._raters[rater].pages, self._done[rater], self._given[rater]
        while len(given) < min(done + 2, len(pages)):
            trial = self._next(self._raters[rater], given, now)
            self.fresh.trials.append(trial)
            self._give(trial)
        two = [*given[done : done + 2], None, None]
        return View(rater, done, len(pages), two[0], two[1])

    def _next(self, rater: Rater, given: list[Trial], now: float) -> Trial:
        position = len(given)
        kind = rater.pages[position]
        rng = self._random(rater.id, position)
        if kind == NEW:
            prompt, sounds = self._new(given, now, rng)
        elif kind == CHECK:
            prompt = rng.choice(self.experiment.prompts).key
            sounds = [rng.choice(self.experiment.systems), NOISE]
            sounds = sounds if len(self.experiment.groups[0]) == 2 else [NOISE]
            rng.shuffle(sounds)
        else:
            prompt, sounds = self._again(given, rng)
        name = self._name(f"{rater.id} {position}")
        return Trial(name, rater.id, position, kind, prompt, tuple(sounds), now)

    def _new(self, given: list[Trial], now: float, rng: Random) -> tuple[str, list[str]]:
        while self._open and next(iter(self._open.values())).created < now - AWAY:
            self._count(self._open.pop(next(iter(self._open))), -1)
        seen = np.zeros(self.deck.heard.shape, bool)
        for trial in given:
            if trial.kind == NEW:
                seen[self._cell(trial)] = True
        group, prompt, side = self.deck.draw(seen, rng)
        sounds = list(self.experiment.groups[group])
        if self.deck.sides.shape[1] == 2:
            sounds = sounds[::-1] if side else sounds
        else:
            rng.shuffle(sounds)
        return self.experiment.prompts[prompt].key, sounds

    def _again(self, given: list[Trial], rng: Random) -> tuple[str, list[str]]:
        """An earlier page, other way round."""
        fresh = [trial for trial in given if trial.kind == NEW]
        repeated = {(trial.prompt, frozenset(trial.sounds)) for trial in given if trial.kind == "r"}
        rare = [one for one in fresh if (one.prompt, frozenset(one.sounds)) not in repeated]
        apart = [one for one in rare if one.position <= len(given) - 1 - APART]
        first = rng.choice(apart or rare or fresh)
        sounds = list(first.sounds)[::-1]
        if len(sounds) > 2:
            rng.shuffle(sounds)
        return first.prompt, sounds

    def _give(self, trial: Trial) -> None:
        self._trials[trial.id] = trial
        self._given[trial.rater].append(trial)
        if trial.kind == NEW:
            self._count(trial, 1)
            self._open[trial.id] = trial

    def _count(self, trial: Trial, by: int) -> None:
        group, prompt = self._cell(trial)
        flipped = trial.sounds[0] != self.experiment.groups[group][0]
        side = int(flipped) if self.deck.sides.shape[1] == 2 else 0
        self.deck.add(group, prompt, side, by)

    def _cell(self, trial: Trial) -> tuple[int, int]:
        return self._groups[frozenset(trial.sounds)], self._prompts[trial.prompt]

    def _random(self, rater: str, what: str | int) -> Random:
        return Random(f"{self.seed} {rater} {what}")

    def _name(self, what: str) -> str:
        """An opaque name that nobody without the experiment's secret can guess or read."""
        return hmac.new(self._secret, what.encode(), "sha256").hexdigest()[:24]
