"""The design of a listening test: which clips of which systems are compared, under what prompts.

Appendix B of the paper: every pair of systems is compared on clips of the same captions. Folders
are matched by the names of their files, or where those have nothing in common, by their prompts;
what has no partner is left out and named. Nothing here decides who hears what (see `draw`).

    experiment = gather([Path("mini"), Path("real")], mode="pairs", prompts=Path("prompts.csv"))
    experiment.groups        (("mini", "real"),)
    experiment.fingerprint   the same folders go on with the same votes
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

from musiclm.checkpoint import file_digest
from musiclm.errors import UserError
from musiclm.evaluate.clips import Folder, open_folder
from musiclm.evaluate.sound import Progress, quiet
from musiclm.listen.questions import QUESTIONS, Mode, Question

SECONDS = 10.0  # of each clip are heard, as in the paper
REFERENCE, ANCHOR, NOISE = "(reference)", "(anchor)", "(noise)"  # sounds that are no system's
NAMED = 3  # clips that a note names before it only counts
LONGEST_PROMPT = 2000  # characters that a page shows


@dataclass(frozen=True)
class Prompt:
    """What the clips of one comparison have in common."""

    key: str
    text: str


@dataclass(frozen=True)
class Experiment:
    """Every system has a clip of every prompt."""

    mode: Mode
    systems: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    clips: Mapping[tuple[str, str], Path]  # by system and prompt; the reference's too
    seconds: float = SECONDS
    notes: tuple[str, ...] = ()  # what was left out

    @property
    def question(self) -> Question:
        """What raters are asked."""
        return QUESTIONS[self.mode]

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Which sounds stand together on a page."""
        if self.mode == "mushra":
            return ((*self.systems, REFERENCE, ANCHOR),)
        return tuple(combinations(self.systems, self.question.clips))

    @cached_property
    def texts(self) -> dict[str, str]:
        """What raters read, by prompt."""
        return {prompt.key: prompt.text for prompt in self.prompts}

    @cached_property
    def digests(self) -> dict[tuple[str, str], str]:
        """SHA-256 of each clip's bytes."""
        return {key: file_digest(path) for key, path in sorted(self.clips.items())}

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What must be the same for votes to be counted together."""
        return {
            "mode": self.mode,
            "systems": list(self.systems),
            "seconds": self.seconds,
            "prompts": _hash([[prompt.key, prompt.text] for prompt in self.prompts]),
            "clips": _hash([[*key, digest] for key, digest in self.digests.items()]),
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the identity."""
        return _hash(self.identity)


def gather(
    folders: Sequence[Path],
    mode: Mode = "pairs",
    *,
    prompts: Path | None = None,
    reference: Path | None = None,
    seconds: float | int = SECONDS,
    progress: Progress = quiet,
) -> Experiment:
    """Look at the folders and match their clips; UserError if nothing can be compared."""
    question = QUESTIONS[mode]
    _check(folders, mode, reference, seconds)
    paths = [*folders, *([reference] if reference else [])]
    opened = _open(paths, prompts, progress)
    names = _systems([path.resolve() for path in folders])
    names += [REFERENCE] if reference else []
    found = {
        name: {one.name: one.path for one in folder.recordings}
        for name, folder in zip(names, opened, strict=True)
    }
    texts = _texts(opened)
    if len(found) > 1 and not set.intersection(*(set(clips) for clips in found.values())):
        found, texts = _by_prompt(opened, names)
    keys, notes = _matched(found, texts, question)
    faults = [f"{fault.path.name} ({fault.reason})" for one in opened for fault in one.faults]
    notes = [*([f"cannot be played: {_some(faults)}"] if faults else []), *notes]
    if not keys:
        why = "; ".join(notes) or "they have no clip in common"
        raise UserError(f"nothing to compare in {', '.join(map(str, paths))}: {why}")
    return Experiment(
        mode,
        tuple(sorted(name for name in names if name != REFERENCE)),
        tuple(Prompt(key, texts.get(key) or "") for key in keys),
        {(name, key): found[name][key] for name in names for key in keys},
        float(seconds),
        tuple(notes),
    )


def _check(
    folders: Sequence[Path], mode: Mode, reference: Path | None, seconds: float | int
) -> None:
    if mode in ("pairs", "quality") and len(folders) < 2:
        raise UserError(f"{mode} compares systems: give two folders of clips, or more")
    if mode == "mushra" and reference is None:
        raise UserError("mushra needs --reference FOLDER, the recordings that systems try to match")
    if mode != "mushra" and reference is not None:
        raise UserError(f"--reference is for mushra; with {mode} give the folder as a system")
    if not 1 <= seconds <= 600:
        raise UserError(f"--seconds must be from 1 to 600, not {seconds:g}")
    where = [path.resolve() for path in (*folders, *([reference] if reference else []))]
    again = [str(path) for path, count in Counter(where).items() if count > 1]
    if again:
        raise UserError(f"{again[0]} is given twice")


def _open(paths: Sequence[Path], prompts: Path | None, progress: Progress) -> list[Folder]:
    """A prompts file need not fit all folders: texts go by the names that clips share."""
    if prompts is None:
        return [open_folder(path, progress=progress) for path in paths]
    opened: list[Folder] = []
    misfits: list[UserError] = []
    for path in paths:
        try:
            opened.append(open_folder(path, prompts, progress))
        except UserError as error:
            misfits.append(error)
            bare = open_folder(path, progress=progress)
            opened.append(_without_prompts(bare))
    if len(misfits) == len(paths):
        raise misfits[0]
    return opened


def _without_prompts(folder: Folder) -> Folder:
    return replace(folder, recordings=tuple(replace(r, prompt=None) for r in folder.recordings))


def _systems(paths: Sequence[Path]) -> list[str]:
    """The folders' names, with as much of the path before them as tells them apart."""
    for parts in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def _texts(opened: Sequence[Folder]) -> dict[str, str | None]:
    """Of each name: its prompt, or None where folders disagree on it."""
    texts: dict[str, set[str]] = {}
    for folder in opened:
        for one in folder.recordings:
            texts.setdefault(one.name, set()).update([one.prompt] if one.prompt else [])
    return {
        name: (next(iter(some)) if len(some) == 1 else None if some else "")
        for name, some in texts.items()
    }


def _by_prompt(
    opened: Sequence[Folder], names: Sequence[str]
) -> tuple[dict[str, dict[str, Path]], dict[str, str | None]]:
    """Clips by their prompts; a prompt that a folder has twice counts by its first clip."""
    found: dict[str, dict[str, Path]] = {name: {} for name in names}
    for name, folder in zip(names, opened, strict=True):
        for one in folder.recordings:
            if one.prompt:
                found[name].setdefault(one.prompt, one.path)
    return found, {text: text for clips in found.values() for text in clips}


def _matched(
    found: Mapping[str, Mapping[str, Path]], texts: Mapping[str, str | None], question: Question
) -> tuple[list[str], list[str]]:
    """Names that every folder has (with a prompt, where raters read it), and what is left out."""
    keys = sorted({key for clips in found.values() for key in clips})
    alone = [key for key in keys if any(key not in clips for clips in found.values())]
    keys = [key for key in keys if key not in set(alone)]
    torn = [key for key in keys if texts.get(key) is None]
    bare = [key for key in keys if texts.get(key) == ""] if question.shows_prompt else []
    long = [key for key in keys if len(texts.get(key) or "") > LONGEST_PROMPT]
    out = {*torn, *bare, *long}
    reasons = {
        "not in every folder": alone,
        "folders disagree on the prompt": torn,
        "without a prompt": bare,
        f"prompt longer than {LONGEST_PROMPT} characters": long,
    }
    notes = [f"{reason}: {_some(some)}" for reason, some in reasons.items() if some]
    return [key for key in keys if key not in out], notes


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
