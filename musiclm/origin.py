"""A record of origin: how the weights of one part came to be, for `system.json` and the card.

Training writes it; a part without one loads, and its card says "origin unknown". What a run went on
from is told by fingerprint, the latest first, each with what is known of it.

>>> origin = Origin({}, "331e086", steps=3000, seconds=1860.0, device="cpu x2 threads")
>>> origin.earlier("10ea" * 16)[0].steps
3000
>>> read_origin(None, "system.json: codec") is None
True
"""

import importlib.metadata
import math
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch

from musiclm.config import from_dict, to_dict
from musiclm.errors import UserError

UNKNOWN = "origin unknown"
THEN = " then "  # between sittings of one run that differ
COUNTED = ("licences", "sources", "soundfonts")  # hours by name, in `data`


@dataclass(frozen=True)
class Earlier:
    """A run whose weights another went on from: all but its configuration, which is long."""

    fingerprint: str  # of those weights; "": not recorded
    commit: str = ""  # "": nothing more is known
    data: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    best_step: int | None = None
    seconds: float = 0.0
    device: str = ""
    torch: str = ""

    @property
    def told(self) -> str:
        """How long it took, on what, with which code."""
        return _told(self) if self.commit else UNKNOWN

    def __post_init__(self) -> None:
        """Refuse a fingerprint that is none, and what an origin refuses."""
        if not re.fullmatch(r"([0-9a-f]{64})?", self.fingerprint):
            raise UserError(f"not a fingerprint: {self.fingerprint[:80]!r}")
        _check(self)


@dataclass(frozen=True)
class Origin:
    """How one part was made."""

    config: dict[str, Any]  # resolved: "model", "train", for some parts "task"
    commit: str  # of the package's checkout, "-dirty" where it was changed; else its version
    # Of the training recordings: `musiclm.data.provenance`.
    data: dict[str, Any] = field(default_factory=dict)
    steps: int = 0  # that were taken
    best_step: int | None = None  # whose weights these are; None: the last
    seconds: float = 0.0  # of training
    device: str = ""
    torch: str = ""  # its version
    started_from: tuple[Earlier, ...] = ()  # the latest first

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        _check(self)

    def earlier(self, fingerprint: str) -> tuple[Earlier, ...]:
        """What a run that goes on from these weights writes down of them."""
        names = {f.name for f in fields(Earlier)} - {"fingerprint"}
        own = Earlier(fingerprint, **{name: getattr(self, name) for name in names})
        return (own, *self.started_from)

    @property
    def judged_by(self) -> str:
        """The validation figure that chose the step; empty if none did."""
        train = self.config.get("train")
        name = train.get("judged_by", "") if isinstance(train, Mapping) else ""
        return str(name) if self.best_step is not None else ""

    @property
    def told(self) -> str:
        """How long it took, on what, with which code, and which step is kept."""
        best = f"; step {self.best_step:,} is kept" if self.best_step is not None else ""
        return _told(self) + best + (f", the best by {self.judged_by}" if self.judged_by else "")

    def to_dict(self) -> dict[str, Any]:
        """As JSON; `read_origin` gives it back."""
        return to_dict(self)


def _told(record: Earlier | Origin) -> str:
    taken = f"{record.steps:,} steps in {record.seconds / 60:.1f} minutes on {record.device}"
    short = re.sub(r"\b([0-9a-f]{7})[0-9a-f]{33}\b", r"\1", record.commit)
    return f"{taken} (torch {record.torch}, {short})"


def _check(record: Earlier | Origin) -> None:
    if record.steps < 0 or not 0 <= record.seconds < math.inf:
        raise UserError(f"{record.steps} steps in {record.seconds:g} seconds cannot be")
    if record.best_step is not None and not 0 <= record.best_step <= record.steps:
        raise UserError(f"best_step {record.best_step} of {record.steps} cannot be")
    clips, hours = record.data.get("clips", 0), record.data.get("hours", 0.0)
    if not (_is_count(clips) and isinstance(clips, int) and _is_count(hours)):
        raise UserError(f"data: {clips!r} clips of {hours!r} hours cannot be")
    for name in COUNTED:
        shares = record.data.get(name, {})
        if not isinstance(shares, Mapping) or not all(map(_is_count, shares.values())):
            raise UserError(f"data.{name} must be hours by name")
    seeds = record.data.get("seeds", [])
    if not isinstance(seeds, list) or not all(isinstance(seed, int) for seed in seeds):
        raise UserError("data.seeds must be whole numbers")


def _is_count(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 <= value < math.inf


def read_origin(value: Any, where: str) -> Origin | None:
    """A record as it stands in a file; None if there is none, UserError if it cannot be one."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise UserError(f"{where}: its origin must be a table, not {str(value)[:80]!r}")
    try:
        return from_dict(Origin, value, "origin.")
    except UserError as error:
        raise UserError(f"{where}: its origin is not readable: {error}") from error


def resumed(before: Origin | None, now: Origin) -> Origin:
    """Of a run that goes on: what it began with, and what is other in this sitting."""
    if before is None:  # an earlier version began it, and `start_from` may have changed since
        unknown = (Earlier(""),) if now.started_from else ()
        return replace(now, started_from=unknown)
    return replace(
        now,
        commit=_then(before.commit, now.commit),
        device=_then(before.device, now.device),
        torch=_then(before.torch, now.torch),
        started_from=before.started_from,
    )


def _then(before: str, now: str) -> str:
    return before if now in before.split(THEN) else before + THEN + now


def commit() -> str:
    """Git's name of the checkout that the package runs from; of an installed one, its version.

    A package installed within somebody's repository is not that repository's.
    """
    root = Path(__file__).parents[1]
    try:
        if (root / ".git").exists():
            # Only the package's own folder: a run's files beside it do not change what it does.
            changed = _git(root, "status", "--porcelain", "--", "musiclm")
            return _git(root, "rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.SubprocessError):
        pass
    try:
        return f"musiclm {importlib.metadata.version('musiclm')}"
    except importlib.metadata.PackageNotFoundError:  # a bare copy of the folder
        return "unknown"


def _git(root: Path, *words: str) -> str:
    # Another process may be committing: this one only reads.
    command = ["git", "--no-optional-locks", "-C", str(root), *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=20
    ).stdout.strip()


def device_name(device: torch.device) -> str:
    """What a run computes on, as a person would say it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu x{threads} thread{'s' * (threads != 1)}"
    return device.type
