"""When the critics run away, the codec goes on without them. Not in the paper.

Two things go wrong. Critics that are always right have no slope to climb: they pause until the
codec has caught up. A codec that listens to them and forgets the original gets worse at saying it:
then they go, for good, and training falls back to the reconstruction alone.

>>> referee = Referee(FallbackConfig(check_every=2, patience=1), start=0)
>>> for step in range(5):
...     referee.decide(step)
...     referee.note(torch.tensor(1.0), torch.tensor(0.99))
>>> referee.learning, referee.heard
(False, True)
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from musiclm.errors import UserError

LEARNING, PAUSED, OFF = 0, 1, 2


@dataclass(frozen=True)
class FallbackConfig:
    """When critics are too strong, and when they harm: `[train.codec.task.fallback]`."""

    check_every: int = 50  # steps, over which figures are averaged; 0: never interfere
    patience: int = 3  # checks in a row
    win_rate: float = 0.97  # from here on they pause
    recovered: float = 0.9  # from here down they learn again
    worse: float = 0.3  # growth of the reconstruction loss since they entered: they go

    def __post_init__(self) -> None:
        """Refuse what could never work."""
        if self.check_every < 0 or self.patience < 1 or self.worse <= 0:
            raise UserError("fallback: patience and worse must be positive, check_every 0 or more")
        if not 0 <= self.recovered <= self.win_rate:
            raise UserError("fallback: recovered must lie between 0 and win_rate")


class Referee(nn.Module):
    """All that it knows is in buffers, so that a resumed run decides alike; it has no weights."""

    mode: Tensor
    winning: Tensor  # checks in a row
    worsening: Tensor
    entry: Tensor  # reconstruction loss when the critics entered; -1: not known yet
    sums: Tensor  # of reconstruction losses and win rates since the last check
    counts: Tensor

    def __init__(self, config: FallbackConfig, start: int):
        super().__init__()
        self.config, self.start = config, start
        for name in ("mode", "winning", "worsening"):
            self.register_buffer(name, torch.tensor(0))
        self.register_buffer("entry", torch.tensor(-1.0, dtype=torch.float64))
        self.register_buffer("sums", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(2, dtype=torch.float64))

    @property
    def learning(self) -> bool:
        """Whether the critics are trained."""
        return int(self.mode) == LEARNING

    @property
    def heard(self) -> bool:
        """Whether the codec is trained to fool them."""
        return int(self.mode) != OFF

    @torch.no_grad()
    def note(self, reconstruction: Tensor, win_rate: Tensor | None = None) -> None:
        """Remember a step's figures until the next check."""
        for place, figure in enumerate((reconstruction, win_rate)):
            if figure is not None:
                self.sums[place] += figure.double()
                self.counts[place] += 1

    @torch.no_grad()
    def decide(self, step: int) -> None:
        """At the beginning of a step, where it is time: judge the figures since the last check."""
        every = self.config.check_every
        due = step == self.start or (every and step % every == 0)
        if not due or not self.heard or not self.counts[0]:
            return
        loss, win_rate = (self.sums / self.counts.clamp_min(1)).tolist()
        if step <= self.start or self.entry < 0:
            self.entry.fill_(loss)
        elif every:
            self._judge(loss, win_rate)
        self.sums.zero_()
        self.counts.zero_()

    def _judge(self, loss: float, win_rate: float) -> None:
        config = self.config
        self._count(self.worsening, loss > (1 + config.worse) * float(self.entry))
        self._count(self.winning, win_rate >= config.win_rate)
        if self.worsening >= config.patience:
            self.mode.fill_(OFF)
        elif self.winning >= config.patience:
            self.mode.fill_(PAUSED)
        elif not self.learning and win_rate <= config.recovered:
            self.mode.fill_(LEARNING)

    @staticmethod
    def _count(streak: Tensor, again: bool) -> None:
        if again:
            streak.add_(1)
        else:
            streak.zero_()
