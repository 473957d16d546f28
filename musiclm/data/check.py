"""Reads every recording wholly and says what is wrong, and why: `musiclm data check`.

Nothing is deleted and nothing that was given is changed. In the output folder:

    quarantine.jsonl        what should not be trained on: id, path, reasons, details
    warnings.jsonl          what is odd, but may be used
    manifest.checked.jsonl  the rows of the manifest that are left (if a manifest was given)
    report.json             counts, seconds and shares of each reason
    histograms.png          lengths, loudness, peaks, rates
    check.journal.jsonl     what was measured: a check that was killed goes on from here, and a
                            corpus that grew costs only its new files

    result = check(Path("corpus/manifest.jsonl"), Path("corpus/check"), processes=4)
    print(result.table())
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from musiclm.checkpoint import sweep
from musiclm.data.faults import Facts, Limits, caption_fault, is_error, judge, length_fault
from musiclm.data.fingerprint import near_copies
from musiclm.data.journal import Journal
from musiclm.data.listen import listener, unpack
from musiclm.data.manifest import Clip, read_manifest
from musiclm.data.parallel import spread
from musiclm.data.sources.found import FOREIGN, is_sound, printable, suffix
from musiclm.data.sources.reading import read_sidecar
from musiclm.data.sources.tree import beside, walk
from musiclm.data.verdicts import Check, Verdict, write
from musiclm.errors import UserError

VERSION = 1  # of what is measured: raise it when a file would get other facts
MANIFEST = "manifest.jsonl"


@dataclass
class Item:
    """One recording to be checked."""

    key: str  # path from the source's folder, printable
    path: str
    clip: Clip | None = None
    sidecars: tuple[str, ...] = ()
    stamp: list[int] = field(default_factory=list)


def check(
    source: Path,
    output: Path,
    *,
    require_captions: bool = False,
    shortest: float | int = 1.0,
    processes: int = 1,
    cluster: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Check:
    """Check a manifest, a folder that holds a `manifest.jsonl`, or all sound files in a folder.

    `progress` is called with the number of recordings done since its last call.
    """
    passed_over: list[tuple[str, str]] = []
    items = list(_items(source, output, lambda *problem: passed_over.append(problem)))
    if not items:
        raise UserError(f"{source} holds no sound files")
    limits = Limits(float(shortest), require_captions)
    sweep(output)
    advance = progress or (lambda done: None)
    with Journal(output / "check.journal.jsonl") as journal:
        _listen_to(items, journal, processes, cluster, advance)
        verdicts = _judge(items, journal, limits)
        keys = dict.fromkeys(item.key for item in items)
        journal.keep(keys, len(keys))
    clips = None if items[0].clip is None else [item.clip for item in items if item.clip]
    return write(source, output, verdicts, clips, passed_over, limits)


def _items(source: Path, output: Path, report: Callable[[str, str], None]) -> Iterator[Item]:
    manifest = source / MANIFEST if source.is_dir() else source
    if source.is_dir() and not manifest.is_file():
        own = {os.path.realpath(output)}
        for key, path, names in walk(source, own, report, set()):
            if is_sound(path):
                yield Item(printable(key), path, sidecars=beside(path, names))
            elif suffix(path) in FOREIGN:
                report(printable(key), f"{suffix(path)} files cannot be read")
        return
    if os.path.abspath(manifest) == os.path.abspath(output / "manifest.checked.jsonl"):
        raise UserError(f"{manifest} would be replaced: name another output folder")
    root = manifest.parent.absolute()
    for clip in read_manifest(manifest):
        yield Item(printable(os.path.relpath(clip.path, root)), clip.path, clip)


def _listen_to(
    items: list[Item],
    journal: Journal,
    processes: int,
    cluster: str | None,
    advance: Callable[[int], None],
) -> None:
    """Measure what the journal does not know; each result is noted as it comes."""
    new: dict[str, Item] = {}
    for item in items:
        item.stamp = _stamp(item.path)
        if item.key not in new and _facts(journal, item) is None:
            new[item.key] = item
    advance(len(items) - len(new))
    paths = (item.path for item in new.values())
    results = spread(listener, paths, processes=processes, cluster=cluster)
    for item, facts in zip(new.values(), results, strict=True):
        row = asdict(facts)
        journal.add(item.key, item.stamp, {k: v for k, v in row.items() if v or k == "faults"})
        advance(1)


def _stamp(path: str) -> list[int]:
    try:
        state = os.stat(path)
    except OSError:
        return [-1, 0, VERSION]
    return [state.st_size, state.st_mtime_ns, VERSION]


def _facts(journal: Journal, item: Item, final: bool = False) -> Facts | None:
    """What is known of a file; one that could not be read is tried again by the next check."""
    record = journal.get(item.key, item.stamp)
    if record is None or ("unreadable" in record["faults"] and not final):
        return None
    return Facts(**record)


def _judge(items: list[Item], journal: Journal, limits: Limits) -> list[Verdict]:
    """Each recording by itself, then against the others."""
    verdicts: list[Verdict] = []
    known: dict[str, Verdict] = {}
    samples: dict[str, Verdict] = {}
    prints: list[tuple[Verdict, np.ndarray]] = []
    for item in items:
        facts = _facts(journal, item, final=True)
        assert facts is not None, item.key
        verdict = Verdict(item.clip.id if item.clip else item.key, item.path, facts)
        verdicts.append(verdict)
        first = known.setdefault(item.key, verdict)
        if first is not verdict:
            verdict.copies("duplicate", first, "the same file is listed before")
            continue
        verdict.reasons = judge(facts, limits) | _told(item, facts, limits)
        verdict.bad = any(is_error(reason, limits) for reason in verdict.reasons)
        if verdict.bad:
            continue
        first = samples.setdefault(facts.digest, verdict)
        if first is not verdict:
            verdict.copies("duplicate", first, "the same samples")
        else:
            prints.append((verdict, unpack(facts.prints)))
    _find_near(prints)
    return verdicts


def _told(item: Item, facts: Facts, limits: Limits) -> dict[str, str]:
    """What is wrong with the words about a recording."""
    found: dict[str, str] = {}
    texts: list[object] = list(item.clip.captions) if item.clip else []
    for sidecar in item.sidecars:
        told, note = read_sidecar(sidecar)
        texts += told.captions
        if note:
            found["caption_not_text"] = f"{printable(os.path.basename(sidecar))} {note}"
    # A folder without any words is no fault of its recordings, but an empty caption is.
    asked = item.clip or limits.require_captions or any(c.endswith(".txt") for c in item.sidecars)
    fault = caption_fault(texts)
    if fault and not found and (asked or fault[0] != "caption_missing"):
        found[fault[0]] = fault[1]
    if item.clip and not facts.faults and (wrong := length_fault(facts, item.clip.seconds)):
        found[wrong[0]] = wrong[1]
    return found


def _find_near(prints: list[tuple[Verdict, np.ndarray]]) -> None:
    """Of recordings that sound the same the longest stays, and of equally long ones the first."""
    ranked = sorted(prints, key=lambda pair: -round(pair[0].seconds))  # stable
    for match in near_copies([words for _, words in ranked]):
        verdict, of = ranked[match.row][0], ranked[match.of][0]
        place = f"from {match.seconds:+.1f} s, {1 - match.wrong:.0%} of its bits"
        verdict.copies("near_duplicate", of, place)
