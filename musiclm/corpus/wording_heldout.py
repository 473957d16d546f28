"""The held-out words: evaluation prompts are made of these and training never reads them.

>>> HELDOUT.tempo["fast"][0]
'brisk'
"""

from musiclm.corpus.wording_form import Wording
from musiclm.corpus.wording_styles import HELDOUT_ERAS, HELDOUT_MOOD_USES, HELDOUT_STYLES, USES

HELDOUT = Wording(
    tempo={
        "slow": ("leisurely", "languid", "low-tempo"),
        "medium": ("walking-pace", "intermediate-tempo"), "fast": ("brisk", "rapid", "high-tempo"),
    },
    pace={
        "slow": ("leisurely",), "medium": ("that of a walk",), "fast": ("brisk", "rapid"),
    },
    at_tempo={
        "slow": ("at a leisurely pace", "languidly"), "medium": ("at the pace of a walk",),
        "fast": ("at a brisk pace", "rapidly"),
    },
    tempo_tags={
        "slow": ("leisurely", "languid", "low-tempo"),
        "medium": ("walking-pace", "intermediate-tempo"), "fast": ("brisk", "rapid", "high-tempo"),
    },
    tempo_lines={
        "slow": ("Its pace is leisurely.", "It strolls along languidly."),
        "medium": ("Its pace is that of a walk.",),
        "fast": ("Its pace is brisk.", "Its pace is rapid."),
    },
    marks={},
    figure=("roughly {bpm} beats per minute",),
    styles=HELDOUT_STYLES,
    subgenres={},
    eras=HELDOUT_ERAS,
    no_drums=("drums are absent", "not a single drum", "free of drums"),
    no_percussion=("percussion is absent", "free of percussion"),
    no_kit=("a drum kit is absent",),
    drums=("drumming", "drum kit groove"),
    with_drums=("to some drumming",),
    density={
        "sparse": ("thinly scored",), "dense": ("packed",),
    },
    register={
        "low": ("in the bass register",), "high": ("in the treble register",),
    },
    dynamics={
        "soft": ("hushed",), "loud": ("forceful",),
    },
    energy={"low": ("of little energy",), "high": ("bursting with energy",)},
    swing=("with swung quavers",),
    metres={"3/4": ("three beats to a bar",)},
    groups={2: ("pair",), 3: ("threesome",), 4: ("foursome",)},
    sentences={
        "solo": (
            "One {one_lead} on its own, {tempo} and {mood}.",
            "An unaccompanied {one_lead} performs {a_style} number.",
            "{a_mood} performance on {lead}, {tempo}, {mode} tonality.",
        ),
        "ensemble": (
            "We hear {all} in {a_tempo} {style} number.",
            "Chamber group: {all}, {mood} and {tempo}.", "{a_style} performance by {all}, {quiet}.",
        ),
        "band": (
            "We hear {a_tempo} {style} number by a group: {all}.",
            "{a_mood} {style} jam session with {all}.",
            "{a_style} backing track, {tempo}, featuring {all}.",
        ),
        "drums": (
            "Nothing but {kit} in {a_tempo} {style} rhythm.",
            "{a_style} percussion break at {a_tempo} pace.",
        ),
    },
    openings={
        "solo": (
            "In this excerpt we hear nothing but {a_lead}.",
            "An unaccompanied {one_lead} performs.",
        ),
        "ensemble": ("In this excerpt a few players perform {a_style} number.", "We hear {all}."),
        "band": (
            "In this excerpt a group performs {a_style} number.", "We hear a full line-up: {all}.",
        ),
        "drums": ("In this excerpt we hear drumming only.", "{a_style} rhythm on {kit}."),
    },
    features=("The players are {all}.", "We hear {all}."),
    roles={
        "melody": ("The tune is given to {the}.",),
        "counter": ("{The} answer{s} it.",),
        "arpeggio": ("{The} ripple{s} through the harmony.",),
        "chords": ("{The} suppl{ies} the harmony.",),
        "pad": ("Behind them lie{s} {the}.",),
        "bass": ("{The} anchor{s} the low end.",),
        "drums": ("{The} drive{s} the rhythm.",),
    },
    changes={
        "enters": ("{The} only arrive{s} {when}.",),
        "leaves": ("{The} fall{s} silent {when}.",),
        "louder": ("Its volume rises gradually.",),
        "softer": ("Its volume sinks gradually.",),
    },
    whens={
        "early": ("a moment later",), "halfway": ("at the midpoint",), "late": ("near the close",),
    },
    change_tags={"enters": ("late {noun}",)},
    moods=("Its character is {mood} and {mood2}.", "Its character is {mood}."),
    sounds=(),
    closings=(
        "Its pace is {pace}.", "At roughly {bpm} beats per minute it feels {mood}.",
        "Its character is {mood} and {mood2}.", "Its tonality is {key}.",
        "Drums are absent.{when_quiet}", "One might hear it {use}.", "The score is {density}.",
        "The playing is {energy}.", "Its sound is {a_era} one.",
    ),
    uses=USES,
    mood_uses=HELDOUT_MOOD_USES,
    partials=(
        "{tempo} {style} music", "{mood} {lead}, {tempo_tag}", "{tempo} {lead}",
        "{style} with {all}", "{mood} {style} music, {quiet}", "{style} music, {mode} tonality",
        "{lead}, {quiet}", "{tempo} and {mood} {style}", "{all}, {tempo_tag}",
    ),
)  # fmt: skip
