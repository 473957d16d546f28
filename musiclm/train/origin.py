"""What a run knows of its origin before the first step, and of the weights that it begins from.

origin = begun(resolve(noun, sections), provenance(clips), config, resume=False)
train(task, config, run_dir, origin=origin)
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from musiclm.checkpoint import fingerprint, load_tensors
from musiclm.device import pick_device
from musiclm.origin import Earlier, Origin, commit, device_name, read_origin
from musiclm.system import INDEX, read_index
from musiclm.train.config import TrainConfig
from musiclm.train.run import ORIGIN, read_json


def begun(
    resolved: Mapping[str, Any], data: Mapping[str, Any], config: TrainConfig, resume: bool
) -> Origin:
    """The record of a run that is about to begin, or to go on."""
    started: tuple[Earlier, ...] = ()
    if config.start_from:
        # A run that goes on has it written down; the file may be another by now, or gone.
        started = (Earlier(""),) if resume else earlier(Path(config.start_from))
    return Origin(
        config={name: table for name, table in resolved.items() if name != "noun"},
        commit=commit(),
        data=dict(data),
        device=device_name(pick_device(config.device)),
        torch=str(torch.__version__),
        started_from=started,
    )


def earlier(path: Path) -> tuple[Earlier, ...]:
    """The weights in a file, and what they in turn went on from, as far as their folder tells."""
    name = fingerprint(load_tensors(path)[0])
    origin = _installed(path, name) or _exported(path, name) or _checkpointed(path)
    return origin.earlier(name) if origin else (Earlier(name),)


def _installed(path: Path, name: str) -> Origin | None:
    """A part in a system's folder."""
    if not (path.parent / INDEX).is_file():
        return None
    part = read_index(path.parent)["parts"].get(path.stem, {})
    own = part.get("fingerprint") == name
    return read_origin(part.get("origin"), f"{path.parent / INDEX}: {path.stem}") if own else None


def _exported(path: Path, name: str) -> Origin | None:
    """What a run left in `export`."""
    beside = path.with_suffix(".json")
    about = read_json(beside) if beside.is_file() else {}
    own = about.get("fingerprint") == name
    return read_origin(about.get("origin"), str(beside)) if own else None


def _checkpointed(path: Path) -> Origin | None:
    """A checkpoint of a run, or its best so far."""
    meta = path.parent / "meta.json"
    for folder in path.parents[1:4] if meta.is_file() else ():
        if (folder / ORIGIN).is_file():
            origin = read_origin(read_json(folder / ORIGIN), str(folder / ORIGIN))
            taken = read_json(meta)
            steps, seconds = taken["step"], round(taken["seconds"], 1)
            return replace(origin, steps=steps, seconds=seconds) if origin else None
    return None
