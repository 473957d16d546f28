"""Who hears what: balanced and blind, with hidden repeats and checks of attention.

A rater's session is a row of letters: n a new comparison, r an earlier one again with its sides
swapped, c a check that anybody who listens passes. New comparisons go where fewest were answered
or are being answered: first the pair of systems, then the prompt within the pair, then the side.
So all pairs are heard equally often, whoever leaves and whenever.

The check is music of the prompt beside steady noise (with one clip to rate: noise alone). No text
describes noise better than music, whatever a rater's taste, so a vote on its side is a mistake.
MUSHRA has its own check, the hidden reference, and needs none.

>>> sequence(20, 100, checks=True, rng=Random(0))
'nnncnnnnnncnnnnnnnrrnnnn'
>>> deck = Deck(groups=3, prompts=5, sides=2)
>>> for _ in range(30):
...     deck.add(*deck.draw(np.zeros((3, 5), bool), Random(0)))
>>> deck.heard.ravel().tolist() == [2] * 15
True
"""

from random import Random

import numpy as np
from jaxtyping import Bool

NEW, REPEAT, CHECK = "n", "r", "c"
REPEATED = 0.1  # of the new comparisons come again
CHECKED = 0.1
LEAST = 5  # new comparisons for which both are worth a rater's time
APART = 3  # pages at least between a comparison and its repeat


def sequence(wanted: int, cells: int, *, checks: bool, rng: Random) -> str:
    """The kinds of a rater's pages; `cells` is how many different ones there are."""
    new = min(wanted, cells)
    if new < LEAST:
        return NEW * new
    pages = [NEW] * new
    for _ in range(max(1, round(REPEATED * new))):
        pages.insert(rng.randint(max(new // 2, APART + 1), len(pages)), REPEAT)
    for _ in range(max(1, round(CHECKED * new)) if checks else 0):
        pages.insert(rng.randint(2, len(pages)), CHECK)
    return "".join(pages)


class Deck:
    """How often each group of systems was heard with each prompt, and which way round."""

    def __init__(self, groups: int, prompts: int, sides: int):
        self.heard = np.zeros((groups, prompts), np.int64)
        self.sides = np.zeros((groups, sides), np.int64)

    def add(self, group: int, prompt: int, side: int, by: int = 1) -> None:
        """Count one (or with -1 forget it)."""
        self.heard[group, prompt] += by
        self.sides[group, side] += by

    def draw(self, seen: Bool[np.ndarray, "g p"], rng: Random) -> tuple[int, int, int]:
        """Group, prompt and side that are owed most, among those a rater has not seen."""
        assert not seen.all(), "a sequence holds no more new pages than there are"
        totals = np.where(seen.all(axis=1), np.iinfo(np.int64).max, self.heard.sum(axis=1))
        group = _least(totals, rng)
        # Within the pair: the prompt heard least; of those, the one heard least by all pairs.
        within = np.where(seen[group], np.iinfo(np.int64).max, self.heard[group])
        rare = within == within.min()
        overall = np.where(rare, self.heard.sum(axis=0), np.iinfo(np.int64).max)
        return group, _least(overall, rng), _least(self.sides[group], rng)


def _least(counts: np.ndarray, rng: Random) -> int:
    return int(rng.choice(np.flatnonzero(counts == counts.min()).tolist()))
