"""The words of training captions, for everything that `captions.py` may say.

>>> TRAIN.pace["slow"][0]
'slow'
"""

from musiclm.corpus.wording_form import Wording
from musiclm.corpus.wording_styles import (
    SUBGENRES,
    TRAIN_ERAS,
    TRAIN_MOOD_USES,
    TRAIN_STYLES,
    USES,
)

TRAIN = Wording(
    tempo={
        "slow": (
            "slow", "slow", "slow", "slow-tempo", "relaxed", "downtempo", "unhurried", "slow-paced",
            "slow-moving", "sluggish", "ballad-tempo", "lazy",
        ),
        "medium": (
            "moderate", "mid-tempo", "medium-tempo", "medium-paced", "mid-paced",
            "moderately paced",
            "moderate-tempo", "steady-paced",
        ),
        "fast": (
            "fast", "fast", "fast", "uptempo", "upbeat", "fast-paced", "quick", "speedy", "hurried",
            "racing", "up-tempo", "fast-tempo", "fast-moving",
        ),
    },
    pace={
        "slow": ("slow", "slow", "very relaxed", "unhurried", "sluggish", "low", "quite slow"),
        "medium": (
            "medium", "moderate", "neither slow nor fast", "comfortable", "average",
        ),
        "fast": ("fast", "fast", "quick", "high", "hurried", "very fast", "quite fast"),
    },
    at_tempo={
        "slow": (
            "at a slow pace", "at a slow tempo", "in a slow tempo", "slowly", "in no hurry",
            "taking its time", "at low speed", "at ballad tempo", "at an unhurried pace",
            "at a slow {figure}", "at {figure}",
        ),
        "medium": (
            "at a medium pace", "at a moderate tempo", "at a medium tempo", "in mid-tempo",
            "at moderate speed", "neither fast nor slow", "at a comfortable pace",
            "at an average speed", "at a moderate {figure}", "at {figure}",
        ),
        "fast": (
            "at a fast pace", "at a fast tempo", "in a fast tempo", "at high speed", "quickly",
            "at a quick pace", "in a hurry", "at an upbeat tempo", "at full speed",
            "at a fast {figure}", "at {figure}",
        ),
    },
    tempo_tags={
        "slow": (
            "slow tempo", "slow tempo", "slow", "slow pace", "slow speed", "ballad tempo",
            "tempo: slow", "unhurried", "low bpm", "downtempo", "slow-paced", "slower tempo",
            "{figure}", "{figure}, slow",
        ),
        "medium": (
            "medium tempo", "medium tempo", "moderate tempo", "mid-tempo", "medium pace",
            "moderate pace", "moderate speed", "tempo: medium", "medium-paced", "average tempo",
            "{figure}", "{figure}, medium tempo",
        ),
        "fast": (
            "fast tempo", "fast tempo", "uptempo", "up-tempo", "fast pace", "fast", "quick tempo",
            "high speed", "tempo: fast", "high bpm", "fast-paced", "upbeat", "{figure}",
            "{figure}, fast",
        ),
    },
    tempo_lines={
        "slow": (
            "The tempo is {pace}.", "The tempo is {pace}.", "The tempo is {pace}, {figure}.",
            "It moves slowly.", "It takes its time, at {figure}.", "The pulse is slow, {figure}.",
            "Nothing hurries here.", "The music is in a slow tempo.", "It is slow, {figure}.",
            "It is slow enough to sway to.", "It goes along {at_tempo}.",
        ),
        "medium": (
            "The tempo is {pace}.", "The tempo is {pace}.", "The tempo is {pace}, {figure}.",
            "It moves along at a medium pace.", "The pulse is moderate, {figure}.",
            "It is neither fast nor slow.", "The music is in a medium tempo.",
            "One could nod along at ease, at {figure}.", "It goes along {at_tempo}.",
        ),
        "fast": (
            "The tempo is {pace}.", "The tempo is {pace}.", "The tempo is {pace}, {figure}.",
            "It moves fast.", "It races along at {figure}.", "The pulse is fast, {figure}.",
            "It is in a hurry.", "The music is in a fast tempo.", "It is fast, {figure}.",
            "It goes along {at_tempo}.",
        ),
    },
    marks={
        "largo": ("largo",), "adagio": ("adagio",), "lento": ("lento",),
        "larghetto": ("larghetto",),
        "andante": ("andante",), "moderato": ("moderato",), "allegretto": ("allegretto",),
        "allegro": ("allegro",), "vivace": ("vivace",), "presto": ("presto",),
        "running": ("fast enough to run to",),
    },
    figure=(
        "{bpm} bpm", "{bpm} BPM", "around {bpm} bpm", "about {bpm} bpm",
        "{bpm} beats per minute", "about {bpm} beats a minute",
    ),
    styles=TRAIN_STYLES,
    subgenres=SUBGENRES,
    eras=TRAIN_ERAS,
    no_drums=("no drums", "no drums", "without drums", "drumless", "with no drums",
              "without any drums"),
    no_percussion=("no percussion", "without percussion", "without any percussion",
                   "no drums or percussion"),
    no_kit=("no drum kit", "without a drum kit"),
    drums=("with drums", "with drums", "drums", "drum beat", "steady drumming", "drum groove"),
    with_drums=("with drums", "over a drum beat", "over drums", "with a drum beat",
                "backed by drums"),
    density={
        "sparse": ("sparse", "minimal", "bare", "with few notes"),
        "dense": ("busy", "dense", "full of notes"),
    },
    register={
        "low": ("low notes", "low register", "deep", "low-pitched"),
        "high": ("high notes", "high register", "high-pitched"),
    },
    dynamics={
        "soft": ("soft", "quiet", "delicate"), "loud": ("loud", "powerful", "strong"),
    },
    energy={
        "low": ("low-energy", "low in energy"),
        "medium": ("of moderate energy",),
        "high": ("high-energy", "energetic", "full of energy"),
    },
    swing=("swung", "with a swing feel", "swinging rhythm", "swung eighths"),
    metres={
        "3/4": ("3/4", "waltz time", "triple metre", "three-four time"),
        "6/8": ("6/8", "compound metre", "six-eight time"),
        "4/4": ("4/4", "common time", "four-four time"),
        "2/4": ("2/4", "two-four time"), "9/8": ("9/8",), "12/8": ("12/8",),
    },
    groups={
        2: ("duo", "duet"), 3: ("trio",), 4: ("quartet",), 5: ("quintet",), 6: ("sextet",),
    },
    sentences={
        "solo": (
            "A {mood} {tempo} solo {lead}.", "Solo {lead} playing a {mood}, {tempo} {style} piece.",
            "A {tempo} {style} piece played by {a_lead} alone.",
            "A {lead} solo that sounds {mood}, {tempo} and {mode}.",
            "A single {one_lead} plays {a_tempo} {style} tune in {key}.",
            "Just {a_lead}, {tempo} and {mood}, {quiet}.", "{a_tempo} {lead} solo in {a_mode} key.",
            "{a_mood} {style} {lead} solo, {quiet}.", "{a_mood} {lead} piece, {at_tempo}.",
            "{a_lead} playing by itself {at_tempo}, {quiet}.",
            "{a_mood} solo for {lead} {use}, {at_tempo}.",
            "Unaccompanied {lead} music, {mood}, {tempo} and {dynamics}.",
            "{a_genre} piece on {lead} alone, {at_tempo}, {quiet}.",
        ),
        "ensemble": (
            "A {mood} {tempo} {style} piece for {all}.",
            "{all} playing {a_tempo}, {mood} {style} tune.",
            "{a_tempo} {style} ensemble of {all}, {quiet}.",
            "A small ensemble with {all} plays {a_mood} {style} piece in {key}.",
            "{a_mood} {style} arrangement for {all}, {quiet}.",
            "{all} together, {tempo}, {mood} and {mode}.",
            "{a_mood} {style} {group} of {all}, {at_tempo}, {quiet}.",
            "{several} play {a_genre} piece together {at_tempo}, {quiet}.",
            "{a_genre} piece {use} with {all}, {tempo} and {mood}.",
            "{a_tempo} {group} of {all}, {mood}, {quiet}.",
        ),
        "band": (
            "A {tempo} {style} track with {all}.",
            "{a_mood} {style} band playing at {a_tempo} tempo, with {all}.",
            "{a_tempo}, {mood} {style} groove featuring {all}.",
            "A {style} song with {a_lead} over bass and drums.{when_bass}",
            "A {mood} {style} instrumental in {key} with {all}.{when_no_voice}",
            "{a_tempo} {style} beat with {a_lead}, bass and {kit}.{when_bass}",
            "{a_genre} track {use}, {tempo} and {mood}, {with_drums}.",
            "{a_mood} {genre} tune {at_tempo}, played by {all}.",
            "{a_era} {style} band, {tempo}, {with_drums} and {a_lead}.",
            "{a_lead} leads {a_genre} track {at_tempo}, {with_drums}.",
            "{a_mood} {style} track {with_drums}, {at_tempo}.",
        ),
        "drums": (
            "A {tempo} {style} drum beat.", "Solo {kit} playing {a_tempo} {style} groove.",
            "{a_tempo} {style} drum pattern, only drums.",
            "Only {kit}, {tempo} and {mood}, no melody.", "A {style} drum solo at {bpm} bpm.",
            "{a_mood} drum groove in {style} style, {at_tempo}.",
            "{kit} alone, {at_tempo}, {use}.", "{a_tempo} rhythm on {kit}, no other instruments.",
        ),
    },
    openings={
        "solo": (
            "This is {a_tempo} {style} piece for solo {lead}.",
            "The recording features {a_mood} {lead} solo.",
            "A lone {one_lead} plays {a_style} piece.",
            "This is an instrumental {style} piece played on {lead} only.{when_no_voice}",
            "Someone plays {a_mood} {style} tune on {a_lead}.",
            "Here is {a_genre} piece for {lead} alone.",
            "This clip holds {a_mood} solo on {a_lead}.",
            "A single {one_lead} is the only instrument.",
        ),
        "ensemble": (
            "This is {a_tempo} {style} piece.",
            "The recording features {a_mood} {style} piece played by {all}.",
            "A small group plays {a_tempo} {style} piece.", "{a_mood} {genre} piece for {all}.",
            "Here {several} play {a_style} piece.", "This is {a_genre} {group}: {all}.",
            "{a_style} ensemble plays {a_mood} tune.",
        ),
        "band": (
            "This is {a_tempo} {style} song.", "The song features {a_mood} {style} groove.",
            "An instrumental {style} track with {all}.{when_no_voice}",
            "A {style} band plays {a_mood} tune.", "This is {a_genre} track with {all}.",
            "Here is {a_mood} {genre} tune.", "{a_era} {style} track.",
            "{several} make up {a_style} band.",
        ),
        "drums": (
            "This is {a_tempo} {style} drum beat.",
            "The recording features {kit} and nothing else.", "A drummer plays {a_style} groove.",
            "Here is {a_mood} {style} rhythm on {kit}.", "It is {kit} only, no other instruments.",
        ),
    },
    features=(
        "One hears {all}.", "The instruments are {all}.", "It is played by {all}.",
        "The players: {all}.", "The line-up: {all}.",
    ),
    roles={
        "melody": (
            "{The} play{s} the melody.", "{The} play{s} the lead melody.",
            "The main melody is played by {the}.", "{The} take{s} the lead.",
            "{The} carr{ies} the tune.", "The tune is on {the}.",
        ),
        "counter": (
            "{The} play{s} a second voice.", "{The} support{s} with a counter-melody.",
            "{The} add{s} a second line.",
        ),
        "arpeggio": (
            "{The} play{s} arpeggios.", "{The} play{s} broken chords.",
            "{The} pick{s} out the chords.",
        ),
        "chords": (
            "{The} play{s} chords.", "{The} accompan{ies} with chords.",
            "There are chords on {the}.",
            "{The} fill{s} in the harmony.", "The backing chords come from {the}.",
        ),
        "pad": (
            "{The} hold{s} long chords.", "{The} add{s} sustained harmony.",
            "{The} lie{s} in the background.",
        ),
        "bass": (
            "{The} play{s} the bass line.", "The bass line is played by {the}.",
            "Underneath, {the} provide{s} the bottom.",
        ),
        "drums": (
            "{The} keep{s} the beat.", "{The} play{s} {a_style} groove.",
            "The rhythm comes from {the}.",
            "{The} drive{s} it along.", "The beat is laid down by {the}.",
        ),
    },
    changes={
        "enters": (
            "{The} enter{s} {when}.", "{The} join{s} in {when}.", "{The} come{s} in {when}.",
            "{When}, {the} enter{s}.", "{When}, {the} join{s} in.",
            "{The} start{s} playing {when}.",
        ),
        "leaves": (
            "{The} drop{s} out {when}.", "{The} stop{s} playing {when}.",
            "{When}, {the} drop{s} out.",
            "{The} go{es} quiet {when}.",
        ),
        "louder": (
            "It starts quietly and builds up.", "It grows louder towards the end.",
            "The music builds up.", "There is a crescendo.",
        ),
        "softer": (
            "It dies down towards the end.", "It gets quieter as it goes on.",
            "It starts loudly and ends quietly.", "There is a diminuendo.",
        ),
    },
    whens={
        "early": ("after a few seconds", "early on", "soon after the start"),
        "halfway": ("halfway", "halfway through", "in the middle"),
        "late": ("towards the end", "near the end", "late in the clip"),
    },
    change_tags={
        "enters": ("{noun} enters {when}", "{noun} joining {when}"),
        "leaves": ("{noun} stops {when}",), "louder": ("building up", "crescendo"),
        "softer": ("dying down", "diminuendo"),
    },
    moods=(
        "It sounds {mood}.", "The mood is {mood} and {mood2}.", "It sounds {mood} and {mood2}.",
        "It feels {mood}, {mood2} and {mood3}.", "The mood: {mood}, {mood2}, {mood3}.",
        "The character of the music is {mood} and {mood2}.", "The atmosphere is {mood}.",
    ),
    sounds=(
        "One notices {sounds}.", "There is {sounds}.", "In the mix: {sounds}.",
        "The sound is made of {sounds}.", "It is built on {sounds}.",
    ),
    closings=(
        "The mood is {mood} and {mood2}.", "It sounds {mood}.", "The piece is in {key}.",
        "It is in {a_mode} key.", "The key is {key}.", "There are no drums.{when_quiet}",
        "There is no percussion.{when_no_percussion}", "The playing is {dynamics}.",
        "The texture is {density}.", "It could be used {use}.", "This would fit {use}.",
        "It is {a_mood} piece in {metre} time.", "The metre is {metre_word}.",
        "The rhythm is swung.{when_swing}",
        "The music is {energy}.", "It has {a_era} sound.", "It has drums.{when_drums}",
        "A drum beat runs through it.{when_beat}", "No one plays the drums.{when_quiet}",
        "It begins with an intro.{when_intro}", "There is a break.{when_break}",
        "The last bars are an outro.{when_outro}", "It could be filed under {genre_tag}.",
        "Genre: {genre_tag}.",
        "The melody lies high.{when_high}", "The melody lies low.{when_low}",
        "The sound is electronic.{when_electronic}", "All instruments are acoustic.{when_acoustic}",
        "It rings with the reverb of a hall.{when_hall}", "It crackles like vinyl.{when_crackle}",
        "Nobody sings.{when_no_voice}", "It is purely instrumental.{when_no_voice}",
    ),
    uses=USES,
    mood_uses=TRAIN_MOOD_USES,
    partials=(
        "{tempo} {style} music", "{mood} {style} music, {tempo_tag}", "{mood} {lead}, {tempo_tag}",
        "{tempo} {lead}", "{style} with {all}", "{mood} {style} music, {quiet}",
        "{style} music in {a_mode} key", "{lead}, {quiet}", "{tempo} and {mood} {style}",
        "{all}, {tempo_tag}", "{a_genre} piece {use}", "{mood} music {use}, {tempo_tag}",
        "{genre} {at_tempo}", "{lead} {at_tempo}", "{mood} and {mood2} music {at_tempo}",
        "{genre} {with_drums}", "{mood} {genre} {with_drums}, {tempo_tag}", "{lead} in {key}",
        "music {use}, {mood} and {tempo}", "{mood} {group}, {tempo_tag}", "{a_era} {style} piece",
        "{dynamics} {lead}, {tempo} and {mood}", "something {mood} and {tempo} {use}",
        "{genre}, {sound}, {tempo_tag}", "{sound} and {lead}, {at_tempo}",
        "{sound}, {mood}, {quiet}",
    ),
)  # fmt: skip
