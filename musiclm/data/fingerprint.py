"""Fingerprints of sound: 32 bits for each 32 ms, and the search for clips that share them.

After Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): a bit is set
where the step from a band of the spectrum to the next grew within 64 ms, here by more than a codec
makes it. Loudness, resampling and MP3 change few bits, other notes or other instruments many. Words
that are equal propose a pair and its offset; the share of bits that differ among those that are set
in either, where the two overlap, decides.

>>> rng = np.random.default_rng(0)
>>> noise = rng.standard_normal(80_000).astype(np.float32)
>>> words = [fingerprint(wave, 8_000) for wave in (noise, 0.1 * noise[10_240:], noise[::-1])]
>>> [(match.row, match.of) for match in near_copies(words)]
[(1, 0)]
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import soxr
import torch
from jaxtyping import Float, UInt32

RATE = 8_000
WINDOW, HOP = 4096, 256  # half a second: an offset of half a hop changes little
SPAN = 2  # hops between the frames that are compared
BANDS = 33
LOWEST, HIGHEST = 200.0, 3_400.0  # Hz
FLOOR = 1e-2  # of the loudest band: what a codec may drop makes no bits
GROWTH = 0.1  # nepers
QUIET = 1e-9  # mean square; below -90 dB nothing is said to grow
MOST_WRONG = 0.33  # share of bits; recoded clips reach 0.29, other instruments begin at 0.38
LEAST_WORDS = 32  # about 1.5 s of sound that both must hold
LEAST_OVERLAP = 0.5  # of the shorter one
_DEEP = 16  # entries of one word that are looked at: the longest clips, so the ones that are kept
_TRIES = 8  # pairs and offsets of each clip that are compared bit by bit
_BATCH = 1 << 20  # words that are looked up at a time


class Match(NamedTuple):
    """Row `row` sounds as row `of` does `seconds` later; `wrong` is the share of other bits."""

    row: int
    of: int
    seconds: float
    wrong: float


class Fingerprinter:
    """Words of a recording that comes in blocks, whatever their sizes."""

    def __init__(self, sample_rate: int):
        self._resample = (
            None
            if sample_rate == RATE
            else soxr.ResampleStream(sample_rate, RATE, 1, "float32", quality="LQ")
        )
        self._rest = np.zeros(0, np.float32)
        self._steps = np.zeros((0, BANDS - 1))
        self._words: list[np.ndarray] = []

    def push(self, mono: Float[np.ndarray, " t"], last: bool = False) -> None:
        """Take the next samples."""
        mono = np.ascontiguousarray(mono, dtype=np.float32)
        if self._resample is not None:
            mono = self._resample.resample_chunk(mono, last)
        self._rest = np.concatenate([self._rest, mono])
        count = (len(self._rest) - WINDOW) // HOP + 1
        if count < 1:
            return
        frames = np.lib.stride_tricks.sliding_window_view(self._rest, WINDOW)[::HOP][:count]
        self._add(frames)
        self._rest = self._rest[count * HOP :].copy()

    def words(self) -> UInt32[np.ndarray, " _"]:
        """All words so far."""
        return np.concatenate([*self._words, np.zeros(0, np.uint32)])

    def _add(self, frames: np.ndarray) -> None:
        windowed = frames * _TAPER
        # Nine times as fast as NumPy's.
        spectrum = torch.fft.rfft(torch.from_numpy(windowed))[:, : _EDGES[-1]].numpy()
        bands = np.add.reduceat(np.square(np.abs(spectrum)), _EDGES[:-1], axis=1)
        top = bands.max(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            steps = np.diff(np.log(bands + FLOOR * top + 1e-20), axis=1)
        sounds = np.einsum("nt,nt->n", windowed, windowed) > QUIET * _TAPER_POWER
        steps = np.concatenate([self._steps, steps])
        grown = steps[SPAN:] - steps[:-SPAN] < -GROWTH
        self._steps = steps[-SPAN:]
        words = np.packbits(grown, axis=1).view(">u4")[:, 0].astype(np.uint32)
        self._words.append(np.where(sounds[len(sounds) - len(words) :], words, 0))


def fingerprint(mono: Float[np.ndarray, " t"], sample_rate: int) -> UInt32[np.ndarray, " _"]:
    """Words of a whole recording."""
    listener = Fingerprinter(sample_rate)
    listener.push(mono, last=True)
    return listener.words()


def near_copies(clips: Sequence[UInt32[np.ndarray, " _"]]) -> Iterator[Match]:
    """For each clip that sounds as one of those before it which are kept, the nearest of these.

    Give the longest first: an excerpt is then the copy and not the original. In memory: 14 bytes
    a word, 4 kB for a clip of ten seconds.
    """
    index = _Index(clips)
    kept = np.ones(len(clips), bool)
    for low, high in _batches(np.cumsum([0, *map(len, clips)])):
        for row, tries in index.proposals(low, high):
            best = None
            for of, shift in tries:
                if kept[of]:
                    wrong = difference(clips[row], clips[of], shift)
                    if wrong <= MOST_WRONG and (best is None or wrong < best.wrong):
                        best = Match(row, of, shift * HOP / RATE, wrong)
            if best is not None:
                kept[row] = False
                yield best


def difference(one: UInt32[np.ndarray, " _"], other: UInt32[np.ndarray, " _"], shift: int) -> float:
    """Share of bits that differ if `one` begins `shift` words into `other`; 1 if too few."""
    first, second = max(0, -shift), max(0, shift)
    length = min(len(one) - first, len(other) - second)
    if length < LEAST_WORDS:
        return 1.0
    left, right = one[first : first + length], other[second : second + length]
    least = LEAST_OVERLAP * min(np.count_nonzero(one), np.count_nonzero(other))
    if min(np.count_nonzero(left), np.count_nonzero(right)) < max(LEAST_WORDS / 2, least):
        return 1.0
    wrong = int(np.bitwise_count(left ^ right).sum())
    return wrong / max(1, int(np.bitwise_count(left | right).sum()))


def _batches(starts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of clips with about as many words each."""
    low = 0
    while low < len(starts) - 1:
        high = int(np.searchsorted(starts, starts[low] + _BATCH, side="right")) - 1
        high = min(max(high, low + 1), len(starts) - 1)
        yield low, high
        low = high


class _Index:
    """Every second word of all clips, sorted by word and then by place: the earliest come first.

    A clip asks with all of its words, so that one of them lies within 16 ms of one here.
    """

    def __init__(self, clips: Sequence[np.ndarray]):
        self.clips = clips
        self.starts = np.cumsum([0, *((len(clip) + 1) // 2 for clip in clips)])
        words = np.concatenate([*(clip[::2] for clip in clips), np.zeros(0, np.uint32)])
        places = np.argsort(words, kind="stable")
        self.places = places[words[places] != 0]
        self.words = words[self.places]

    def proposals(self, low: int, high: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """(row, [(earlier row, shift)...]) of clips that share words with earlier ones."""
        lengths = [len(clip) for clip in self.clips[low:high]]
        rows = np.repeat(np.arange(low, high), lengths)
        times = np.concatenate([*map(np.arange, lengths), np.zeros(0, np.int64)])
        words = np.concatenate([*self.clips[low:high], np.zeros(0, np.uint32)])
        slots = np.searchsorted(self.words, words)
        alive = words != 0
        found: list[np.ndarray] = []
        for _ in range(_DEEP):
            alive &= slots < len(self.words)
            rows, times, words, slots = rows[alive], times[alive], words[alive], slots[alive]
            # An entry of the same word in an earlier clip; those of later ones come after.
            alive = (self.words[slots] == words) & (self.places[slots] < self.starts[rows])
            rows, times, words, slots = rows[alive], times[alive], words[alive], slots[alive]
            if not len(rows):
                break
            places = self.places[slots]
            others = np.searchsorted(self.starts, places, side="right") - 1
            found.append(np.stack([rows, others, 2 * (places - self.starts[others]) - times]))
            slots = slots + 1
            alive = np.ones(len(rows), bool)
        return _ranked(found)


def _ranked(found: list[np.ndarray]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """The pairs of each row that were found most often."""
    if not found:
        return
    every = np.concatenate(found, axis=1)
    every = every[:, np.lexsort(every[::-1])]
    firsts = np.flatnonzero(np.any(np.diff(every, axis=1, prepend=-1) != 0, axis=0))
    pairs, votes = every[:, firsts], np.diff(firsts, append=every.shape[1])
    pairs = pairs[:, np.lexsort((pairs[2], pairs[1], -votes, pairs[0]))]
    borders = np.flatnonzero(np.diff(pairs[0], prepend=-1, append=-1))
    for first, last in zip(borders[:-1], borders[1:], strict=True):
        tries = pairs[1:, first : min(last, first + _TRIES)].T.tolist()
        yield int(pairs[0, first]), [(of, shift) for of, shift in tries]


_TAPER = np.hanning(WINDOW).astype(np.float32)
_TAPER_POWER = float(np.square(_TAPER).sum())
_EDGES = np.round(
    LOWEST * (HIGHEST / LOWEST) ** (np.arange(BANDS + 1) / BANDS) * WINDOW / RATE
).astype(int)
