"""The facts of a clip that evaluations ask about, as class numbers; None where they do not apply.

>>> solo = {"texture": "solo", "families": ["winds"], "drums": False, "key": "F#", "bpm": 140.0}
>>> clip = Clip("a", "a.wav", 10.0, labels=solo)
>>> drums_of(clip), TEMPOS[tempo_of(clip)], FAMILIES[family_of(clip)], tonic_of(clip)
(0, 'fast', 'winds', 6)
"""

from collections.abc import Sequence

from musiclm.corpus.vocabulary import FAMILIES
from musiclm.data.manifest import Clip

TEMPOS = ("slow", "medium", "fast")
SLOW_BELOW, FAST_ABOVE = 90.0, 130.0  # beats a minute
TONICS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"#": 1, "♯": 1, "b": -1, "♭": -1}


def drums_of(clip: Clip) -> int | None:
    """1 if drums play."""
    drums = clip.labels.get("drums")
    return None if drums is None else int(bool(drums))


def tempo_of(clip: Clip) -> int | None:
    """Index in TEMPOS."""
    told = place(TEMPOS, clip.labels.get("tempo_class"))
    return tempo_class(clip.labels.get("bpm")) if told is None else told


def tempo_class(bpm: float | int | None) -> int | None:
    """Index in TEMPOS of beats a minute."""
    return None if bpm is None else (bpm >= SLOW_BELOW) + (bpm > FAST_ABOVE)


def place(names: Sequence[str], name: str | None) -> int | None:
    """Index of a name; None of one that is not there."""
    return names.index(name) if name in names else None


def family_of(clip: Clip) -> int | None:
    """Index in FAMILIES of the instrument that plays alone."""
    families = families_of(clip)
    if clip.labels.get("texture") != "solo" or len(families) != 1:
        return None
    return FAMILIES.index(families[0])


def lead_of(clip: Clip) -> int | None:
    """Index in FAMILIES of the instrument that plays the melody, others sounding or not."""
    for one in clip.labels.get("instruments", ()):
        if one.get("role") in ("melody", "solo") and one.get("family") in FAMILIES:
            return FAMILIES.index(one["family"])
    return None


def families_of(clip: Clip) -> list[str]:
    """The families that play, basses and drums left out."""
    return [family for family in clip.labels.get("families", ()) if family in FAMILIES]


def key_of(clip: Clip) -> int | None:
    """Of 24: twice the tonic's pitch class, and one more in minor."""
    tonic, mode = tonic_of(clip), clip.labels.get("mode")
    return 2 * tonic + (mode == "minor") if tonic is not None and mode else None


def mode_of(clip: Clip) -> int | None:
    """0 in major, 1 in minor."""
    mode = clip.labels.get("mode")
    return int(mode == "minor") if mode in ("major", "minor") else None


def tonic_of(clip: Clip) -> int | None:
    """Pitch class of the key, from its name: "C", "F# minor", "Bb"."""
    key = clip.labels.get("key")
    if not key or key[0] not in TONICS:
        return None
    return (TONICS[key[0]] + ACCIDENTALS.get(key[1:2], 0)) % 12
