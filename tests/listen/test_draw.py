"""Who hears what: balanced over pairs, prompts and sides, however many raters come and leave."""

from collections import Counter
from random import Random

import pytest

from musiclm.listen.desk import AWAY, Desk
from musiclm.listen.draw import CHECK, NEW, REPEAT, sequence
from musiclm.listen.experiment import NOISE
from musiclm.listen.questions import PREFERENCE


@pytest.fixture
def desk(experiment):
    return Desk(experiment, "secret", trials=6)


def answer_all(desk, rater, now=0.0):
    view = desk.arrive(rater, now)
    while view.trial is not None:
        view = desk.vote(view.rater, view.trial.id, (1,), 1.0, now)
    return view.rater


def new_trials(desk):
    trials = [trial for trial in desk.fresh.trials if trial.kind == NEW]
    answered = {ballot.trial for ballot in desk.fresh.ballots}
    return [trial for trial in trials if trial.id in answered]


def spread(counts):
    return max(counts.values()) - min(counts.values())


def test_pairs_prompts_and_sides_come_equally_often(desk):
    for _ in range(20):
        answer_all(desk, None)
    trials = new_trials(desk)
    assert len(trials) == 120  # 3 pairs x 4 prompts, 10 times
    assert set(Counter(frozenset(t.sounds) for t in trials).values()) == {40}
    assert set(Counter((frozenset(t.sounds), t.prompt) for t in trials).values()) == {10}
    assert spread(Counter(t.sounds for t in trials)) == 0  # each pair, each way round
    assert spread(Counter(t.sounds[0] for t in trials)) == 0


def test_order_differs_between_raters_and_a_rater_hears_nothing_twice(desk):
    for _ in range(5):
        answer_all(desk, None)
    by_rater = {}
    for trial in new_trials(desk):
        by_rater.setdefault(trial.rater, []).append((trial.prompt, frozenset(trial.sounds)))
    assert all(len(set(heard)) == len(heard) for heard in by_rater.values())
    assert len({tuple(heard) for heard in by_rater.values()}) == 5


def test_raters_who_come_at_once_are_spread_over_the_pages(desk):
    views = [desk.arrive(None, 0.0) for _ in range(6)]  # nobody has voted yet
    first = [(v.trial.prompt, frozenset(v.trial.sounds)) for v in views]
    following = [(v.following.prompt, frozenset(v.following.sounds)) for v in views]
    assert spread(Counter(first + following)) == 0  # 12 pages, 12 different ones


def test_what_somebody_walked_away_from_is_given_to_others(desk):
    gone = desk.arrive(None, 0.0)
    for _ in range(2):
        answer_all(desk, None, AWAY + 1)
    cells = Counter((t.prompt, frozenset(t.sounds)) for t in new_trials(desk))
    assert cells[gone.trial.prompt, frozenset(gone.trial.sounds)] == 1
    assert len(cells) == 12
    back = desk.vote(gone.rater, gone.trial.id, (2,), 1.0, AWAY + 2)
    # It still counts, and so does the page given for it, unless that is the check of attention.
    assert desk.deck.heard.sum() == 12 + 1 + (back.following.kind == NEW)


def test_repeats_are_swapped_and_apart_and_checks_have_noise_on_either_side(experiment):
    desk = Desk(experiment, "secret", trials=10)
    for _ in range(40):
        answer_all(desk, None)
    sides = Counter()
    for rater in {t.rater for t in desk.fresh.trials}:
        trials = [t for t in desk.fresh.trials if t.rater == rater]
        assert Counter(t.kind for t in trials) == {NEW: 10, REPEAT: 1, CHECK: 1}
        for trial in trials:
            if trial.kind == REPEAT:
                first = [t for t in trials if t.kind == NEW and t.prompt == trial.prompt]
                first = [t for t in first if t.sounds == trial.sounds[::-1]]
                assert first and first[0].position + 3 < trial.position
            if trial.kind == CHECK:
                assert NOISE in trial.sounds
                sides[trial.sounds.index(NOISE)] += 1
    assert min(sides[0], sides[1]) > 8  # of 40, by chance


def test_short_sessions_have_neither_repeats_nor_checks():
    assert sequence(4, 100, checks=True, rng=Random(0)) == "nnnn"
    assert sequence(20, 3, checks=True, rng=Random(0)) == "nnn"  # there are no more pages
    assert CHECK not in sequence(20, 100, checks=False, rng=Random(0))


@pytest.mark.parametrize("mode", ["mos", "mushra"])
def test_other_modes_are_balanced_too(folders, mode):
    from musiclm.listen.experiment import gather

    reference = folders[0] if mode == "mushra" else None
    experiment = gather(folders[1:], mode, reference=reference)
    desk = Desk(experiment, "secret", trials=4)
    answer = {"mos": 1, "mushra": 4}[mode]
    for _ in range(6):
        view = desk.arrive(None, 0.0)
        while view.trial is not None:
            assert len(view.trial.sounds) == answer
            view = desk.vote(view.rater, view.trial.id, (3,) * answer, 1.0, 0.0)
    trials = new_trials(desk)
    assert spread(Counter(t.prompt for t in trials)) == 0
    assert spread(Counter((frozenset(t.sounds), t.prompt) for t in trials)) == 0
    if mode == "mushra":
        assert len({t.sounds for t in trials}) > 6  # in another order for each rater


def test_the_scale_has_five_steps():
    assert len(PREFERENCE) == 5
