"""Waveform -> (MuLan, semantic, acoustic) tokens: MusicLM's figure read for learning (section 3).

The three tokenizers are trained apart, frozen, and meet here. Nothing in this file knows text. A
corpus becomes shards by a fixed plan: the parts of its recordings in the order of the manifest, so
many a shard. Interrupted or not, on one process, on many or on a cluster, the shards are the same.

    load = partial(load_tokenizers, system_folder("mini"), pick_device("auto"))
    tokenize_corpus(load, read_manifest("corpus"), Path("tokens"), processes=2)
"""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Int16
from torch import Tensor

from musiclm.audio import SAMPLE_RATE, probe, read_crop
from musiclm.checkpoint import sweep, token_fingerprint
from musiclm.codec.soundstream import SoundStream
from musiclm.data.manifest import Clip, read_manifest
from musiclm.data.parallel import chunks, spread
from musiclm.data.provenance import provenance
from musiclm.data.shards import (
    ROWS,
    ShardHeader,
    TokenRow,
    claim,
    is_whole,
    shard_path,
    write_shard,
)
from musiclm.errors import UserError
from musiclm.interfaces import SemanticTokenizer
from musiclm.mulan.tokenizer import MuLanTokenizer
from musiclm.tokens import SEMANTIC

SEGMENT_SECONDS = 30.0  # the longest crop of the paper; one set of MuLan tokens for each segment
FRAME = SAMPLE_RATE // SEMANTIC.rate  # samples of one semantic frame: the coarsest common grid
_SLACK = 24  # samples: a millisecond over a whole frame is no reason for another


@dataclass(frozen=True)
class Tokens:
    """What a waveform becomes."""

    mulan: Int[Tensor, "b 12"]
    semantic: Int[Tensor, "b n"]
    acoustic: Int[Tensor, "b m 12"]


@dataclass(frozen=True)
class Tokenizers:
    """The three frozen tokenizers of one system."""

    codec: SoundStream
    semantic: SemanticTokenizer
    mulan: MuLanTokenizer

    @torch.inference_mode()
    def tokenize(self, wave: Float[Tensor, "b 1 t"]) -> Tokens:
        """All three at once, for waves of whole semantic frames."""
        return Tokens(
            mulan=self.mulan.tokenize_audio(wave),
            semantic=self.semantic.tokenize(wave),
            acoustic=self.codec.encode(wave),
        )

    def fingerprints(self) -> dict[str, str]:
        """What the stages are pinned to."""
        return {
            "codec": token_fingerprint("codec", self.codec.state_dict()),
            "semantic": token_fingerprint("semantic", self.semantic.state_dict()),
            "mulan": token_fingerprint("mulan", self.mulan.state_dict()),
        }


@dataclass(frozen=True)
class Segment:
    """A part of a recording that becomes one row."""

    id: str
    split: str
    path: str
    start: float  # seconds
    frames: int  # of 40 ms, the coarsest common grid
    captions: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames * FRAME / SAMPLE_RATE


def segments(clip: Clip, seconds: float = SEGMENT_SECONDS) -> Iterator[Segment]:
    """The parts of a recording that are tokenised: whole frames each, nearly equal in length.

    A last frame that is not whole is filled up with silence, so that a recording of 9.99 seconds
    serves crops of 10; recordings shorter than a frame have no part.

    >>> [part.seconds for part in segments(Clip("a", "a.wav", 70.0))]
    [35.0, 35.0]
    >>> [part.seconds for part in segments(Clip("a", "a.wav", 9.99))]
    [10.0]
    """
    samples = round(clip.seconds * SAMPLE_RATE)
    count = max(1, round(clip.seconds / seconds))
    frames = -(-(samples - _SLACK) // FRAME) if samples >= FRAME else 0
    base, longer = divmod(frames, count)
    place = 0
    for part in range(count if frames else 0):
        own = base + (part < longer)
        start = place * FRAME / SAMPLE_RATE
        told = tuple(clip.captions)
        yield Segment(f"{clip.id}@{part}", clip.split, str(clip.path), start, own, told)
        place += own


def clips_of(paths: list[Path]) -> list[Clip]:
    """The recordings meant by one manifest, or by sound files, each a work of its own."""
    if len(paths) == 1 and (paths[0].is_dir() or paths[0].suffix == ".jsonl"):
        return read_manifest(paths[0])
    return [Clip(path.stem, str(path.absolute()), probe(path), work=path.stem) for path in paths]


def tokenize_corpus(
    load: Callable[[], Tokenizers],
    clips: Sequence[Clip],
    folder: Path,
    *,
    batch: int = 8,
    captions: int = 0,
    rows_per_shard: int = ROWS,
    processes: int = 1,
    cluster: str | None = None,
    progress: Callable[[float], None] = lambda seconds: None,
) -> ShardHeader:
    """Tokenise recordings into shards, making those that are not there yet.

    `load` gives the tokenizers; it is called here and in each worker, so with several it must be
    one that can be pickled: `partial(load_tokenizers, system_folder, device)`. With `captions`, the
    MuLan tokens of so many captions of each recording are kept beside those of its sound, for
    stages that learn from text too; one that has none is told by its sound. `processes` and
    `cluster` are those of `musiclm.data.parallel.spread`; a cluster's machines must share the
    files. `progress` is told the seconds of each shard.
    """
    if batch < 1 or rows_per_shard < 1 or captions < 0:
        raise UserError("a batch and a shard need at least one recording, captions none or more")
    folder = folder.absolute()
    tokenizers = load()
    header = _header(tokenizers, clips, rows_per_shard, captions)
    if not header.rows:
        raise UserError("nothing to tokenize: no recording is as long as 40 ms")
    claim(folder, header)
    making: partial[Callable[[Job], float]]
    if processes == 1 and cluster is None:
        making = partial(_shard_maker, lambda: tokenizers, folder, header, batch)
    else:
        making = partial(_single_threaded, partial(_shard_maker, load, folder, header, batch))
    work = _missing(folder, _plan(clips, rows_per_shard), progress)
    for seconds in spread(making, work, processes=processes, cluster=cluster, chunk=1):
        progress(seconds)
    sweep(folder)
    return header


Job = tuple[int, list[Segment]]  # the number of a shard, and what belongs into it


def _plan(clips: Iterable[Clip], rows_per_shard: int) -> Iterator[Job]:
    rows = (segment for clip in clips for segment in segments(clip))
    return enumerate(chunks(rows, rows_per_shard))


def _header(
    tokenizers: Tokenizers, clips: Iterable[Clip], rows_per_shard: int, captions: int
) -> ShardHeader:
    digest, rows = hashlib.sha256(), 0
    for clip in clips:
        for part in segments(clip):
            # Not its path, so that recordings can be moved.
            row = [part.id, part.split, round(part.start * SAMPLE_RATE), part.frames]
            digest.update(json.dumps(row).encode())
            rows += 1
    return ShardHeader(
        tokenizers.fingerprints(),
        acoustic_rate=tokenizers.codec.config.alphabet.rate,
        acoustic_levels=tokenizers.codec.config.levels,
        rows=rows,
        rows_per_shard=rows_per_shard,
        captions=captions,
        plan=digest.hexdigest(),
        data=provenance(clip for clip in clips if clip.split == "train"),
    )


def _missing(folder: Path, plan: Iterable[Job], progress: Callable[[float], None]) -> Iterator[Job]:
    for number, own in plan:
        if is_whole(shard_path(folder, number), [segment.id for segment in own]):
            progress(sum(segment.seconds for segment in own))
        else:
            yield number, own


def _shard_maker(
    load: Callable[[], Tokenizers], folder: Path, header: ShardHeader, batch: int
) -> Callable[[Job], float]:
    tokenizers = load()
    if tokenizers.fingerprints() != header.fingerprints:  # another machine's files
        raise UserError(f"the tokenizers of {platform.node()} are not those of {folder}")

    def make(job: Job) -> float:
        number, own = job
        batches = _batches(own, batch)
        rows = [row for part in batches for row in _tokenized(tokenizers, part, header.captions)]
        write_shard(shard_path(folder, number), rows)
        return sum(segment.seconds for segment in own)

    return make


def _single_threaded(setup: Callable[[], Callable[[Job], float]]) -> Callable[[Job], float]:
    """For a worker among others: together their threads would be more than there are cores."""
    torch.set_num_threads(1)
    return setup()


def _batches(own: list[Segment], size: int) -> Iterator[list[Segment]]:
    """Neighbours of one length, at most `size`: nothing that is tokenised needs to be padded."""
    for _, group in groupby(own, key=lambda segment: segment.frames):
        yield from chunks(group, size)


def _tokenized(tokenizers: Tokenizers, own: list[Segment], captions: int) -> list[TokenRow]:
    samples = [read_crop(part.path, part.start, part.seconds) for part in own]
    device = next(tokenizers.codec.parameters()).device
    tokens = tokenizers.tokenize(torch.from_numpy(np.stack(samples))[:, None].to(device))
    streams = (tokens.mulan, tokens.semantic, tokens.acoustic)
    mulan, semantic, acoustic = (each.cpu().numpy().astype(np.int16) for each in streams)
    text = _told(tokenizers.mulan, own, captions, mulan)
    ratio = tokenizers.codec.config.alphabet.rate // SEMANTIC.rate
    return [
        TokenRow(part.id, part.split, mulan[row], semantic[row], acoustic[row], text[row], ratio)
        for row, part in enumerate(own)
    ]


def _told(
    mulan: MuLanTokenizer, own: list[Segment], captions: int, heard: np.ndarray
) -> Int16[np.ndarray, "r c q"]:
    """MuLan's tokens of captions: all in turn where there are few, some at random of many."""
    text = np.repeat(heard[:, None], captions, axis=1)
    wanted, places = [], []
    for row, part in enumerate(own):
        if part.captions:
            seed = int.from_bytes(hashlib.sha256(part.id.encode()).digest()[:8], "little")
            order = np.random.default_rng(seed).permutation(len(part.captions))
            wanted += [part.captions[i] for i in np.resize(order, captions)]
            places += [(row, i) for i in range(captions)]
    if wanted:
        tokens = mulan.tokenize_text(wanted).cpu().numpy().astype(np.int16)
        text[tuple(np.array(places).T)] = tokens
    return text
