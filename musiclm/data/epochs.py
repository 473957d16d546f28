"""Which examples make up the batch of a step: a pure function of the seed and the step.

Epochs are permutations, each with its own random stream; nothing is kept between calls.

>>> first, _ = (epochs := Epochs(np.arange(6), batch=3, seed=1)).pick(0)
>>> second, _ = epochs.pick(1)
>>> sorted([*first.tolist(), *second.tolist()])
[0, 1, 2, 3, 4, 5]
>>> (epochs.pick(1)[0] == second).all().item()
True
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Epochs:
    """`visits` lists example numbers, each as often as an epoch should visit it."""

    visits: Int[np.ndarray, " n"]
    batch: int
    seed: int

    def pick(self, step: int) -> tuple[Int[np.ndarray, " b"], Float[np.ndarray, " b"]]:
        """Example numbers of a step's batch, and for each a number in [0, 1): where to crop."""
        positions = np.arange(self.batch) + step * self.batch
        epochs, places = np.divmod(positions, len(self.visits))
        picked = np.concatenate(
            [self._order(int(epoch))[places[epochs == epoch]] for epoch in np.unique(epochs)]
        )
        return picked, np.random.default_rng((self.seed, 1, step)).random(self.batch)

    def _order(self, epoch: int) -> Int[np.ndarray, " n"]:
        return np.random.default_rng((self.seed, 0, epoch)).permutation(self.visits)
