"""One training run on disk.

    runs/<noun>-<name>/
        config.json              resolved; written first
        log.jsonl                one object per logged step
        samples/0010000/         for ears
        checkpoints/0010000/     model.safetensors (averaged weights), train.pt, meta.json
        checkpoints/latest       names the newest complete one; written last
        export/                  {noun}.safetensors and {noun}.json, when training is done

>>> import tempfile
>>> run = Run(Path(tempfile.mkdtemp()) / "codec-doc")
>>> run.start({"train": {"steps": 1}}, resume=False)
>>> run.latest() is None
True
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musiclm.checkpoint import atomic_path, save_tensors
from musiclm.errors import UserError

KEPT = 2  # checkpoints
# What a resumed run may change in its [train] table: how long and how often, not what is computed.
FREE = {"steps", "minutes", "log_every", "validate_every", "save_every", "sample_every", "device"}


class Run:
    """Paths of a run, and how its files are written: whole or not at all."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.checkpoints = self.folder / "checkpoints"
        self.export = self.folder / "export"
        self.log_path = self.folder / "log.jsonl"

    def start(self, resolved: Mapping[str, Any], resume: bool) -> None:
        """Write the resolved configuration, or hold it against that of the run to resume."""
        if self.latest() is None:
            if resume:
                raise UserError(f"{self.folder}: no checkpoint to resume from")
        elif not resume:
            raise UserError(f"{self.folder} holds a run already; resume it or name another folder")
        else:
            self._compare(resolved)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not resume:
            self.log_path.unlink(missing_ok=True)
        write_json(self.folder / "config.json", resolved)

    def _compare(self, resolved: Mapping[str, Any]) -> None:
        before, now = (flatten(c) for c in (read_json(self.folder / "config.json"), resolved))
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) != now.get(key) and key.rpartition(".")[2] not in FREE:
                raise UserError(
                    f"{self.folder}: cannot resume with {key} = {now.get(key)!r}; "
                    f"the run began with {before.get(key)!r}"
                )

    def latest(self) -> Path | None:
        """The newest complete checkpoint."""
        name = self.checkpoints / "latest"
        return self.checkpoints / name.read_text().strip() if name.exists() else None

    def log(self, row: Mapping[str, Any]) -> None:
        with self.log_path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def forget_after(self, step: int) -> None:
        """Drop log rows of steps that a resumed run will take again."""
        if self.log_path.exists():
            rows = [line for line in self.log_path.read_text().splitlines() if line.endswith("}")]
            kept = [line for line in rows if json.loads(line)["step"] <= step]
            with atomic_path(self.log_path) as path:
                path.write_text("".join(f"{line}\n" for line in kept))

    def samples(self, step: int) -> Path:
        folder = self.folder / "samples" / f"{step:07d}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def save(
        self, step: int, model: dict[str, Tensor], state: dict[str, Any], meta: dict[str, Any]
    ) -> Path:
        """A checkpoint appears when it is complete, and `latest` names it after that."""
        final = self.checkpoints / f"{step:07d}"
        partial = self.checkpoints / f".{step:07d}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_tensors(partial / "model.safetensors", model)
        torch.save(state, partial / "train.pt")
        write_json(partial / "meta.json", {"step": step} | meta)
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
        with atomic_path(self.checkpoints / "latest") as path:
            path.write_text(final.name)
        for old in sorted(self.checkpoints.glob("[0-9]*"))[:-KEPT]:
            shutil.rmtree(old)
        return final

    def load(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """State and meta data of the newest checkpoint; nothing in it is executed."""
        folder = self.latest()
        assert folder is not None
        state = torch.load(folder / "train.pt", map_location="cpu", weights_only=True)
        return state, read_json(folder / "meta.json")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: not readable as JSON ({error})") from None


def flatten(table: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys, in the form that JSON gives back.

    >>> flatten({"lm": {"coarse": {"layers": 2}}, "betas": (0.9, 0.95)})
    {'lm.coarse.layers': 2, 'betas': [0.9, 0.95]}
    """
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{where}{key}.")
        else:
            flat[where + key] = list(value) if isinstance(value, tuple) else value
    return flat
