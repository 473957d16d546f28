"""What one codec did to the clips of a table: a list for each figure, a place for each clip.

>>> from musiclm.evaluate.judge import load_judge
>>> scores, wave = Scores(), Tensor(2, 1, 24_000).uniform_(-1.0, 1.0)
>>> scores.add(wave, wave, load_judge())
>>> scores.log_mel, scores.embeddings.shape, scores.heard.all()
([0.0, 0.0], (2, 1, 192), np.True_)
>>> scores.figures["peak_within_30_cents"]
[1.0, 1.0]
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from musiclm.codec.losses import si_snr
from musiclm.evaluate.bands import band_errors
from musiclm.evaluate.frechet import audible, embed
from musiclm.evaluate.judge import Judge
from musiclm.evaluate.likeness import hum, likeness
from musiclm.evaluate.reconstruction import distances


@dataclass
class Scores:
    """Grows by a batch at a time."""

    log_mel: list[float] = field(default_factory=list)
    si_snr: list[float] = field(default_factory=list)
    bias: list[list[float]] = field(default_factory=list)  # nepers by band
    absolute: list[list[float]] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=dict)  # by the names of columns
    families: list[str] = field(default_factory=list)  # of a solo, as the judge hears it
    kbps: list[float] = field(default_factory=list)  # where it is not known beforehand
    _embeddings: list[np.ndarray] = field(default_factory=list)
    _heard: list[np.ndarray] = field(default_factory=list)

    def add(
        self,
        real: Float[Tensor, "b 1 t"],
        fake: Float[Tensor, "b 1 u"],
        judge: Judge,
        kbps: Sequence[float] = (),
    ) -> None:
        """Compare; what is longer than the original is cut, what is shorter ends in silence."""
        missing = max(0, real.shape[-1] - fake.shape[-1])
        fake = F.pad(fake, (0, missing))[..., : real.shape[-1]]
        errors = band_errors(real, fake)
        self.log_mel += errors.absolute.mean(dim=1).tolist()
        self.bias += errors.bias.tolist()
        self.absolute += errors.absolute.tolist()
        self.si_snr += si_snr(real, fake).tolist()
        told = likeness(real[:, 0], fake[:, 0]) | hum(fake[:, 0])
        for name, values in (told | distances(real[:, 0], fake[:, 0])).items():
            self.figures.setdefault(name, []).extend(values.tolist())
        self.families += [one.family for one in judge.judge(fake)]
        self._embeddings.append(embed(judge, fake))
        self._heard.append(audible(real))
        self.kbps += kbps

    @property
    def embeddings(self) -> Float[np.ndarray, "c w d"]:
        """Of every second of every clip."""
        return np.concatenate(self._embeddings)

    @property
    def heard(self) -> Bool[np.ndarray, "c w"]:
        """Which seconds of the originals sound."""
        return np.concatenate(self._heard)
