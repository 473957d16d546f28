"""Recordings -> batches: random crops of waveforms, fetched one step ahead.

The paper trains every part on random crops: 30, 10 and 3 seconds for the stages (section 4.2).
Which crops make up a batch is a pure function of the seed and the step, so a run that resumes
needs no saved cursor and a run on several machines needs no sampler: each takes another step's
batch.

    crops = Crops(read_manifest(path, "train"), seconds=3.0, batch=8, seed=0)
    with Prefetch(crops.batch) as batches:
        wave = next(batches).wave
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE, read_crop
from musiclm.data.epochs import Epochs
from musiclm.data.manifest import Clip
from musiclm.errors import UserError


@dataclass(frozen=True)
class WaveBatch:
    """Crops of as many clips, and the clips that they came from."""

    wave: Float[Tensor, "b 1 t"]
    clips: list[Clip]


class Crops:
    """Random crops of clips; an epoch goes through all of them in a new order.

    `evenly="seconds"` visits a clip once an epoch for each crop length that it holds, so every
    second of audio counts the same; `evenly="clips"` visits it once, so a batch within an epoch
    never holds two crops of one clip (contrastive tasks must not take one for the other's
    negative).
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        seconds: float,
        batch: int,
        seed: int = 0,
        evenly: Literal["seconds", "clips"] = "seconds",
    ):
        if not clips:
            raise UserError("no clips to train on: the manifest has no row of this split")
        if seconds <= 0 or batch < 1:
            raise UserError(
                f"crops of {seconds} seconds in batches of {batch}: both must be positive"
            )
        self.clips = list(clips)
        self.seconds = seconds
        visits = [
            max(1, int(clip.seconds / seconds)) if evenly == "seconds" else 1 for clip in clips
        ]
        self.epochs = Epochs(np.repeat(np.arange(len(self.clips)), visits), batch, seed)

    def rows(self, step: int) -> list[tuple[Clip, float]]:
        """Which clips, and from which second: decided by the seed and the step alone."""
        picked, shares = self.epochs.pick(step)
        clips = [self.clips[row] for row in picked]
        return [
            (clip, float(share) * max(0.0, clip.seconds - self.seconds))
            for clip, share in zip(clips, shares, strict=True)
        ]

    def batch(self, step: int) -> WaveBatch:
        rows = self.rows(step)
        waves = np.stack([crop(clip, start, self.seconds) for clip, start in rows])
        return WaveBatch(torch.from_numpy(waves)[:, None], [clip for clip, _ in rows])


def crop(clip: Clip, start_seconds: float, seconds: float) -> np.ndarray:
    """Samples of a clip; one shorter than the crop is repeated: silence would teach silence."""
    samples = round(seconds * SAMPLE_RATE)
    held = min(seconds, max(clip.seconds, 1 / SAMPLE_RATE))
    wave = read_crop(clip.path, start_seconds, held)
    if not np.isfinite(wave).all():
        raise UserError(f"{clip.path}: has samples that are not numbers")
    return wave if len(wave) == samples else np.resize(wave, samples)


Batch = TypeVar("Batch")


class Prefetch(Generic[Batch]):
    """Batches of steps `start`, `start + stride`, ..., made on other threads, yielded in order.

    >>> with Prefetch(lambda step: step * step, start=2) as squares:
    ...     [next(squares) for _ in range(3)]
    [4, 9, 16]
    """

    def __init__(
        self,
        batch: Callable[[int], Batch],
        start: int = 0,
        stride: int = 1,
        workers: int = 1,
        ahead: int = 2,
    ):
        self._batch = batch
        self._steps = itertools.count(start, stride)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
        self._pending: list[Future[Batch]] = []
        self._ahead = max(ahead, workers)

    def __enter__(self) -> "Prefetch[Batch]":
        self._fill()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = self._pending.pop(0).result()
        self._fill()
        return batch

    def _fill(self) -> None:
        while len(self._pending) < self._ahead:
            self._pending.append(self._pool.submit(self._batch, next(self._steps)))
