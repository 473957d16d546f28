"""Ground truth of a clip, measured on the notes that sound in it.

>>> from musiclm.corpus.arrange import compose_piece
>>> from musiclm.corpus.perform import perform
>>> rng = np.random.default_rng(1)
>>> piece = compose_piece(rng, 10.0, texture="drums")
>>> facts = describe(piece, perform(piece, rng, 10.0), 10.0)
>>> facts["drums"], facts["families"], facts["key"], "kick" in facts["percussion"]
(True, [], None, True)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from musiclm.corpus.aspects import PLAYABLE, Facts, facts_of, true
from musiclm.corpus.perform import Stroke
from musiclm.corpus.piece import Part, Piece
from musiclm.corpus.styles import STYLES
from musiclm.corpus.vocabulary import INSTRUMENTS, KITS

_SPARSE, _DENSE = 2.2, 5.5  # onsets a second
_LOW, _HIGH = 55.0, 72.0  # mean pitch of the melody
_ENTERS, _LEAVES = 0.25, 0.75  # share of the clip: later entries and earlier exits are told
_SWELL = 1.6  # how much louder the last third must be than the first, or the other way
_SWUNG = 0.56  # where the second half of a beat falls, from which it is heard as swung
_STEADY = 0.9  # share of the beats that a four-on-the-floor kick falls on
_AUDIBLE = 40  # velocity from which one stroke of a drum is noticed
_ROLL = 0.11  # seconds between the strokes of a roll, at most

MOODS = {
    ("major", "slow"): ("calm", "peaceful", "gentle", "tender", "relaxing", "soothing"),
    ("major", "medium"): ("warm", "cheerful", "pleasant", "optimistic", "content"),
    ("major", "fast"): ("happy", "joyful", "lively", "playful", "energetic", "exciting"),
    ("minor", "slow"): ("sad", "melancholic", "somber", "wistful", "mournful"),
    ("minor", "medium"): ("moody", "pensive", "mysterious", "brooding"),
    ("minor", "fast"): ("tense", "urgent", "dramatic", "restless", "intense"),
    (None, "slow"): ("steady", "laid-back"),
    (None, "medium"): ("steady", "rhythmic"),
    (None, "fast"): ("energetic", "intense"),
}
# A loud or quick piece is not called these, whatever its style says.
_CALM = {"mellow", "meditative", "chilled", "laid-back", "gentle", "dreamy", "ethereal", "smooth",
         "tender", "peaceful", "calm", "relaxing", "soothing", "wistful"}  # fmt: skip
_WILD = {"aggressive", "heavy", "driving", "energetic", "exciting", "intense", "triumphant",
         "lively", "urgent"}  # fmt: skip
_BRIGHT = {"feel-good", "sunny", "cheerful", "uplifting", "breezy"}  # not in minor

# Drums of General MIDI and of the electronic kits that the human drummers played.
_DRUMS = {
    "kick": (35, 36), "snare": (38, 40), "rim": (37,), "clap": (39,),
    "hi-hat": (22, 26, 42, 44, 46),
    "crash": (49, 52, 55, 57), "ride": (51, 53, 59), "tom": (41, 43, 45, 47, 48, 50, 58),
    "tambourine": (54,), "cowbell": (56,), "bongo": (60, 61), "conga": (62, 63, 64),
    "timbale": (65, 66), "agogo": (67, 68), "shaker": (69, 70, 82), "guiro": (73, 74),
    "wood": (75, 76, 77), "triangle": (80, 81),
}  # fmt: skip
_DRUM_OF = {pitch: name for name, pitches in _DRUMS.items() for pitch in pitches}
# Brushes slap where others clap, and an orchestra's kit has timpani where others have toms.
_OTHER_KITS: dict[int, dict[int, str | None]] = {
    40: {39: "snare"},
    48: {27: "hi-hat", 39: None, **dict.fromkeys(range(41, 54)), 57: "crash", 59: "crash"},
}


def describe(piece: Piece, strokes: Sequence[Stroke], seconds: float) -> dict[str, Any]:
    """The labels of a clip; parts without a note in it are not named."""
    heard = {stroke.part for stroke in strokes}
    parts = [part for i, part in enumerate(piece.parts) if i in heard]
    rate = len({round(stroke.start / 0.03) for stroke in strokes}) / seconds
    families = sorted({_family(part) for part in parts} - {"drums", "bass"})
    labels = {
        "texture": piece.texture,
        "instruments": _instruments(parts),
        "families": families,
        "bass": any(part.role == "bass" for part in parts),
        "drums": any(part.drums for part in parts),
        "style": piece.style,
        "era": getattr(STYLES.get(piece.style), "era", None),
        "production": getattr(STYLES.get(piece.style), "production", None),
        "bpm": piece.bpm,
        "tempo_class": piece.tempo_class,
        "key": piece.key,
        "mode": piece.mode,
        "metre": piece.metre,
        "density": "sparse" if rate < _SPARSE else "dense" if rate > _DENSE else "medium",
        "onsets_per_second": round(rate, 2),
        "register": _register(piece, strokes),
        "dynamics": piece.dynamics,
        "percussion": percussion(piece, strokes),
        "four_on_the_floor": _four_on_the_floor(piece, strokes, seconds),
        "swing": _swings(piece),
        "sections": _sections(piece, seconds),
        "changes": changes(piece, strokes, seconds),
    }
    labels["energy"] = energy(labels)
    labels["moods"] = moods(piece, facts_of(labels))
    return {**labels, "source": piece.source, **piece.extra}


def moods(piece: Piece, facts: Facts) -> list[str]:
    """Mood words that mode, tempo, style and dynamics agree on, plainest first."""
    kind = {"mode": piece.mode, "tempo_class": piece.tempo_class, "dynamics": piece.dynamics}
    return agreeing_moods(kind, piece.moods, facts)


def agreeing_moods(labels: Mapping[str, Any], more: Sequence[str], facts: Facts) -> list[str]:
    """The moods of a mode and a tempo, and of `more` those that do not deny the other labels."""
    mode, tempo, dynamics = labels["mode"], labels["tempo_class"], labels["dynamics"]
    words = list(dict.fromkeys([*MOODS[mode, tempo], *more]))
    if mode == "minor":
        words = [word for word in words if word not in _BRIGHT]
    if tempo == "fast" or dynamics == "loud":
        words = [word for word in words if word not in _CALM]
    if tempo == "slow" or dynamics == "soft":
        words = [word for word in words if word not in _WILD]
    words = [word for word in words if word not in PLAYABLE or true(word, facts)]
    return words or ["steady"]


def energy(labels: Mapping[str, Any]) -> str:
    """Low, medium or high: from tempo, loudness, how many notes there are, and drums."""
    points = (
        ("slow", "medium", "fast").index(labels["tempo_class"])
        + ("soft", "medium", "loud").index(labels["dynamics"])
        + ("sparse", "medium", "dense").index(labels["density"])
        + int(labels["drums"])
    )
    return "low" if points <= 2 else "high" if points >= 5 else "medium"


def percussion(piece: Piece, strokes: Sequence[Stroke]) -> list[str]:
    """The kinds of drums that strike at least twice; "roll" if the snare is rolled."""
    counts: dict[str, int] = {}
    snares = []
    for stroke in strokes:
        part = piece.parts[stroke.part]
        if not part.drums or stroke.velocity < _AUDIBLE:
            continue
        other = _OTHER_KITS.get(part.program, {})
        name = other.get(stroke.pitch, _DRUM_OF.get(stroke.pitch))
        if name:
            counts[name] = counts.get(name, 0) + 1
        if name == "snare":
            snares.append(stroke.start)
    names = [name for name, count in counts.items() if count >= 2]
    close = [later - first < 4 * _ROLL for first, later in zip(snares, snares[4:], strict=False)]
    return sorted([*names, "roll"] if any(close) else names)


def _four_on_the_floor(piece: Piece, strokes: Sequence[Stroke], seconds: float) -> bool:
    """Whether a kick falls on nearly every beat of 4/4, and on nothing else for long."""
    if piece.metre != "4/4":
        return False
    beat = piece.seconds_per_beat
    kicks = [
        s.start / beat for s in strokes if piece.parts[s.part].drums and s.pitch in _DRUMS["kick"]
    ]
    beats = int(seconds / beat)
    struck = {round(k) for k in kicks if abs(k - round(k)) < 0.1}
    return len(struck & set(range(beats))) >= _STEADY * beats and len(kicks) < 1.3 * beats


def _swings(piece: Piece) -> bool:
    """Whether eighths are swung: the piece says so, and enough notes fall there to hear it."""
    if piece.swing < _SWUNG:
        return False
    notes = [note for part in piece.parts if not part.human for note in part.notes]
    off = sum(abs(note.start % 1.0 - 0.5) < 0.05 for note in notes)
    return off >= 0.1 * max(len(notes), 1)


def _sections(piece: Piece, seconds: float) -> list[list[Any]]:
    """When each section begins, for those that begin in the clip."""
    starts = [(beat * piece.seconds_per_beat, name) for beat, name in piece.sections]
    return [[round(max(at, 0.0), 2), name] for at, name in starts if at < seconds - 0.5]


def changes(piece: Piece, strokes: Sequence[Stroke], seconds: float) -> list[dict[str, Any]]:
    """Who enters late and leaves early, and whether it all grows louder or softer."""
    spans: dict[tuple[int, bool], list[float]] = {}
    for stroke in strokes:
        part = piece.parts[stroke.part]
        span = spans.setdefault((part.program, part.drums), [stroke.start, stroke.end])
        span[0], span[1] = min(span[0], stroke.start), max(span[1], stroke.end)
    found: list[dict[str, Any]] = []
    for (program, drums), (first, last) in spans.items():
        name = KITS.get(program, "drums") if drums else INSTRUMENTS[program].name
        who = {"name": name, "program": program, "drums": drums}
        others = [span for key, span in spans.items() if key != (program, drums)]
        if first > _ENTERS * seconds and any(other[0] < 0.6 * first for other in others):
            found.append({"what": "enters", **who, **_at(first, seconds)})
        if last < _LEAVES * seconds and any(other[1] > last + 1.0 for other in others):
            found.append({"what": "leaves", **who, **_at(last, seconds)})
    found.sort(key=lambda change: change["at"])
    return found + _trend(strokes, seconds)


def _at(time: float, seconds: float) -> dict[str, float]:
    """When, in seconds and as a share of the clip."""
    return {"at": round(time, 2), "share": round(time / seconds, 3)}


def _trend(strokes: Sequence[Stroke], seconds: float) -> list[dict[str, Any]]:
    """Louder or softer, if the last third differs much from the first and the middle lies between.

    Loudness is the sum of squared velocities of what sounds, as powers add.
    """
    if not strokes:
        return []
    start = np.array([stroke.start for stroke in strokes])[:, None]
    end = np.array([stroke.end for stroke in strokes])[:, None]
    force = np.array([stroke.velocity for stroke in strokes])[:, None] ** 2
    edges = np.linspace(0.0, seconds, 4)
    # A struck note is soon gone, however long it is written.
    held = np.minimum(np.minimum(end, start + 1.0), edges[1:]) - np.maximum(start, edges[:-1])
    first, middle, last = (np.maximum(held, 0.0) * force).sum(0).tolist()
    nobody = {"name": None, "program": None, "drums": False, **_at(seconds / 2, seconds)}
    if last > _SWELL * first and first <= 1.1 * middle <= 1.3 * last:
        return [{"what": "louder", **nobody}]
    if first > _SWELL * last and last <= 1.1 * middle <= 1.3 * first:
        return [{"what": "softer", **nobody}]
    return []


def _family(part: Part) -> str:
    return "drums" if part.drums else INSTRUMENTS[part.program].family


def _instruments(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """One entry a program, with its most prominent role; lead first, drums last."""
    order = ("melody", "counter", "arpeggio", "chords", "pad", "bass", "drums")
    rows: list[dict[str, Any]] = []
    for part in sorted(parts, key=lambda p: order.index(p.role) if p.role in order else 1):
        name = KITS.get(part.program, "drums") if part.drums else INSTRUMENTS[part.program].name
        row = {
            "program": part.program,
            "name": name,
            "family": _family(part),
            "role": part.role,
        }
        if not any(old["program"] == part.program and old["name"] == name for old in rows):
            rows.append(row)
    return rows


def _register(piece: Piece, strokes: Sequence[Stroke]) -> str | None:
    pitched = [s for s in strokes if not piece.parts[s.part].drums]
    leading = [s for s in pitched if piece.parts[s.part].role == "melody"] or pitched
    if not leading:
        return None
    mean = float(np.mean([s.pitch for s in leading]))
    return "low" if mean < _LOW else "high" if mean > _HIGH else "mid"
