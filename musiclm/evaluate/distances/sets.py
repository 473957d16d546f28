"""What every distance begins with: two sets of clips, each clip a few rows of one embedder.

>>> some = [np.full((3, 2), float(k)) for k in range(4)]
>>> centres(some).tolist()
[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
>>> jackknife(lambda left: centres([some[i] for i in left]).mean(), 4).value
1.5
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from musiclm.errors import UserError
from musiclm.evaluate.intervals import NORMAL, Estimate

Clips = Sequence[Float[np.ndarray, "_ _"]]  # a [w d] array for each clip
GROUPS = 20  # that a jackknife leaves out in turn
LEAST = 2  # clips in which there is anything like a spread


def check(what: str, reference: Clips, generated: Clips, least: int = LEAST) -> None:
    """Raise UserError where a distance would have no meaning, and name the set."""
    for name, clips in (("reference", reference), ("generated", generated)):
        if len(clips) < least:
            raise UserError(f"{what} needs {least} {name} clips or more; there are {len(clips)}")
        if any(clip.ndim != 2 or not len(clip) for clip in clips):
            raise UserError(f"{what}: a clip of the {name} set has no embedding")
        if any(not np.isfinite(clip).all() for clip in clips):
            raise UserError(f"{what}: an embedding of the {name} set is not finite")
    widths = {clip.shape[1] for clips in (reference, generated) for clip in clips}
    if len(widths) > 1:
        raise UserError(f"{what}: embeddings of several widths, {sorted(widths)}: two embedders?")


def pooled(clips: Clips) -> Float[np.ndarray, "n d"]:
    """All rows of all clips."""
    return np.concatenate(clips).astype(np.float64)


def centres(clips: Clips) -> Float[np.ndarray, "c d"]:
    """One row a clip: the mean of its windows."""
    return np.stack([clip.mean(axis=0, dtype=np.float64) for clip in clips])


def jackknife(measure: Callable[[Int[np.ndarray, " n"]], float], clips: int) -> Estimate:
    """`measure` of all places, and its interval from leaving out a group of clips at a time.

    For figures whose bias depends on how many different clips there are, which a bootstrap, whose
    sets hold clips twice, would distort; it takes twenty measurements more.
    """
    places = np.arange(clips)
    groups = min(GROUPS, clips)
    parts = np.array([measure(places[places % groups != g]) for g in range(groups)])
    error = np.sqrt((groups - 1) / groups * np.square(parts - parts.mean()).sum())
    value = float(measure(places))
    return Estimate(value, value - NORMAL * float(error), value + NORMAL * float(error), clips)
