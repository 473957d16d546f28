"""Styles of the concert hall, the church, the ballroom, the parade and the film.

>>> {style.name for style in CLASSICAL} >= {"baroque", "romantic", "cinematic"}
True
"""

from musiclm.corpus.style import Style

_CLASSIC = ("I IV V I", "I vi ii V", "I V I V", "I ii V I", "I IV I V7", "I V7/I IV/ii V")
_CLASSIC_MINOR = ("i iv V i", "i VI iv V", "i V i V", "i iv i V7", "i V7/i iv/iim7b5 V")

CLASSICAL = (
    Style(
        "waltz", tempos=("medium", "fast"), major=_CLASSIC[:5], minor=_CLASSIC_MINOR[:4],
        metres=("3/4",), grooves=("waltz",), kits=(40, 0), bass=("r - - - - -",),
        bass_programs=(32, 58), comp=("r - c - c -", ". . c - c -"), comp_programs=(0, 21, 23),
        hands=("r - c - c -", "r - c - c c"),
        lead_programs=(40, 21, 71, 73, 0, 23, 22), extra_programs=(71, 40, 73),
        solo=(0, 21, 23, 46, 24, 12, 9, 13, 19, 10, 82, 72),
        ensembles=(
            "melody 40, chords 0", "melody 21, chords 25", "melody 73, chords 46",
            "melody 40, counter 41, chords 48", "melody 23, chords 24", "melody 71, chords 21",
            "melody 10, arpeggio 8", "melody 40, thirds 40, chords 0, bass 43",
        ),
        busy=-0.2, moods=("elegant", "graceful"),
    ),
    Style(
        "march", tempos=("medium", "medium", "fast"),
        major=("I IV V I", "I I V V", "I V V I", "I vi IV V"), minor=("i V i V", "i iv V i"),
        looseness=0.5, grooves=("march", "march rolls"), bass=("r - 5 - r - 5 -",
            "r - . . 5 - . ."),
        bass_programs=(58, 58, 32), comp=(". . c . . . c .", "c . c . c . c ."),
        comp_programs=(61, 60), lead_programs=(56, 61, 72, 57, 72, 71),
        extra_programs=(56, 60, 72), solo=(56, 61, 57, 60, 13, 58, 72, 70),
        ensembles=(
            "melody 56, chords 61", "melody 56, counter 60, bass 57", "melody 57, chords 60",
            "melody 72, chords 61, bass 58", "melody 56, thirds 56, bass 58",
            "melody 60, chords 61, timpani 47",
        ),
        bpm=(100, 144), moods=("proud", "triumphant"),
    ),
    Style(
        "baroque", tempos=("slow", "medium", "fast"),
        major=(
            "I IV V I", "I/V vi/iii IV/I IV/V", "I vi ii V", "I ii V I", "vi ii V I", "I IV/V I V",
            "I V/I IV/V I",
        ),
        minor=("i iv V i", "i VII III VI", "i/iv VII/III VI/iim7b5 V", "i VI iv V", "i V/i iv/V i"),
        metres=("4/4", "4/4", "3/4"), looseness=0.7,
        bass=("r - 5 - r - 3 -", "r - 3 - 5 - 3 -", "r 3 5 3 r 3 5 3"), bass_programs=(42, 43),
        comp=("0 1 2 1 0 1 2 1", "r c c c r c c c", "r - c - c - c -"), comp_programs=(6, 19),
        lead_programs=(40, 73, 68, 56), extra_programs=(40, 68, 74),
        solo=(6, 6, 6, 19, 19, 40, 42, 73, 68, 24, 56, 74, 74, 70, 8),
        ensembles=(
            "melody 40, chords 6, bass 42", "melody 73, chords 6", "melody 68, counter 40, bass 42",
            "melody 56, chords 19", "melody 40, counter 40, chords 6, bass 42",
            "melody 52, chords 19", "melody 74, chords 6, bass 42", "melody 74, arpeggio 24",
            "melody 68, chords 6, bass 70", "melody 56, counter 40, chords 48, timpani 47",
        ),
        busy=0.6, moods=("stately", "ornate"), era="baroque period", production="hall",
    ),
    Style(
        "classical", tempos=("slow", "medium", "fast"), major=_CLASSIC, minor=_CLASSIC_MINOR,
        metres=("4/4", "4/4", "3/4"), bass=("r - - - r - 5 -", "r - - - 5 - - -"),
        bass_programs=(42, 43),
        comp=("0 2 1 2 0 2 1 2", "r - c - c - c -", "0 1 2 1 0 1 2 1", "c - - - c - - -"),
        comp_programs=(0, 48), lead_programs=(40, 73, 71, 68), extra_programs=(71, 68, 60),
        solo=(
            0, 0, 46, 40, 42, 48, 73, 71, 68, 60, 56, 57, 61, 52, 24, 12, 13, 9, 41, 43, 69, 70, 70,
            45, 8, 58, 72,
        ),
        ensembles=(
            "melody 40, counter 40, chords 41, bass 42", "melody 40, chords 0",
            "melody 42, chords 0", "melody 73, chords 0", "melody 71, chords 0",
            "melody 73, counter 71, bass 42", "melody 68, chords 48", "melody 73, arpeggio 46",
            "melody 60, chords 48", "melody 52, chords 19", "melody 40, counter 42, chords 0",
            "melody 56, counter 60, bass 57", "melody 71, counter 70", "melody 69, chords 48",
            "melody 73, chords 45, bass 43", "melody 70, chords 0", "melody 8, chords 45",
            "melody 68, counter 71, chords 60, bass 70",
        ),
        moods=("elegant", "refined"), production="hall",
    ),
    Style(
        "romantic", tempos=("slow", "slow", "medium", "fast"),
        major=(
            "I vi ii V7", "I iii IV V7", "I I7 IV iv", "I VI7 ii V7", "I V7/vi IV/iv I/V7",
            "Imaj7 vi7 ii7 V7",
        ),
        minor=("i VI iv V7", "i iv VII III", "i V7/i VI/iv V7", "i bII V7 i", "i i7 iv V7"),
        metres=("4/4", "3/4", "6/8"), looseness=1.6, rubato=0.07, comp=("r 0 1 2 1 0 1 2",),
        hands=("r 5 0 1 2 1 0 5", "r - 5 - 1 - 2 -", "r 5 0 2 1 2 0 5 r 5 0 2 1 2 0 5",
            "r - c - c - c -"),
        comp_programs=(0,), lead="sing", solo=(0,),
        ensembles=("melody 40, chords 0", "melody 42, chords 0", "melody 71, chords 0"),
        busy=-0.1, bpm=(60, 160), moods=("romantic", "passionate", "expressive"),
        era="romantic period", production="hall",
    ),
    Style(
        "cinematic", tempos=("slow", "medium", "medium", "fast"),
        major=("I V vi IV", "I iii IV iv", "I bVII IV I", "IV V vi vi", "I bVI bVII I"),
        minor=("i VI III VII", "i VI iv V", "i iv VI VII", "i i VI VII", "i III VI bII"),
        grooves=("taiko", "taiko sixteenths"), kits=(16,),
        bass=("r - - - - - - -", "r - - - r - - -", "r r r r r r r r"), bass_programs=(43, 43, 32),
        comp=(
            "0 0 1 0 2 0 1 0", "0 0 0 1 0 0 0 2", "0 1 2 1 0 1 2 1 0 1 2 1 0 1 2 1",
            "c c . c c . c c",
        ),
        comp_programs=(48, 45, 44), lead_programs=(60, 48, 40, 61, 52, 42),
        pad_programs=(52, 48, 91, 61), extra_programs=(60, 14, 61, 52), lead="long",
        solo=(48, 44, 52, 61, 60, 42, 43, 91, 14),
        ensembles=(
            "melody 60, ostinato 48, bass 43", "melody 40, pad 48, arpeggio 46",
            "melody 60, pad 44, timpani 47", "melody 52, ostinato 45, pad 48, bass 43",
            "melody 61, ostinato 48, timpani 47, bass 43", "melody 42, pad 48", "melody 0, pad 48",
            "melody 69, pad 48, arpeggio 46", "melody 14, pad 44, bass 43",
        ),
        busy=-0.4, moods=("epic", "dramatic", "heroic"), production="hall",
    ),
)  # fmt: skip
