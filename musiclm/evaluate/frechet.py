"""The Frechet distance of two sets of recordings, as an independent embedder hears them.

Each set's embeddings are described by a normal distribution (Heusel et al. 2017; FAD: Kilgour et
al. 2019); the paper's FAD embeds with Trill and VGGish. Ours is the judge, which learned from
another soundfont and from pieces of its own: what it knows of timbre, over each second of a clip.

>>> here, there = Gaussian(np.zeros(2), np.eye(2)), Gaussian(np.ones(2), 4 * np.eye(2))
>>> round(frechet(here, there), 6)  # 2 of the means, and 2 * (1 + 4 - 2 * 2)
4.0
"""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.evaluate.intervals import Estimate, tails, weights
from musiclm.evaluate.judge import Judge, level

WINDOW = SAMPLE_RATE  # samples of one embedding: a clip of ten seconds has ten
SILENCE = 1e-3  # root mean square, -60 dB of full scale: the judge, deaf to level, would hear hiss
RESAMPLES = 200  # each costs the eigenvalues of a matrix, for each row of a table
AT_ONCE = 64  # clips whose second moments are in memory at one time

Embeddings = Float[np.ndarray, "c w d"]  # clips, windows, dimensions


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution."""

    mean: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]


def gaussian(embeddings: Float[np.ndarray, "n d"], shrinkage: float = 0.0) -> Gaussian:
    """The normal distribution of embeddings.

    `shrinkage` in [0, 1] draws the covariance towards a multiple of the identity with its trace,
    for sets hardly larger than their dimension.
    """
    covariance = np.atleast_2d(np.cov(embeddings, rowvar=False))
    if shrinkage:
        size = len(covariance)
        round_one = np.eye(size) * np.trace(covariance) / size
        covariance = (1 - shrinkage) * covariance + shrinkage * round_one
    return Gaussian(embeddings.mean(axis=0), covariance)


def frechet(one: Gaussian, other: Gaussian) -> float:
    """|m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2))."""
    return _distance(one, root(one.covariance), other)


def root(covariance: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
    """The symmetric square root; eigenvalues that rounding made negative count as zero."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(0.0))) @ vectors.T


def _distance(one: Gaussian, root_of_one: Float[np.ndarray, "d d"], other: Gaussian) -> float:
    # C1 C2 has the eigenvalues of the symmetric R C2 R, R the root of C1: never complex ones.
    product = root_of_one @ other.covariance @ root_of_one
    shared = np.sqrt(np.linalg.eigvalsh(product).clip(0.0)).sum()
    apart = np.square(one.mean - other.mean).sum()
    spread = np.trace(one.covariance) + np.trace(other.covariance) - 2.0 * shared
    return max(0.0, float(apart + spread))


@torch.no_grad()
def embed(judge: Judge, wave: Float[Tensor, "b 1 t"]) -> Float[np.ndarray, "b w d"]:
    """What the judge knows of timbre, for each whole second: the input of its last layer."""
    parts = rearrange(_windows(wave), "b w t -> (b w) t")
    heard = judge.eval().timbre(level(judge.log_mel(parts)))
    return rearrange(heard, "(b w) d -> b w d", b=len(wave)).double().numpy()


def audible(wave: Float[Tensor, "b 1 t"]) -> Bool[np.ndarray, "b w"]:
    """Which seconds of the originals are not silent."""
    return (_windows(wave).square().mean(dim=-1).sqrt() >= SILENCE).numpy()


def _windows(wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b w s"]:
    return wave[:, 0].unfold(-1, WINDOW, WINDOW)


class Frechet:
    """Distances of coded clips from their originals, with the uncertainty of the choice of clips.

    Clips are drawn again, not seconds, for the seconds of one clip are alike; originals and coded
    clips are drawn together, and alike for every codec, so that differences have intervals too.
    """

    def __init__(
        self, real: Embeddings, heard: Bool[np.ndarray, "c w"], resamples: int = RESAMPLES
    ) -> None:
        """`heard` says which windows count, in the originals as in what is compared with them."""
        clips = len(real)
        self.heard = heard
        self.windows, self.dimension = int(heard.sum()), real.shape[-1]
        self.times = weights(clips, resamples)
        self.centre = real[heard].mean(axis=0)  # keeps the second moments small, and so exact
        self.real = self._gaussians(real)
        self.roots = [root(one.covariance) for one in self.real]

    def draws(self, made: Embeddings) -> Float[np.ndarray, " r"]:
        """The distance over all clips, then over each redrawn set."""
        pairs = zip(self.real, self.roots, self._gaussians(made), strict=True)
        return np.array([_distance(real, square, other) for real, square, other in pairs])

    def _gaussians(self, embeddings: Embeddings) -> list[Gaussian]:
        size = self.dimension
        total = self.times @ self.heard.sum(axis=1)
        first = np.zeros((len(self.times), size))
        second = np.zeros((len(self.times), size * size))
        for start in range(0, len(embeddings), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            x = (embeddings[part] - self.centre) * self.heard[part][..., None]
            first += self.times[:, part] @ x.sum(axis=1)
            outer = rearrange(np.matmul(x.transpose(0, 2, 1), x), "c i j -> c (i j)")
            second += self.times[:, part] @ outer
        made = []
        for n, f, s in zip(total, first, second, strict=True):
            covariance = (s.reshape(size, size) - np.outer(f, f) / n) / max(1.0, n - 1.0)
            made.append(Gaussian(f / n, covariance))
        return made


def interval(draws: Float[np.ndarray, " r"], clips: int, least: float = 0.0) -> Estimate:
    """The first draw and the bootstrap interval of the others.

    Clips drawn twice tell less than clips drawn once, which lifts every redrawn distance; the
    interval is moved back by as much. `least`: minus infinity for differences of distances.
    """
    value, others = float(draws[0]), draws[1:]
    low, high = (np.array(tails(others)) - (np.median(others) - value)).clip(least)
    return Estimate(value, float(low), float(high), clips)
