"""The words of captions, in two disjoint sets: for training, and held out for evaluation prompts.

The vocabulary leans on the aspects of MusicCaps; no sentence of it is used.

>>> WORDINGS["train"].tempo["fast"][0], WORDINGS["heldout"].tempo["fast"][0]
('fast', 'brisk')
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """Synonyms and templates. Slots in braces are filled from the labels or the template is out."""

    tempo: dict[str, tuple[str, ...]]
    pace: dict[str, tuple[str, ...]]  # after "the tempo is"
    styles: dict[str, tuple[str, ...]]
    no_drums: tuple[str, ...]  # after a comma or as a tag
    no_percussion: tuple[str, ...]  # the same, untrue where mallets play
    drums: tuple[str, ...]
    density: dict[str, tuple[str, ...]]
    register: dict[str, tuple[str, ...]]
    dynamics: dict[str, tuple[str, ...]]
    sentences: dict[str, tuple[str, ...]]  # by texture
    openings: dict[str, tuple[str, ...]]
    roles: dict[str, tuple[str, ...]]  # {the}: noun with article, {s}: verb ending
    closings: tuple[str, ...]


_TRAIN = Wording(
    tempo={
        "slow": ("slow", "slow", "slow-tempo", "relaxed", "downtempo", "unhurried"),
        "medium": ("moderate", "mid-tempo", "medium-tempo", "medium-paced"),
        "fast": ("fast", "fast", "uptempo", "upbeat", "fast-paced", "quick"),
    },
    pace={
        "slow": ("slow", "very relaxed", "unhurried"), "medium": ("medium", "moderate"),
        "fast": ("fast", "quick"),
    },
    styles={
        "pop": ("pop", "pop"), "rock": ("rock", "hard rock"), "metal": ("metal", "heavy metal"),
        "funk": ("funk", "funky"), "jazz": ("jazz", "swing jazz", "jazzy"),
        "bossa nova": ("bossa nova", "Latin bossa nova"), "blues": ("blues", "bluesy"),
        "country": ("country", "country and western"), "techno": ("techno", "electronic techno"),
        "house": ("house", "house dance"), "ambient": ("ambient", "atmospheric ambient"),
        "lo-fi": ("lo-fi", "lo-fi hip hop"), "reggae": ("reggae", "dub reggae"),
        "waltz": ("waltz", "waltz-like"), "march": ("march", "marching"),
        "baroque": ("baroque", "baroque-style"), "classical": ("classical", "western classical"),
        "folk": ("folk", "traditional folk"),
    },
    no_drums=("no drums", "without drums", "drumless", "with no drums"),
    no_percussion=("no percussion", "without percussion", "without any percussion"),
    drums=("with drums", "drum beat", "steady drumming", "drum groove"),
    density={
        "sparse": ("sparse", "minimal"), "dense": ("busy", "dense"),
    },
    register={
        "low": ("low notes", "low register", "deep"),
        "high": ("high notes", "high register", "high-pitched"),
    },
    dynamics={
        "soft": ("soft", "quiet", "delicate"), "loud": ("loud", "powerful", "strong"),
    },
    sentences={
        "solo": (
            "A {mood} {tempo} solo {lead}.", "Solo {lead} playing a {mood}, {tempo} {style} piece.",
            "A {tempo} {style} piece played by {a_lead} alone.",
            "A {lead} solo that sounds {mood}, {tempo} and {mode}.",
            "A single {one_lead} plays {a_tempo} {style} tune in {key}.",
            "Just {a_lead}, {tempo} and {mood}, {quiet}.", "{a_tempo} {lead} solo in {a_mode} key.",
            "{a_mood} {style} {lead} solo, {quiet}.",
        ),
        "ensemble": (
            "A {mood} {tempo} {style} piece for {all}.",
            "{all} playing {a_tempo}, {mood} {style} tune.",
            "{a_tempo} {style} ensemble of {all}, {quiet}.",
            "A small ensemble with {all} plays {a_mood} {style} piece in {key}.",
            "{a_mood} {style} arrangement for {all}, {quiet}.",
            "{all} together, {tempo}, {mood} and {mode}.",
        ),
        "band": (
            "A {tempo} {style} track with {all}.",
            "{a_mood} {style} band playing at {a_tempo} tempo, with {all}.",
            "{a_tempo}, {mood} {style} groove featuring {all}.",
            "A {style} song with {a_lead} over bass and drums.",
            "A {mood} {style} instrumental in {key} with {all}.",
            "{a_tempo} {style} beat with {a_lead}, bass and {kit}.",
        ),
        "drums": (
            "A {tempo} {style} drum beat.", "Solo {kit} playing {a_tempo} {style} groove.",
            "{a_tempo} {style} drum pattern, only drums.",
            "Only {kit}, {tempo} and {mood}, no melody.", "A {style} drum solo at {bpm} bpm.",
        ),
    },
    openings={
        "solo": (
            "This is {a_tempo} {style} piece for solo {lead}.",
            "The recording features {a_mood} {lead} solo.",
            "A lone {one_lead} plays {a_style} piece.",
            "This is an instrumental {style} piece played on {lead} only.",
        ),
        "ensemble": (
            "This is {a_tempo} {style} piece.",
            "The recording features {a_mood} {style} piece played by {all}.",
            "A small group plays {a_tempo} {style} piece.",
        ),
        "band": (
            "This is {a_tempo} {style} song.", "The song features {a_mood} {style} groove.",
            "An instrumental {style} track with {all}.", "A {style} band plays {a_mood} tune.",
        ),
        "drums": (
            "This is {a_tempo} {style} drum beat.",
            "The recording features {kit} and nothing else.", "A drummer plays {a_style} groove.",
        ),
    },
    roles={
        "melody": (
            "{The} play{s} the melody.", "{The} play{s} the lead melody.",
            "The main melody is played by {the}.",
        ),
        "counter": ("{The} play{s} a second voice.", "{The} support{s} with a counter-melody."),
        "arpeggio": ("{The} play{s} arpeggios.", "{The} play{s} broken chords."),
        "chords": (
            "{The} play{s} chords.", "{The} accompan{ies} with chords.",
            "There are chords on {the}.",
        ),
        "pad": ("{The} hold{s} long chords.", "{The} add{s} sustained harmony."),
        "bass": ("{The} play{s} the bass line.", "The bass line is played by {the}."),
        "drums": (
            "{The} keep{s} the beat.", "{The} play{s} {a_style} groove.",
            "The rhythm comes from {the}.",
        ),
    },
    closings=(
        "The tempo is {pace}.", "The tempo is {pace}, around {bpm} bpm.",
        "The mood is {mood} and {mood2}.", "It sounds {mood}.", "The piece is in {key}.",
        "It is in {a_mode} key.", "There are no drums.{when_quiet}",
        "There is no percussion.{when_no_percussion}", "The playing is {dynamics}.",
        "The texture is {density}.", "It could be used {use}.",
        "It is {a_mood} piece in {metre} time.",
    ),
)  # fmt: skip

_HELDOUT = Wording(
    tempo={
        "slow": ("leisurely", "languid", "low-tempo"),
        "medium": ("walking-pace", "intermediate-tempo"), "fast": ("brisk", "rapid", "high-tempo"),
    },
    pace={
        "slow": ("leisurely",), "medium": ("that of a walk",), "fast": ("brisk", "rapid"),
    },
    styles={
        "pop": ("popular",), "rock": ("rock and roll",), "metal": ("thrash metal",),
        "funk": ("funk-style",), "jazz": ("swinging jazz",), "bossa nova": ("Brazilian bossa",),
        "blues": ("blues-style",), "country": ("Nashville country",), "techno": ("techno rave",),
        "house": ("club house",), "ambient": ("ambient soundscape",), "lo-fi": ("lofi chillhop",),
        "reggae": ("Jamaican reggae",), "waltz": ("ballroom waltz",), "march": ("marching-band",),
        "baroque": ("late baroque",), "classical": ("classical-style",), "folk": ("folk-style",),
    },
    no_drums=("drums are absent", "not a single drum", "free of drums"),
    no_percussion=("percussion is absent", "free of percussion"),
    drums=("drumming", "drum kit groove"),
    density={
        "sparse": ("thinly scored",), "dense": ("packed",),
    },
    register={
        "low": ("in the bass register",), "high": ("in the treble register",),
    },
    dynamics={
        "soft": ("hushed",), "loud": ("forceful",),
    },
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
    roles={
        "melody": ("The tune is given to {the}.",),
        "counter": ("{The} answer{s} it.",),
        "arpeggio": ("{The} ripple{s} through the harmony.",),
        "chords": ("{The} suppl{ies} the harmony.",),
        "pad": ("Behind them lie{s} {the}.",),
        "bass": ("{The} anchor{s} the low end.",),
        "drums": ("{The} drive{s} the rhythm.",),
    },
    closings=(
        "Its pace is {pace}.", "At roughly {bpm} beats per minute it feels {mood}.",
        "Its character is {mood} and {mood2}.", "Its tonality is {key}.",
        "Drums are absent.{when_quiet}", "One might hear it {use}.",
    ),
)  # fmt: skip

WORDINGS = {"train": _TRAIN, "heldout": _HELDOUT}

USES: dict[str, tuple[str, ...]] = {
    "pop": ("in a commercial", "on the radio"), "rock": ("in an action scene", "at a rock concert"),
    "metal": ("in a fight scene", "in a shooter game"), "funk": ("at a party", "in a cop show"),
    "jazz": ("in a jazz club", "in a bar"), "bossa nova": ("in a cafe", "in a hotel lobby"),
    "blues": ("in a bar", "in a road movie"), "country": ("in a western", "at a barn dance"),
    "techno": ("in a night club", "at a rave"), "house": ("on a dance floor", "in a night club"),
    "ambient": ("for meditation", "in a documentary about space"),
    "lo-fi": ("for studying", "in a coffee shop"), "reggae": ("on a beach", "at a summer party"),
    "waltz": ("in a ballroom", "at a wedding dance"),
    "march": ("at a parade", "in a military film"),
    "baroque": ("in a period drama", "in a palace scene"),
    "classical": ("in a concert hall", "in a period film"),
    "folk": ("at a village dance", "in a fantasy film"),
}  # fmt: skip
