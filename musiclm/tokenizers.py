"""Waveform -> (MuLan, semantic, acoustic) tokens: MusicLM's figure read for learning (section 3).

The three tokenizers are trained apart, frozen, and meet here. Nothing in this file knows text.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.audio import SAMPLE_RATE, probe, read_crop
from musiclm.checkpoint import fingerprint
from musiclm.codec.soundstream import SoundStream
from musiclm.data.manifest import Clip, read_manifest
from musiclm.data.shards import ShardWriter, TokenRow
from musiclm.mulan.tokenizer import MuLanTokenizer
from musiclm.semantic.tokenizer import SemanticTokenizer
from musiclm.tokens import ACOUSTIC

SEGMENT_SECONDS = 30.0  # the longest crop of the paper; one set of MuLan tokens for each segment
FRAME = SAMPLE_RATE // ACOUSTIC.rate * 2  # samples of one semantic frame: the coarsest common grid


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
            "codec": fingerprint(self.codec),
            "semantic": fingerprint(self.semantic),
            "mulan": fingerprint(self.mulan),
        }


def segments(clip: Clip, seconds: float = SEGMENT_SECONDS) -> Iterator[tuple[str, float, float]]:
    """(id, start, length) of the parts of a recording that are tokenised, whole frames each."""
    count = max(1, round(clip.seconds / seconds))
    grid = FRAME / SAMPLE_RATE
    length = int(clip.seconds / count / grid) * grid
    for part in range(count):
        if length > 0:
            yield f"{clip.id}@{part}", part * length, length


def clips_of(paths: list[Path]) -> list[Clip]:
    """The recordings meant by one manifest, or by sound files, each a work of its own."""
    if len(paths) == 1 and (paths[0].is_dir() or paths[0].suffix == ".jsonl"):
        return read_manifest(paths[0])
    return [Clip(path.stem, str(path), probe(path), work=path.stem) for path in paths]


def tokenize_corpus(
    tokenizers: Tokenizers,
    clips: Iterable[Clip],
    writer: ShardWriter,
    *,
    batch: int = 8,
    progress: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Tokenise recordings into shards, skipping those that `writer` already holds."""
    device = next(tokenizers.codec.parameters()).device
    pending: list[tuple[str, str, np.ndarray]] = []

    def flush() -> None:
        wave = torch.from_numpy(np.stack([samples for *_, samples in pending]))[:, None]
        tokens = tokenizers.tokenize(wave.to(device))
        for row, (name, split, _) in enumerate(pending):
            mulan, semantic, acoustic = (
                stream[row].cpu().numpy().astype(np.int16)
                for stream in (tokens.mulan, tokens.semantic, tokens.acoustic)
            )
            writer.add(TokenRow(name, split, mulan, semantic, acoustic))
        pending.clear()

    for clip in clips:
        for name, start, length in segments(clip):
            progress(length)
            if name in writer.done:
                continue
            samples = read_crop(clip.path, start, length)
            if pending and len(pending[0][2]) != len(samples):
                flush()
            pending.append((name, clip.split, samples))
            if len(pending) == batch:
                flush()
    if pending:
        flush()
