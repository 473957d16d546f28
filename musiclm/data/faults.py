"""What can be wrong with a recording: a table of reasons, and one small test for each.

Not in the paper, whose recordings were never published. `Facts` is what `listen` measured on a
file; a test looks at it and gives a line of detail, or None if there is nothing to say. Errors put
a file on the quarantine list; warnings only tell.

>>> facts = Facts(seconds=0.2, sample_rate=24_000, peak=0.5, loudest_db=-20.0)
>>> judge(facts, Limits())
{'too_short': '0.2 s; 1 s is the least'}
>>> REASONS["too_short"].error
True
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

SILENT_DB = -60.0  # RMS of the loudest half second, in dB of full scale
MOSTLY_SILENT = 0.5  # share of half seconds that are silent
MOST_CLIPPED = 1e-3  # share of samples on flattened peaks
LEAST_DC = 0.01  # of full scale; smaller is not heard when two clips are joined
DC_OF_RMS = 0.1  # and it must weigh against the sound
FULL_RANGE = 4.0  # float samples may pass full scale by 12 dB; beyond it they were never scaled
LENGTH_SHARE = 0.01  # how far a manifest's seconds may be from the file's


class Reason(NamedTuple):
    """Whether it quarantines a file, and what it means to a person."""

    error: bool
    explanation: str


REASONS: dict[str, Reason] = {
    "unreadable": Reason(True, "cannot be opened or holds no sound that can be decoded"),
    "truncated": Reason(True, "ends before the end that its header promises"),
    "wrong_header_length": Reason(True, "its header states another length than it holds"),
    "corrupt_frames": Reason(True, "parts of the compressed sound are damaged or missing"),
    "nan": Reason(True, "samples that are not finite numbers (NaN or infinity)"),
    "over_range": Reason(True, "samples far beyond full scale: floats that were never scaled"),
    "silent": Reason(True, "nothing in it is louder than -60 dB, mixed to mono"),
    "mostly_silent": Reason(False, "half of it or more is silence"),
    "clipped": Reason(True, "peaks are cut flat"),
    "dc_offset": Reason(False, "the wave does not swing around zero"),
    "too_short": Reason(True, "shorter than the shortest clip that is wanted"),
    "duplicate": Reason(True, "the same samples as an earlier file"),
    "near_duplicate": Reason(True, "sounds as a file that is kept: louder, recoded or cut"),
    "caption_missing": Reason(False, "no words say what it is (an error if captions are required)"),
    "caption_not_text": Reason(True, "its caption is not text"),
    "wrong_seconds": Reason(False, "the manifest states another length than the file holds"),
}


@dataclass(frozen=True)
class Facts:
    """All that is known of a file after it was read once; `faults` are those of its bytes."""

    path: str = ""
    size: int = -1
    changed: int = 0  # mtime, ns
    form: str = ""  # such as "WAV PCM_16"
    sample_rate: int = 0
    channels: int = 0
    seconds: float = 0.0  # decoded
    peak: float = 0.0
    rms_db: float = -200.0
    loudest_db: float = -200.0  # half second
    silent_share: float = 0.0
    clipped_share: float = 0.0
    dc: float = 0.0
    not_finite: int = 0
    digest: str = ""  # of the decoded samples
    prints: str = ""  # fingerprint words, base 85
    faults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """What a user may ask for."""

    shortest: float = 1.0
    require_captions: bool = False


def is_error(reason: str, limits: Limits) -> bool:
    """Whether a reason quarantines."""
    return REASONS[reason].error or (reason == "caption_missing" and limits.require_captions)


def silent(facts: Facts, limits: Limits) -> str | None:
    """Loudest half second below -60 dB."""
    if facts.loudest_db >= SILENT_DB:
        return None
    return f"loudest half second at {facts.loudest_db:.0f} dB"


def mostly_silent(facts: Facts, limits: Limits) -> str | None:
    """Half of the half seconds or more are below -60 dB, not all."""
    if facts.loudest_db < SILENT_DB or facts.silent_share < MOSTLY_SILENT:
        return None
    return f"{facts.silent_share:.0%} of it is silence"


def clipped(facts: Facts, limits: Limits) -> str | None:
    """More than a thousandth of the samples lie on flattened peaks."""
    if facts.clipped_share <= MOST_CLIPPED:
        return None
    return f"{facts.clipped_share:.2%} of the samples lie on flat peaks at {facts.peak:.3f}"


def dc_offset(facts: Facts, limits: Limits) -> str | None:
    """A mean that is not small, alone and against the sound."""
    rms = 10 ** (facts.rms_db / 20)
    if abs(facts.dc) < max(LEAST_DC, DC_OF_RMS * rms):
        return None
    return f"mean of {facts.dc:+.3f}"


def nan(facts: Facts, limits: Limits) -> str | None:
    """Any sample that is no number."""
    return f"{facts.not_finite} samples" if facts.not_finite else None


def over_range(facts: Facts, limits: Limits) -> str | None:
    """Peak more than 12 dB over full scale."""
    return f"peak of {facts.peak:.4g}" if facts.peak > FULL_RANGE else None


def too_short(facts: Facts, limits: Limits) -> str | None:
    """Fewer seconds than wanted."""
    if facts.seconds >= limits.shortest:
        return None
    return f"{facts.seconds:.3g} s; {limits.shortest:g} s is the least"


TESTS: dict[str, Callable[[Facts, Limits], str | None]] = {
    "nan": nan,
    "over_range": over_range,
    "silent": silent,
    "mostly_silent": mostly_silent,
    "clipped": clipped,
    "dc_offset": dc_offset,
    "too_short": too_short,
}
# What is said of sound that is not whole, or of one sample, would be said of the damage.
_HIDDEN_BY = {
    "silent": {"too_short", "nan"},
    "mostly_silent": {"too_short", "nan"},
    "dc_offset": {"too_short", "over_range", "clipped"},
    "clipped": {"over_range", "silent"},
    "too_short": {"truncated", "wrong_header_length", "corrupt_frames"},
}


def judge(facts: Facts, limits: Limits) -> dict[str, str]:
    """Reason -> detail of one file by itself, in the order of the table."""
    found = dict(facts.faults)
    if "unreadable" in found:
        return found
    if facts.seconds:
        for reason, test in TESTS.items():
            if (detail := test(facts, limits)) is not None:
                found[reason] = detail
    kept = {r: d for r, d in found.items() if not _HIDDEN_BY.get(r, set()) & set(found)}
    return {reason: kept[reason] for reason in REASONS if reason in kept}


def caption_fault(captions: Sequence[object]) -> tuple[str, str] | None:
    """(reason, detail) of what is wrong with the captions of one recording.

    >>> caption_fault(["a calm piano"]), caption_fault([" "]), caption_fault([chr(0) + "PNG"])
    (None, ('caption_missing', 'empty'), ('caption_not_text', 'control characters'))
    """
    for text in captions:
        if not isinstance(text, str):
            return "caption_not_text", f"a {type(text).__name__}"
        if any(ord(char) < 32 and char not in "\t\n\r\f" or char in "\x7f\ufffd" for char in text):
            return "caption_not_text", "control characters"
    texts = [str(text).strip() for text in captions]
    if len(texts) > 3 and max(map(len, texts)) == 1:  # a string where a list of them belongs
        return "caption_not_text", "single letters"
    return None if any(texts) else ("caption_missing", "empty" if texts else "none")


def length_fault(facts: Facts, stated: float) -> tuple[str, str] | None:
    """(reason, detail) if a manifest states another length than the file holds."""
    if abs(stated - facts.seconds) <= max(0.1, LENGTH_SHARE * facts.seconds):
        return None
    return "wrong_seconds", f"states {stated:.2f} s; the file holds {facts.seconds:.2f} s"
