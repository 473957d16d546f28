"""Token shards: recordings as integers, written once and read by every language-model run.

A folder holds `shards.json` (which tokenizers made it, and which rows belong into it) and files
`00000.safetensors` of some dozens of recordings each: `mulan [r 12]`, `semantic [r n]`, `acoustic
[r m q]` as int16, `frames [r]` (whole semantic frames; rows are padded to the longest) and the
rows' ids and splits; beside them, if asked for, `text [r c 12]`, MuLan's tokens of captions. Shard
k holds rows k N to k N + N - 1 and appears when it is complete: a run that was interrupted makes
those that are missing and ends as an undisturbed one. A stage trained on the tokens of one
tokenizer is noise on those of another: shards of strangers are refused by name, and so are those of
another manifest.

    header = ShardHeader(tokenizers.fingerprints(), rows=len(rows), rows_per_shard=64)
    claim(folder, header)
    for number in range(header.shards):
        write_shard(shard_path(folder, number), rows[64 * number : 64 * number + 64])
    batch = TokenShards(folder, split="train").crops(seconds=10.0, batch=8, seed=0)
    streams = batch(0)   # {"mulan": [8 12], "semantic": [8 250], "acoustic": [8 500 12]}
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int16, Int64
from safetensors import SafetensorError, safe_open
from torch import Tensor

from musiclm.checkpoint import atomic_path, load_tensors, save_tensors
from musiclm.data.epochs import Epochs
from musiclm.errors import UserError
from musiclm.tokens import ACOUSTIC, SEMANTIC

HEADER = "shards.json"
ROWS = 64  # of a shard: ten minutes of music, which an interruption may cost


@dataclass(frozen=True)
class ShardHeader:
    """Who made the tokens, and of what."""

    fingerprints: dict[str, str]
    semantic_rate: int = SEMANTIC.rate
    acoustic_rate: int = ACOUSTIC.rate
    acoustic_levels: int = ACOUSTIC.levels
    rows: int = 0  # in the whole folder; 0 if an earlier version wrote it
    rows_per_shard: int = ROWS
    captions: int = 0  # of a row, whose MuLan tokens are kept beside the sound's
    plan: str = ""  # digest of the rows' ids, splits and places
    data: dict[str, Any] = field(default_factory=dict)  # provenance of the training recordings

    @property
    def shards(self) -> int:
        """How many files a complete folder has."""
        return -(-self.rows // self.rows_per_shard)


@dataclass(frozen=True)
class TokenRow:
    """One recording as tokens."""

    id: str
    split: str
    mulan: Int16[np.ndarray, " q"]
    semantic: Int16[np.ndarray, " n"]
    acoustic: Int16[np.ndarray, "m q2"]
    # MuLan's tokens of captions; the sound's own where a recording has none.
    text: Int16[np.ndarray, "c q"] = field(default_factory=lambda: np.zeros((0, 12), np.int16))
    ratio: int = ACOUSTIC.rate // SEMANTIC.rate  # acoustic frames a semantic one

    @property
    def frames(self) -> int:
        """Whole semantic frames for which both streams have tokens."""
        return min(len(self.semantic), len(self.acoustic) // self.ratio)


def claim(folder: str | Path, header: ShardHeader) -> None:
    """Begin a folder, or check that it was begun for the same rows and by the same tokenizers."""
    folder = Path(folder)
    path = folder / HEADER
    if not path.exists():
        if _files(folder):
            raise UserError(f"{folder} holds shards but no {HEADER}: name a new folder")
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(asdict(header), indent=2) + "\n")
        return
    before = read_header(folder)
    _refuse_strangers(folder, before, header.fingerprints)
    if not before.rows:
        raise UserError(f"{folder} was written by an earlier version: name a new folder")
    if before.captions != header.captions:
        raise UserError(
            f"{folder} was begun with {before.captions} captions a row, not {header.captions}: "
            "name a new folder"
        )
    if before.rows_per_shard != header.rows_per_shard:
        raise UserError(
            f"{folder} was begun with {before.rows_per_shard} rows a shard, not "
            f"{header.rows_per_shard}: name a new folder"
        )
    if before.plan == header.plan and before.data != header.data:
        raise UserError(
            f"{folder} was begun with other licences or sources of the same recordings: "
            "name a new folder"
        )
    if before != header:
        raise UserError(
            f"{folder} was begun with other recordings ({before.rows} rows, now {header.rows}; "
            f"plan {before.plan[:12]}, now {header.plan[:12]}): name a new folder"
        )


def shard_path(folder: str | Path, number: int) -> Path:
    """Where shard `number` lies."""
    return Path(folder) / f"{number:05d}.safetensors"


def is_whole(path: Path, ids: Sequence[str]) -> bool:
    """Whether a shard is there, undamaged in length, with these rows; its tokens are not read."""
    if not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return _names(file.metadata() or {})[0] == list(ids)
    except (SafetensorError, OSError, ValueError, KeyError):
        return False


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
        files = _files(self.folder)
        if self.header.rows and len(files) != self.header.shards:
            raise UserError(
                f"{self.folder}: {len(files)} of {self.header.shards} shards are there; "
                "tokenize again to make the others"
            )
        rows = [row for file in files for row in read_shard(file)]
        self.rows = [row for row in rows if split is None or row.split == split]

    @property
    def seconds(self) -> float:
        return sum(row.frames for row in self.rows) / self.header.semantic_rate

    def frames(self, seconds: float) -> int:
        """Semantic frames of a crop."""
        return round(seconds * self.header.semantic_rate)

    def crops(
        self, seconds: float, batch: int, seed: int = 0, device: torch.device | None = None
    ) -> Callable[[int], dict[str, Tensor]]:
        """From the step to a batch of random crops; rows shorter than a crop are left out.

        The rows lie on `device`, so that an accelerator need not wait for a loader.
        """
        frames = self.frames(seconds)
        rows = [row for row in self.rows if row.frames >= frames]
        if not rows:
            longest = max((row.frames for row in self.rows), default=0) / self.header.semantic_rate
            raise UserError(
                f"{self.folder}: no row holds {seconds:g} seconds (the longest of "
                f"{len(self.rows)} has {longest:g}); set crop_seconds lower"
            )
        visits = np.repeat(np.arange(len(rows)), [row.frames // frames for row in rows])
        epochs, spare = Epochs(visits, batch, seed), np.array([r.frames - frames + 1 for r in rows])
        laid = _Laid(rows, device or torch.device("cpu"))

        def batch_of(step: int) -> dict[str, Tensor]:
            ids, shares = epochs.pick(step)
            starts = (shares * spare[ids]).astype(int)
            streams = laid.crops(np.asarray(ids), starts, frames)
            if self.header.captions:
                drawn = np.random.default_rng((seed, step))
                which = drawn.integers(self.header.captions, size=len(ids))
                streams["text"] = laid.told(np.asarray(ids), which)
            return streams

        return batch_of


class _Laid:
    """Rows one after the other in one tensor for each stream."""

    def __init__(self, rows: list[TokenRow], device: torch.device) -> None:
        lengths = np.array([row.frames for row in rows])
        self.first, self.ratio = np.cumsum(lengths) - lengths, rows[0].ratio
        self.device = device
        streams = {
            "mulan": np.stack([row.mulan for row in rows]),
            "text": np.stack([row.text for row in rows]),
            "semantic": np.concatenate([row.semantic[: row.frames] for row in rows]),
            "acoustic": np.concatenate([row.acoustic[: row.ratio * row.frames] for row in rows]),
        }
        self.streams = {name: torch.from_numpy(a).to(device) for name, a in streams.items()}

    def crops(self, ids: np.ndarray, starts: np.ndarray, frames: int) -> dict[str, Tensor]:
        """The same 40 ms frames of every stream, as int64 (what embeddings and losses want)."""
        first = torch.from_numpy(self.first[ids] + starts).to(self.device)[:, None]
        place = first + torch.arange(frames, device=self.device)
        fine = self.ratio * first + torch.arange(self.ratio * frames, device=self.device)
        return {
            "mulan": self.streams["mulan"][torch.from_numpy(ids).to(self.device)].long(),
            "semantic": self.streams["semantic"][place].long(),
            "acoustic": self.streams["acoustic"][fine].long(),
        }

    def told(self, ids: np.ndarray, which: np.ndarray) -> Int64[Tensor, "b q"]:
        """MuLan's tokens of one caption of each row."""
        rows, captions = (torch.from_numpy(x).to(self.device) for x in (ids, which))
        return self.streams["text"][rows, captions].long()


def write_shard(path: Path, rows: list[TokenRow]) -> None:
    frames = [row.frames for row in rows]
    longest = max(frames)
    levels, ratio = rows[0].acoustic.shape[1], rows[0].ratio
    semantic = np.zeros((len(rows), longest), np.int16)
    acoustic = np.zeros((len(rows), ratio * longest, levels), np.int16)
    for place, row in enumerate(rows):
        semantic[place, : row.frames] = row.semantic[: row.frames]
        acoustic[place, : ratio * row.frames] = row.acoustic[: ratio * row.frames]
    tensors = {
        "mulan": torch.from_numpy(np.stack([row.mulan for row in rows])),
        "semantic": torch.from_numpy(semantic),
        "acoustic": torch.from_numpy(acoustic),
        "frames": torch.tensor(frames, dtype=torch.int32),
    }
    if len(rows[0].text):
        tensors["text"] = torch.from_numpy(np.stack([row.text for row in rows]))
    names = {"ids": [row.id for row in rows], "splits": [row.split for row in rows]}
    # One entry: safetensors writes several in any order, and shards are compared byte for byte.
    save_tensors(path, tensors, {"rows": json.dumps(names)})


def read_shard(path: Path) -> list[TokenRow]:
    tensors, metadata = load_tensors(path)
    try:
        names = zip(*_names(metadata), strict=True)
    except (KeyError, ValueError) as error:
        raise UserError(f"{path} is not a token shard: it does not name its rows") from error
    mulan, semantic, acoustic = (tensors[key].numpy() for key in ("mulan", "semantic", "acoustic"))
    text = tensors["text"].numpy() if "text" in tensors else np.zeros((len(mulan), 0, 12), np.int16)
    ratio = acoustic.shape[1] // max(1, semantic.shape[1])
    return [
        TokenRow(
            id,
            split,
            mulan[row],
            semantic[row, :frames],
            acoustic[row, : ratio * frames],
            text[row],
            ratio,
        )
        for row, ((id, split), frames) in enumerate(
            zip(names, tensors["frames"].tolist(), strict=True)
        )
    ]


def _names(metadata: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Ids and splits; the first version kept them apart."""
    if "rows" in metadata:
        names = json.loads(metadata["rows"])
        return names["ids"], names["splits"]
    return json.loads(metadata["ids"]), json.loads(metadata["splits"])


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
