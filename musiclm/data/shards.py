"""Token shards: recordings as integers, written once and read by every language-model run.

A folder holds `shards.json` (which tokenizers made it: their fingerprints and rates) and files
`00000.safetensors` of some hundred recordings each: `mulan [r 12]`, `semantic [r n]`, `acoustic [r
2n q]` as int16, `frames [r]` (whole semantic frames; rows are padded to the longest) and the rows'
ids and splits. A file appears when it is complete, so tokenising resumes where it stopped. A stage
trained on the tokens of one tokenizer is noise on those of another: shards of strangers are
refused by name.

    with ShardWriter(folder, ShardHeader(tokenizers.fingerprints())) as shards:
        for clip in clips:
            if clip.id not in shards.done:
                shards.add(TokenRow(clip.id, clip.split, mulan, semantic, acoustic))
    batch = TokenShards(folder, split="train").crops(seconds=10.0, batch=8, seed=0)
    streams = batch(0)   # {"mulan": [8 12], "semantic": [8 250], "acoustic": [8 500 12]}
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from jaxtyping import Int16
from torch import Tensor

from musiclm.checkpoint import atomic_path, load_tensors, save_tensors
from musiclm.data.epochs import Epochs
from musiclm.errors import UserError
from musiclm.tokens import ACOUSTIC, SEMANTIC

HEADER = "shards.json"
FRAMES = ACOUSTIC.rate // SEMANTIC.rate  # acoustic frames a semantic one: both start every 40 ms


@dataclass(frozen=True)
class ShardHeader:
    """Who made the tokens."""

    fingerprints: dict[str, str]
    semantic_rate: int = SEMANTIC.rate
    acoustic_rate: int = ACOUSTIC.rate
    acoustic_levels: int = ACOUSTIC.levels


@dataclass(frozen=True)
class TokenRow:
    """One recording as tokens."""

    id: str
    split: str
    mulan: Int16[np.ndarray, " q"]
    semantic: Int16[np.ndarray, " n"]
    acoustic: Int16[np.ndarray, "m q2"]

    @property
    def frames(self) -> int:
        """Whole semantic frames for which both streams have tokens."""
        return min(len(self.semantic), len(self.acoustic) // FRAMES)


class ShardWriter:
    """Appends rows to a folder of shards; `done` lists the rows of earlier, interrupted runs."""

    def __init__(self, folder: str | Path, header: ShardHeader, rows_per_shard: int = 256):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / HEADER).exists():
            _refuse_strangers(self.folder, read_header(self.folder), header.fingerprints)
        with atomic_path(self.folder / HEADER) as path:
            path.write_text(json.dumps(asdict(header), indent=2))
        files = _files(self.folder)
        self.done = {row.id for file in files for row in read_shard(file)}
        self._next = int(files[-1].stem) + 1 if files else 0
        self._rows: list[TokenRow] = []
        self._rows_per_shard = rows_per_shard

    def add(self, row: TokenRow) -> None:
        assert row.id not in self.done, f"{row.id} is already in {self.folder}"
        self.done.add(row.id)
        self._rows.append(row)
        if len(self._rows) >= self._rows_per_shard:
            self.flush()

    def flush(self) -> None:
        """Write what was added as a (perhaps smaller) shard."""
        if self._rows:
            write_shard(self.folder / f"{self._next:05d}.safetensors", self._rows)
            self._next += 1
            self._rows = []

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flush()


class TokenShards:
    """All rows of one split in memory: an hour is 5 MB."""

    def __init__(
        self,
        folder: str | Path,
        expect: dict[str, str] | None = None,
        split: str | None = "train",
    ):
        self.folder = Path(folder)
        self.header = read_header(self.folder)
        if expect is not None:
            _refuse_strangers(self.folder, self.header, expect)
        rows = [row for file in _files(self.folder) for row in read_shard(file)]
        self.rows = [row for row in rows if split is None or row.split == split]

    @property
    def seconds(self) -> float:
        return sum(row.frames for row in self.rows) / self.header.semantic_rate

    def frames(self, seconds: float) -> int:
        """Semantic frames of a crop."""
        return round(seconds * self.header.semantic_rate)

    def crops(
        self, seconds: float, batch: int, seed: int = 0
    ) -> Callable[[int], dict[str, Tensor]]:
        """From the step to a batch of random crops; rows shorter than a crop are left out."""
        frames = self.frames(seconds)
        rows = [row for row in self.rows if row.frames >= frames]
        if not rows:
            longest = max((row.frames for row in self.rows), default=0) / self.header.semantic_rate
            raise UserError(
                f"{self.folder}: no row holds {seconds:g} seconds (the longest of "
                f"{len(self.rows)} has {longest:g}); set crop_seconds lower"
            )
        visits = np.repeat(np.arange(len(rows)), [row.frames // frames for row in rows])
        epochs = Epochs(visits, batch, seed)

        def batch_of(step: int) -> dict[str, Tensor]:
            ids, shares = epochs.pick(step)
            picked = [rows[id] for id in ids]
            spare = [row.frames - frames + 1 for row in picked]
            return stack_crops(picked, (shares * spare).astype(int).tolist(), frames)

        return batch_of


def stack_crops(rows: list[TokenRow], starts: list[int], frames: int) -> dict[str, Tensor]:
    """The same 40 ms frames of every stream, as int64 (what embeddings and losses want)."""
    pairs = list(zip(rows, starts, strict=True))
    streams = {
        "mulan": [row.mulan for row in rows],
        "semantic": [row.semantic[start : start + frames] for row, start in pairs],
        "acoustic": [
            row.acoustic[FRAMES * start : FRAMES * (start + frames)] for row, start in pairs
        ],
    }
    return {name: torch.from_numpy(np.stack(rows)).long() for name, rows in streams.items()}


def write_shard(path: Path, rows: list[TokenRow]) -> None:
    frames = [row.frames for row in rows]
    longest = max(frames)
    levels = rows[0].acoustic.shape[1]
    semantic = np.zeros((len(rows), longest), np.int16)
    acoustic = np.zeros((len(rows), FRAMES * longest, levels), np.int16)
    for place, row in enumerate(rows):
        semantic[place, : row.frames] = row.semantic[: row.frames]
        acoustic[place, : FRAMES * row.frames] = row.acoustic[: FRAMES * row.frames]
    tensors = {
        "mulan": torch.from_numpy(np.stack([row.mulan for row in rows])),
        "semantic": torch.from_numpy(semantic),
        "acoustic": torch.from_numpy(acoustic),
        "frames": torch.tensor(frames, dtype=torch.int32),
    }
    names = {"ids": [row.id for row in rows], "splits": [row.split for row in rows]}
    save_tensors(path, tensors, {key: json.dumps(value) for key, value in names.items()})


def read_shard(path: Path) -> list[TokenRow]:
    tensors, metadata = load_tensors(path)
    names = zip(json.loads(metadata["ids"]), json.loads(metadata["splits"]), strict=True)
    mulan, semantic, acoustic = (tensors[key].numpy() for key in ("mulan", "semantic", "acoustic"))
    return [
        TokenRow(id, split, mulan[row], semantic[row, :frames], acoustic[row, : FRAMES * frames])
        for row, ((id, split), frames) in enumerate(
            zip(names, tensors["frames"].tolist(), strict=True)
        )
    ]


def read_header(folder: str | Path) -> ShardHeader:
    path = Path(folder) / HEADER
    try:
        return ShardHeader(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise UserError(f"{folder}: not a folder of token shards (it has no {HEADER})") from None
    except (json.JSONDecodeError, TypeError):
        raise UserError(f"{path}: not the header of token shards") from None


def _refuse_strangers(folder: Path, header: ShardHeader, expect: dict[str, str]) -> None:
    for noun, fingerprint in expect.items():
        made_by = header.fingerprints.get(noun, "none")
        if made_by != fingerprint:
            raise UserError(
                f"{folder}: its {noun} tokens were made by another {noun} ({made_by[:12]}, not "
                f"{fingerprint[:12]}); tokenize again"
            )


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.safetensors"))
