"""One training run on disk.

    runs/<noun>-<name>/
        config.json              resolved; written first
        origin.json              of the weights to be; what it begins from is read here
        log.jsonl                one object per logged step
        samples/0010000/         for ears
        checkpoints/0010000/     model.safetensors (averaged weights), train.pt, meta.json
        checkpoints/latest       names the newest complete one; written last
        checkpoints/best/0008000/   model.safetensors, meta.json: the best by validation so far
        export/                  {noun}.safetensors and {noun}.json, when training is done

>>> import tempfile
>>> run = Run(Path(tempfile.mkdtemp()) / "codec-doc")
>>> run.start({"train": {"steps": 1}}, resume=False)
>>> run.latest() is None
True
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musiclm.checkpoint import atomic_path, save_tensors
from musiclm.errors import UserError
from musiclm.origin import Origin, read_origin, resumed

ORIGIN = "origin.json"
KEPT = 2  # checkpoints
# What a resumed run may change in its [train] table: how long and how often, not what is computed.
FREE = {"steps", "minutes", "log_every", "validate_every", "save_every", "sample_every", "device"}
FREE |= {"judged_by"}  # another figure begins again from nothing: see `Trainer.restore`


@dataclass(frozen=True)
class Best:
    """The averaged weights that a validation figure prefers: when they were, and how good."""

    name: str  # of the figure; the lowest wins, of equals the first
    figure: float
    step: int
    seconds: float  # of training until then

    def told(self, noun: str, steps: int) -> str:
        """Say so in a line.

        >>> Best("nats", 2.413, 1200, 1860.0).told("lm.coarse", 3000)
        'lm.coarse: best 2.413 nats at step 1,200 of 3,000 (31 minutes)'
        """
        when = f"at step {self.step:,} of {steps:,} ({self.seconds / 60:.0f} minutes)"
        return f"{noun}: best {self.figure:.4g} {self.name} {when}"


class Run:
    """Paths of a run, and how its files are written: whole or not at all."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.checkpoints = self.folder / "checkpoints"
        self.bests = self.checkpoints / "best"
        self.export = self.folder / "export"
        self.origin_path = self.folder / ORIGIN
        self.log_path = self.folder / "log.jsonl"

    def start(
        self, resolved: Mapping[str, Any], resume: bool, origin: Origin | None = None
    ) -> None:
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
            # Of a run that was killed before its first checkpoint.
            self.log_path.unlink(missing_ok=True)
            self.origin_path.unlink(missing_ok=True)
            shutil.rmtree(self.bests, ignore_errors=True)
        if origin is not None:
            if resume:
                origin = resumed(self.origin(), origin)
            write_json(self.origin_path, origin.to_dict())
        write_json(self.folder / "config.json", resolved)

    def origin(self) -> Origin | None:
        """What the run wrote down of itself when it began or was resumed."""
        if not self.origin_path.exists():
            return None
        return read_origin(read_json(self.origin_path), str(self.origin_path))

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
        with whole_folder(final) as partial:
            save_tensors(partial / "model.safetensors", model)
            torch.save(state, partial / "train.pt")
            write_json(partial / "meta.json", {"step": step} | meta)
        with atomic_path(self.checkpoints / "latest") as path:
            path.write_text(final.name)
        for old in self._numbered()[:-KEPT]:
            shutil.rmtree(old)
        self._forget_bests()
        return final

    def _numbered(self) -> list[Path]:
        return sorted(self.checkpoints.glob("[0-9]*"))

    def best_path(self, step: int) -> Path:
        """Where the weights of that step lie, if they were ever the best."""
        return self.bests / f"{step:07d}"

    def keep_best(self, best: Best, model: dict[str, Tensor]) -> None:
        """Keep weights beside those that a checkpoint names: a kill may still lead back to it."""
        with whole_folder(self.best_path(best.step)) as partial:
            save_tensors(partial / "model.safetensors", model)
            write_json(partial / "meta.json", asdict(best))
        self._forget_bests(best.step)

    def _forget_bests(self, *steps: int) -> None:
        """All but those of these steps, and those that a kept checkpoint names."""
        named = {f"{step:07d}" for step in steps}
        for folder in self._numbered():
            best = read_json(folder / "meta.json").get("best")
            named |= {f"{best['step']:07d}"} if best else set()
        for old in self.bests.glob("*"):
            if old.name not in named:
                shutil.rmtree(old)

    def load(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """State and meta data of the newest checkpoint; nothing in it is executed."""
        folder = self.latest()
        assert folder is not None
        state = torch.load(folder / "train.pt", map_location="cpu", weights_only=True)
        return state, read_json(folder / "meta.json")


@contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `final`; it takes its name when the block has filled it."""
    partial = final.with_name(f".{final.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)


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
