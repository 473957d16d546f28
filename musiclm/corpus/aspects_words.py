"""What the other words of captions mean, for the checker: kept apart from the words of the writer.

`wording_*.py` says which words the writer puts where; this says, once more, what they mean, so that
a word filed in the wrong place there is caught. Meanings are written as in aspects_table.py.

>>> "brisk" in WORDS["tempo:fast"].split(", ")
True
"""

WORDS = {
    "tempo:slow": (
        "slow, slowly, relaxed, downtempo, unhurried, sluggish, lazy, in no hurry, taking its time,"
        " takes its time, low speed, ballad tempo, ballad-tempo, low bpm, tempo is low,"
        " nothing hurries, leisurely, languid, languidly, low-tempo, tempo: slow"
    ),
    "tempo:medium": (
        "medium, moderate, moderately, mid-tempo, mid-paced, steady-paced, neither slow nor fast,"
        " neither fast nor slow, comfortable, tempo is average, average speed, average tempo,"
        " at ease, walking-pace, intermediate-tempo, that of a walk, pace of a walk"
    ),
    "tempo:fast": (
        "fast, quick, quickly, uptempo, up-tempo, upbeat, speedy, hurried, racing, races,"
        " in a hurry, high speed, full speed, tempo is high, high bpm, brisk, rapid, rapidly,"
        " high-tempo"
    ),
    "mark:running": "fast enough to run to",
    "mark:largo": "largo", "mark:adagio": "adagio", "mark:lento": "lento",
    "mark:larghetto": "larghetto", "mark:andante": "andante", "mark:moderato": "moderato",
    "mark:allegretto": "allegretto", "mark:allegro": "allegro", "mark:vivace": "vivace",
    "mark:presto": "presto",
    "mode:major": "major",
    "mode:minor": "minor",
    "dynamics:soft": "quiet, delicate, hushed, quietly, softly",
    "dynamics:loud": "strong, forceful, loudly",
    "density:sparse": "sparse, minimal, bare, few notes, thinly scored",
    "density:dense": "dense, busy, full of notes, packed",
    "register:low": "low notes, low register, deep, low-pitched, lies low, in the bass register",
    "register:high": "high register, high-pitched, lies high, in the treble register",
    "energy:low": "low-energy, low in energy, of little energy",
    "energy:medium": "moderate energy",
    "energy:high": "high-energy, full of energy, bursting with energy",
    "swing": "swung, swing, swinging",
    "metre:3/4": "waltz time, triple metre, three-four, three beats to a bar",
    "metre:6/8": "compound metre, six-eight",
    "metre:4/4": "common time, four-four",
    "metre:2/4": "two-four",
    "parts:1": (
        "alone, lone, unaccompanied, by itself, on its own, only instrument, nothing else,"
        " nothing but, is the only"
    ),
    "parts:2": "duo, pair",
    "parts:3": "trio, threesome",
    "parts:4": "quartet, foursome",
    "parts:5": "quintet",
    "parts:6": "sextet",
    "texture:ensemble": "ensemble, small group, chamber group, a few players",
    "texture:band": "band, full line-up, jam session",
    "texture:solo": "single",
    "drums": (
        "drum, drummer, drumming, drum beat, beat, drum kit, drum groove, groove, no other drums"
    ),
    "!drums": "drumless, no one plays the drums, not a single drum",
    "bass": "bassline, bass line",
    "melody": "melody, lead melody",
    "!texture:drums": "tune",
    "texture:drums": "percussion break",
    "role:counter": "second voice, second line, counter-melody",
    "!family:voice": "nobody sings, purely instrumental",
    "family:voice": "voice, voices, vocal, vocals, singing, sings, sung, chorus",
    "acoustic": "all instruments are acoustic",
    "production:hall": "hall",
    "production:lofi": "crackle, crackles, crackling, vinyl",
    "section:intro": "intro",
    "section:outro": "outro",
    "section:break": "break",
    "change:louder": (
        "builds up, building up, grows louder, crescendo, starts quietly, starts quietly and builds"
        " up, volume rises"
    ),
    "change:softer": (
        "dies down, dying down, gets quieter, ends quietly, diminuendo, starts loudly and ends"
        " quietly, volume sinks"
    ),
    "change:leaves": "goes quiet, go quiet",
    "era:60s": "60s, 1960s, sixties", "era:70s": "70s, 1970s, seventies",
    "era:80s": "80s, 1980s, eighties", "era:90s": "90s, 1990s, nineties",
    "era:baroque_period": "18th-century, baroque-era",
    "era:romantic_period": "19th-century, nineteenth-century",
    "mode:major tempo:slow": "tender",
    "mode:major tempo:medium": "optimistic, content",
    "mode:minor tempo:slow": "somber, wistful, mournful",
    "mode:minor tempo:medium": "moody, brooding",
    "mode:minor tempo:fast": "tense, urgent, restless",
    "!tempo:fast !dynamics:loud": "laid-back",
    "!mode:minor": "sunny, breezy, feel-good",
    "!tempo:slow !dynamics:soft": "driving, heavy, triumphant",
    # Words in other senses than those above.
    "always": (
        "high in, low in, keeps the beat, fills in, one hears, backing chords, sweep, steady"
    ),
}  # fmt: skip

# Words that would be said of no clip.
NEVER = "lyrics, rapper, singer, guitarist, audience, live, noisy, out of tune, remix, sample"
