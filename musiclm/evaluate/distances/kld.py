"""Divergence of what a tagger hears: MusicLM's KLD (section 4.4), clip by clip and over the sets.

Paired: each generated clip against the reference clip of the same prompt, as in the paper.
Marginal: the mean distributions of both sets, which tells whether as much of each is played.

A tagger that asks several questions has a distribution for each; the figure is the mean over the
questions of their divergences. In nepers; a probability below one in a million counts as that.

>>> sure, unsure = np.array([[1.0, 0.0]] * 4), np.array([[0.5, 0.5]] * 4)
>>> round(paired(sure, unsure).value, 3), paired(sure, sure).value
(0.693, 0.0)
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from musiclm.errors import UserError
from musiclm.evaluate.frechet import interval
from musiclm.evaluate.intervals import RESAMPLES, Estimate, mean, weights

FLOOR = 1e-6
Groups = Sequence[Sequence[int]] | None  # places of the labels of each question; None: one question
Labels = Float[np.ndarray, "_ _"]  # clips, probabilities of labels


def paired(reference: Labels, generated: Labels, groups: Groups = None) -> Estimate:
    """Mean over pairs of the divergence of the generated clip's labels from the reference's."""
    return mean(each(reference, generated, groups))


def each(reference: Labels, generated: Labels, groups: Groups = None) -> Float[np.ndarray, " c"]:
    """The divergence of each pair."""
    _check(reference, generated)
    if len(reference) != len(generated):
        raise UserError(
            f"paired KLD needs a reference clip for each generated one; there are "
            f"{len(reference)} and {len(generated)}"
        )
    return _divergence(reference, generated, groups)


def marginal(reference: Labels, generated: Labels, groups: Groups = None) -> Estimate:
    """Divergence of the mean distributions, and its bootstrap interval over the clips of both."""
    return interval(marginal_draws(reference, generated, groups), len(generated))


def marginal_draws(
    reference: Labels, generated: Labels, groups: Groups = None, resamples: int = RESAMPLES
) -> Float[np.ndarray, " r"]:
    """Over all clips, then over each redrawn set, paired as in `fad.draws`."""
    _check(reference, generated)
    here, there = (_mean_labels(rows, resamples) for rows in (reference, generated))
    return _divergence(here, there, groups)


def _mean_labels(rows: Labels, resamples: int) -> Float[np.ndarray, "r l"]:
    return weights(len(rows), resamples) @ rows / len(rows)


def _check(reference: Labels, generated: Labels) -> None:
    for name, rows in (("reference", reference), ("generated", generated)):
        if not len(rows):
            raise UserError(f"KLD needs {name} clips; there are none")
        if not np.isfinite(rows).all():
            raise UserError(f"KLD: a label probability of the {name} set is not finite")
    if reference.shape[1] != generated.shape[1]:
        raise UserError(f"KLD: {reference.shape[1]} and {generated.shape[1]} labels: two taggers?")


def _divergence(
    p: Float[np.ndarray, "n l"], q: Float[np.ndarray, "n l"], groups: Groups
) -> Float[np.ndarray, " n"]:
    """Kullback-Leibler of p from q, mean over questions."""
    told = []
    for group in groups if groups is not None else [range(p.shape[1])]:
        one, other = (_distribution(rows[:, list(group)]) for rows in (p, q))
        told.append((one * np.log(one / other)).sum(axis=1))
    return np.mean(told, axis=0).clip(0.0)


def _distribution(rows: np.ndarray) -> np.ndarray:
    floored = np.maximum(rows.astype(np.float64), FLOOR)
    return floored / floored.sum(axis=1, keepdims=True)
