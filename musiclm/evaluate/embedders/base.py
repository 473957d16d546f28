"""What any ear for judging music must offer: an embedder, one that reads text too, and a tagger.

The paper's FAD hears with Trill and VGGish, its KLD with an AudioSet tagger (MusicLM section 4.4).
A distance says little without the name of the ear, so each carries its name and a fingerprint.

>>> windows(np.arange(7.0), 3).tolist()  # the odd sample at the end is less than half a window
[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
>>> windows(np.arange(8.0), 3).tolist()[-1], windows(np.arange(2.0), 3).tolist()
([5.0, 6.0, 7.0], [[0.0, 1.0, 0.0]])
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import nn

from musiclm.checkpoint import fingerprint
from musiclm.errors import UserError


@runtime_checkable
class Embedder(Protocol):
    """One recording at `sample_rate` -> one row for each window."""

    name: str  # with its weights: "judge", "mulan (mini)", "vggish"
    sample_rate: int
    dimension: int
    fingerprint: str  # of weights and settings: the key of the cache

    def embed(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, "w d"]:
        """[t] -> [w d]."""
        ...


@runtime_checkable
class TextEmbedder(Embedder, Protocol):
    """An embedder whose space holds sentences too."""

    def embed_text(self, texts: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """Sentences -> unit vectors."""
        ...


@runtime_checkable
class Tagger(Protocol):
    """One recording at `sample_rate` -> probabilities of labels."""

    name: str
    sample_rate: int
    fingerprint: str
    labels: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]  # places of the labels that sum to one

    def tag(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, " c"]:
        """[t] -> [c]."""
        ...


def windows(samples: Float[np.ndarray, " t"], size: int) -> Float[np.ndarray, "w s"]:
    """Cut into windows of `size` samples, one after another.

    What is left at the end counts if it is half a window or more: as a window that ends with the
    clip. A shorter clip repeats until it fills a window, for silence would count as music.
    """
    samples = at_least(samples, size)
    starts = list(range(0, len(samples) - size + 1, size))
    if 2 * (len(samples) - starts[-1] - size) >= size:
        starts.append(len(samples) - size)
    return np.stack([samples[start : start + size] for start in starts])


def at_least(samples: Float[np.ndarray, " t"], size: int) -> Float[np.ndarray, " s"]:
    """The clip, repeated until it has `size` samples if it has fewer."""
    if not len(samples):
        raise UserError("cannot embed a clip without samples")
    return samples if len(samples) >= size else np.resize(samples, size)


def unit(rows: Float[np.ndarray, "_ d"]) -> Float[np.ndarray, "_ d"]:
    """Rows of norm one; rows of zeros stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def identity(module: nn.Module, settings: Mapping[str, Any]) -> str:
    """The fingerprint of an ear: its weights, and how they are used."""
    told = ",".join(f"{name}={settings[name]}" for name in sorted(settings))
    return hashlib.sha256(f"{told}:{fingerprint(module)}".encode()).hexdigest()
