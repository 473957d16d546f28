"""The 500 most frequent aspects of MusicCaps: what each means of our labels, or why it cannot be.

A meaning is alternatives joined by " / " of conditions that must all hold; a condition is one fact
or several joined by "|", "!" denies it, and `_` stands for a blank (see `aspects.facts_of`). Each
phrase is followed by the number of captions that have it. Words of taste have the meaning that most
listeners would grant, drawn so narrowly that nobody would call it wrong.

>>> "slow tempo 405" in MOODS_AND_TEMPO["tempo:slow"]
True
"""

# Facts that several aspects share, by name.
MEANINGS = {
    "dance": "drums style:techno|house|disco|drum_and_bass|synth-pop",
    "electronic": "style:techno|house|ambient|drum_and_bass|synth-pop|chiptune family:synth"
    " / style:techno|house|drum_and_bass|synth-pop kit:electronic"
    " / style:techno|house|drum_and_bass|synth-pop plays:synth_bass",
    "groovy": "drums bass style:funk|disco|house|reggae|latin|hip_hop|bossa_nova|jazz|blues|lo-fi",
    "happy": "mode:major tempo:fast !style:cinematic|ambient|metal"
    " / mode:major tempo:medium !dynamics:soft !style:cinematic|ambient|metal",
    "calm": "tempo:slow energy:low !dynamics:loud !style:metal|techno|march|drum_and_bass",
    "sad": "mode:minor tempo:slow !energy:high !style:funk|house|disco|techno|metal|drum_and_bass",
    "dark": "mode:minor style:cinematic|metal|techno|drum_and_bass !dynamics:soft"
    " / mode:minor style:cinematic|ambient tempo:slow / mode:minor register:low tempo:slow",
    "eerie": "mode:minor tempo:slow style:cinematic|ambient"
    " / mode:minor plays:tremolo_strings|organ tempo:slow / mode:minor tempo:slow plays:choir",
    "dreamy": "style:ambient !dynamics:loud !mode:minor"
    " / tempo:slow energy:low mode:major plays:harp|synth_pad|choir|celesta|electric_piano",
    "strong": "dynamics:loud energy:high",
    "electric": "plays:electric_guitar",
}

MOODS_AND_TEMPO = {
    "tempo:slow": "slow tempo 405, slower tempo 22",
    "tempo:medium": "medium tempo 465, moderate tempo 183",
    "tempo:medium quick": "medium to uptempo 99, medium fast tempo 73",
    "tempo:fast": "fast tempo 314, uptempo 192, upbeat 149",
    "tempo:fast mode:major !dynamics:soft": "vivacious 30, peppy 20, perky 17",
    "energy:high": "energetic 488",
    "energy:high tempo:fast": "exciting 156, vigorous 36",
    "energy:high tempo:fast !mode:minor !dynamics:soft": "animated 41",
    "energy:high !dynamics:soft": "spirited 146",
    "energy:high mode:major": "enthusiastic 108, vibrant 89",
    "energy:high tempo:fast dynamics:loud": "adrenaline rush 23",
    "energy:high !tempo:slow / tempo:fast mode:major": "lively 99",
    "energy:high mode:major style:pop|synth-pop|house|disco|rock|drum_and_bass|cinematic": (
        "uplifting energy 20"
    ),
    "@happy": "happy 164, cheerful 130, joyful 94, positive 44, happy mood 37",
    "@happy tempo:fast !style:blues|baroque / @happy style:disco|funk|pop|latin|chiptune": (
        "fun 112"
    ),
    "@happy !energy:low": "buoyant 54",
    "@happy style:latin|folk|disco|march|country|polka !energy:low": "festive 19",
    "@happy style:pop|rock|synth-pop|disco|house|chiptune !energy:low": "youthful 155",
    "@happy tempo:fast swing / @happy style:disco|country|funk|reggae|latin drums": "bouncy 17",
    "@happy !dynamics:loud tempo:fast !style:rock|metal"
    " / @happy !dynamics:loud plays:xylophone|marimba|glockenspiel|pizzicato|bassoon|piccolo": (
        "playful 65"
    ),
    "mode:major tempo:medium|fast !dynamics:soft !energy:low"
    " style:pop|synth-pop|house|disco|cinematic|rock|march": (
        "inspiring 36, uplifting 29, motivational 20"
    ),
    "mode:major !energy:high !dynamics:loud !style:metal": "pleasant 40",
    "mode:major !tempo:fast !energy:high !dynamics:loud !style:metal|techno|march": "easygoing 117",
    "mode:major !tempo:fast !energy:high !dynamics:loud"
    " plays:strings|synth_pad|nylon_guitar|electric_piano|french_horn|cello|clarinet": "warm 19",
    "@calm": "calming 119, relaxing 119, calm 30",
    "@calm !mode:minor": "soothing 88, peaceful 19, tranquil 15",
    "@calm style:lo-fi|ambient|reggae|jazz|hip_hop|bossa_nova": "chill 36",
    "@calm !texture:drums": "relaxing music 16",
    "@calm style:ambient": "meditative 41, meditation 23, meditational 18, meditation music 28",
    "@calm dynamics:soft !texture:drums": "background music 24",
    "@calm dynamics:soft !family:mallets !density:dense": "gentle 27",
    "energy:low !dynamics:loud !tempo:fast !style:metal|techno|march|chiptune": "mellow 126",
    "dynamics:soft": "soft 82",
    "dynamics:loud": "loud 140, powerful 49, emphatic 20, resounding 15",
    "@strong": "intense 119",
    "@strong drums !tempo:slow": "punchy 43",
    "@strong density:dense tempo:fast style:metal|techno|drum_and_bass": "manic 19",
    "register:high": "higher pitch 22, high notes 17",
    "@sad": "sad 52",
    "@sad !dynamics:loud": "melancholic 94, poignant 35",
    "@sad / style:romantic tempo:slow": "emotional 491",
    "@sad !dynamics:loud / style:romantic tempo:slow|medium": "sentimental 85, heartfelt 31",
    "mode:minor !tempo:fast !energy:high !dynamics:loud !style:techno|house|disco": "pensive 21",
    "style:romantic|latin !dynamics:soft"
    " / mode:minor energy:high style:metal|rock|blues|folk|cinematic|classical": "passionate 500",
    "style:romantic !tempo:fast !dynamics:loud"
    " / tempo:slow mode:major dynamics:soft plays:strings|piano|violin|saxophone|nylon_guitar": (
        "romantic 124, romantic mood 25, romantic theme 16"
    ),
    "tempo:slow style:pop|rock|romantic|jazz|country !texture:drums": "ballad 27",
    "tempo:slow mode:major !dynamics:loud plays:music_box|celesta !drums": "lullaby 32",
    "style:blues !tempo:fast / style:jazz plays:saxophone|hammond !tempo:fast": "soulful 90",
    "style:jazz|bossa_nova !dynamics:loud !tempo:fast": "smooth 22",
    "style:jazz|bossa_nova !dynamics:loud !tempo:fast plays:saxophone|nylon_guitar": "sensual 23",
    "production:hall": "reverberant 60, reverb 48",
    "production:lofi": "muffled 44, vintage 19",
    "style:lo-fi !energy:high": "nostalgic 32, nostalgia 15",
    "style:metal energy:high / @strong mode:minor plays:distorted_guitar": (
        "aggressive 91, violent 23"
    ),
    "plays:distorted_guitar": "distorted 53",
    "plays:distorted_guitar dynamics:loud": "harsh 32",
    "acoustic": "acoustic 16",
    "@strong plays:distorted_guitar": "electrifying 16",
    "@strong style:rock|metal plays:distorted_guitar": "rebellious 16",
    "mode:minor energy:high dynamics:loud / style:cinematic dynamics:loud": "dramatic 43",
    "style:cinematic dynamics:loud": "epic 44",
    "style:cinematic": "cinematic 47, movie soundtrack 51, movie music 29",
    "style:cinematic mode:major !tempo:slow !energy:low": "adventurous 17",
    "style:cinematic mode:minor / mode:minor plays:tremolo_strings": (
        "suspenseful 65, suspense 34, tension 19"
    ),
    "style:cinematic mode:minor dynamics:loud": "dangerous 19",
    "@dark": "dark 28, grim 20, sinister 35, ominous 25",
    "@eerie": "eerie 56, haunting 43",
    "@eerie !dynamics:loud": "mysterious 36, enigmatic 16",
    "@eerie style:cinematic": "scary 31, spooky 28",
    "@dreamy": "dreamy 42",
    "@dreamy style:ambient": "ethereal 29, celestial 18",
    "style:ambient !dynamics:loud": "atmospheric 25, mystical 27",
    "style:techno|house|ambient|drum_and_bass": "hypnotic 58, mesmerising 15",
    "style:techno|ambient family:synth !mode:major": "trippy 45",
    "style:techno|drum_and_bass family:synth / style:synth-pop|ambient family:synth": (
        "futuristic 25"
    ),
    "style:techno|house drums four": "pulsating 27",
    "style:baroque|classical plays:church_organ !tempo:fast": "religious 24, spiritual 24",
    "style:hip_hop drums": "urban 41",
    "style:pop|synth-pop|disco|house|funk|latin !energy:low !texture:drums": (
        "catchy 38, addictive 73"
    ),
    "@groovy": "groovy 258, groovy rhythm 54, groovy music 41",
    "style:funk !tempo:slow": "funky 45",
    "drums": "rhythmic 18",
    "melody": "melodic 50, melodious 21",
    "melody dynamics:soft !drums": "dulcet 15, mellifluous 18",
    "parts:1|2 density:sparse": "simple 26, minimalist 30",
    "parts:5|6|7|8|9|10|11|12 !density:sparse": "rich 22",
    "density:dense parts:4|5|6|7|8|9|10|11|12": "complex 19",
}

GENRES = {
    "style:rock": "rock 183, rock music 27, rock and roll 15",
    "style:rock plays:distorted_guitar": "hard rock 51",
    "style:rock !plays:distorted_guitar !dynamics:loud": "soft rock 26",
    "style:rock mode:major !plays:distorted_guitar": "pop rock 22",
    "style:rock plays:hammond": "classic rock 19",
    "style:pop": "pop 151, pop song 37, pop music 30",
    "style:classical": "classical 102",
    "style:classical|baroque|romantic": (
        "classical music 63, western classical music 29, western classical 21"
    ),
    "style:jazz": "jazz 72, jazzy 15",
    "style:ambient": "ambient 66",
    "style:blues": "blues 47",
    "style:folk": "folk 51, folk music 41, folk song 31, traditional 69",
    "style:country": "country 25, country music 37, country song 15",
    "style:country plays:banjo|fiddle !tempo:slow": "bluegrass 23",
    "style:reggae": "reggae 33",
    "style:metal": "metal 47, heavy metal 37",
    "style:funk": "funk 24",
    "style:disco": "disco 15",
    "style:hip_hop": "hip-hop 45, hip hop 41",
    "style:techno": "techno 39, techno music 17",
    "style:techno drums": "techno dance music 18",
    "style:synth-pop": "electro pop 30, synth pop 24",
    "style:synth-pop|disco drums four": "dance pop 22",
    "style:chiptune": "video game music 18",
    "style:latin": "latin dance music 17",
    "style:techno|house|drum_and_bass drums": "edm 49, electronic dance music 41",
    "@dance": (
        "dance music 96, club music 66, dance 61, dance groove 46, dance rhythm 36, danceable 36,"
        " dance song 27, dance floor 19"
    ),
    "@electronic": "electronic music 105, electro 56, electronic 27, electronica 20",
    "orchestra": "orchestra 72, orchestral 26, philharmonic orchestra 24",
    "only:brass parts:3|4|5|6|7|8 !texture:drums": "brass band 31",
    "texture:band style:funk|blues|jazz|rock": "jam 48",
    "texture:band": "backing track 17",
    "!family:voice": (
        "instrumental 786, instrumental music 211, no voices 175, no voice 65, no vocals 15"
    ),
    "always": "no singer 109, mono 314",
    "!drums !perc_like": "no percussion 100",
    "parts:1": "no other instruments 130, single instrument 47, soloist 36",
    "parts:1|2|3": "minimal instruments 24",
    "parts:2": "duet 16",
    "texture:solo|drums": "solo 20",
    "texture:solo plays:choir|voices parts:1": "acapella 18",
}

SOUNDS = {
    "plays:electric_guitar": "electric guitar 240, e-guitar 117, amplified guitar 23, e-guitars 31",
    "plays:electric_guitar@melody": (
        "electric guitar melody 49, guitar lead 21, electric guitar lead 20"
    ),
    "plays:electric_guitar@melody texture:solo|band": "electric guitar solo melody 14",
    "plays:electric_guitar texture:solo / plays:electric_guitar@melody texture:band": (
        "electric guitar solo 14"
    ),
    "plays:guitar texture:solo / plays:guitar@melody texture:band": "guitar solo 59",
    "plays:electric_guitar@arpeggio": "arpeggiated electric guitar melody 16",
    "plays:acoustic_guitar@arpeggio": "arpeggiated acoustic guitar melody 14",
    "plays:acoustic_guitar": "acoustic guitar 220",
    "plays:nylon_guitar plays:steel_guitar": "acoustic guitars 17",
    "plays:acoustic_guitar@chords": (
        "acoustic rhythm guitar 49, rhythmic acoustic guitar 22, guitar strumming 17"
    ),
    "plays:guitar": "guitar 37",
    "plays:guitar@chords": "guitar accompaniment 34, guitar rhythm 27",
    "plays:distorted_guitar": "distorted electric guitar 30, distortion guitar 23",
    "bass": "bass 143",
    "bass drums": "percussive bass line 42",
    "bass dynamics:loud": "strong bass line 32, strong bass 28",
    "plays:electric_bass": "bass guitar 228, e-bass 164",
    "plays:electric_bass @groovy": "groovy bass guitar 46",
    "@groovy bass": "groovy bass 187, groovy bass line 90, groovy bass lines 15",
    "bass style:jazz|bossa_nova|lo-fi|ambient !dynamics:loud": "smooth bass 26",
    "bass density:sparse|medium": "simple bass 18",
    "plays:synth_bass": "synth bass 42, digital bass 16, sub bass 15",
    "plays:upright_bass|contrabass": "upright bass 51, double bass 23",
    "drums": "drums 60, percussion 163, steady drumming 45",
    "perc:many": "various percussion hits 17",
    "drums !dynamics:soft": "steady drumming rhythm 61",
    "drums energy:high dynamics:loud": (
        "intense drumming 15, energetic drums 19, vigorous drumming 15"
    ),
    "drums @groovy": "slick drumming 22, infectious drumming 18",
    "drums density:sparse|medium !energy:high": "simple percussion 35",
    "kit:acoustic": "acoustic drums 312",
    "kit:electronic": (
        "electronic drums 142, digital drums 94, programmed percussion 43, digital drum 19"
    ),
    "kit:machine": "drum machine 33",
    "perc:kick": "kick drum 18, bass drum 20",
    "perc:kick !dynamics:soft": "punchy kick 192",
    "perc:kick dynamics:soft": "soft kick hits 32",
    "four": '4 on the floor kick 14, punchy "4 on the floor" kick pattern 22',
    "perc:snare !dynamics:soft": "punchy snare 188",
    "perc:roll": "snare roll 19",
    "perc:rim": "snappy rimshots 19",
    "perc:hi-hat": "shimmering hi hats 191",
    "perc:ride|crash": "cymbals 22, shimmering cymbals 63",
    "perc:ride|crash energy:high": "energetic cymbals 21",
    "perc:crash dynamics:loud": "cymbals crashing 20, energetic crash cymbal 16",
    "perc:tambourine": (
        "tambourine 47, tambourine beats 25, shimmering tambourine 17, tambourine percussions 16"
    ),
    "perc:shaker": "shimmering shakers 47, shaker 30, shakers 18",
    "perc:clap": "clapping 61, claps 54, hand claps 17",
    "perc:cowbell": "cowbell 17",
    "perc:bongo": "bongos 21",
    "perc:conga": "congas 19",
    "perc:wood / plays:marimba|xylophone": "wooden percussions 45",
    "perc:bongo|conga|shaker|tambourine": "hand percussion 16",
    "style:latin perc:bongo|conga|timbale|cowbell|wood|guiro": "latin percussion 18",
    "plays:piano": "piano 191, acoustic piano 39",
    "plays:piano@chords": "piano accompaniment 60",
    "plays:piano@chords energy:low": "mellow piano chords 19",
    "plays:piano@melody energy:low": "mellow piano melody 25",
    "plays:piano@melody @groovy": "groovy piano melody 33",
    "plays:piano@chords @groovy": "groovy piano chords 15",
    "plays:keyboard": "keyboard 108",
    "plays:keyboard@chords": "keyboard harmony 119, keyboard accompaniment 80",
    "plays:harpsichord": "harpsichord 28",
    "plays:organ": "organ 31",
    "plays:accordion": "accordion 44",
    "plays:accordion@melody": "accordion melody 17",
    "plays:harmonica": "harmonica 26",
    "plays:strings / plays:violin plays:viola|cello": "strings 90",
    "plays:strings": "string section 45",
    "plays:strings@melody": "sustained strings melody 44, strings melody 16",
    "plays:strings@chords|pad": "string section harmony 22",
    "family:bowed / plays:guitar|harp|banjo|sitar|koto|shamisen|dulcimer": (
        "stringed instrument 31, string instrument 25, string instruments 19"
    ),
    "plays:violin": "violin 57",
    "plays:strings|violin": "violins 39",
    "plays:violin@counter|chords": "violin harmony 22",
    "plays:fiddle": "fiddle 19",
    "plays:viola": "viola 20",
    "plays:cello": "cello 59",
    "plays:harp": "harp 41",
    "plays:banjo": "banjo 43",
    "plays:sitar": "sitar 18",
    "plays:flute": "flute 70",
    "plays:flute@melody": "breathy flute melody 20",
    "family:winds": "wind instrument 38",
    "plays:clarinet": "clarinet 30",
    "plays:saxophone": "saxophone 43",
    "plays:trumpet": "trumpet 40",
    "plays:trumpet|brass_section": "trumpets 56",
    "plays:trombone": "trombone 31",
    "plays:french_horn": "french horn 19",
    "plays:tuba": "tuba 29",
    "family:brass": "brass 28, brass instruments 18",
    "family:brass melody": "brass melody 23",
    "plays:brass_section": "brass section 36, horn section 15",
    "plays:xylophone": "xylophone 28",
    "plays:marimba": "marimba 22",
    "plays:glockenspiel|tubular_bells|celesta": "bells 24, chimes 19, shimmering bells 15",
    "plays:timpani": "timpani 20",
    "plays:choir": "choir 26",
    "plays:choir|voices": "vocalisation 36",
    "plays:choir@chords": "vocal harmony 58",
    "family:synth": (
        "synth 52, synth sounds 45, synthesizer 20, synthesiser arrangements 49,"
        " synthesiser arrangement 34, synthesiser articulation 30"
    ),
    "family:synth / plays:synth_bass": "electronic sounds 18",
    "plays:synth_pad": "synth pad 26, synth pads 21, synth pad chords 18",
    "plays:synth_pad style:ambient": "atmospheric synthesiser 14",
    "plays:synth_lead@melody": "synth lead melody 17",
    "melody density:sparse": "simple tune 31, simple melody 20",
}

UNPLAYABLE = {
    "singing, rap and speech: the voices of the corpus sing no words": (
        "male voice 181, male vocal 149, flat male vocal 132, male singer 129, melodic singing "
        "101, female voice 85, male vocalist 85, passionate male vocal 80, female vocal 72, "
        "female singer 71, male voice singing 68, love song 55, passionate female vocal 50, "
        "female voice singing 45, people talking 40, male vocals 38, foreign language 38, story "
        "telling 37, devotional 37, gospel 33, female vocalist 32, vocal backup 32, backup "
        "singers 30, rap 30, male voice speaking 28, male voices singing 24, harmonizing male "
        "vocals 23, male voices 23, kids song 20, female vocals 19, flat female vocal 19, "
        "fruity male vocal 19, rapping 18, male voice talking 16, instructive speaking 15, "
        "narration 15, opera 15"
    ),
    "how it was recorded: every clip is rendered cleanly": (
        "low quality 1022, noisy 540, amateur recording 434, poor audio quality 173, bad audio "
        "quality 77, low quality audio 67, home video 39, low quality recording 37, "
        "boomy 29, inferior audio quality 28, home recording 26, static 26, average audio "
        "quality 25, muddy 22, messy 22, unbalanced stereo 22, home music video 21, distorted "
        "bass guitar 21, crushed 20, muffled audio 20, white noise 20, hissing tones 19, "
        "youtube music video 19, thin 16, poor quality 15"
    ),
    "rooms and audiences: nobody listens in": (
        "live performance 384, live recording 75, crowd cheering 54, live "
        "audience 52, concert 25, people dancing 23, conductor 20, cheering 19, "
        "crowd clapping 16, ambient room noise 16, ambient room noises 15"
    ),
    "sounds that are not music": (
        "sound effects 56, ambient sounds 30, sonic power 29, birds chirping 25, vibrations 25, "
        "ambient noises 20, playback 18, background noises 14"
    ),
    "instruments that no General MIDI program of ours plays": (
        "didgeridoo 38, tabla 36, mandolin 33, theremin 23, oud 16"
    ),
    "turntables, effects and stereo": (
        "dj 83, psychedelic 56, dj mixer 28, scratching 26, vibrato 21, turntable 19, wide "
        "electric guitar melody 17"
    ),
    "styles that the composer has not learned": (
        "r&b 51, trance 36, soul 28, trap 24, experimental 23, alternative rock 22, dubstep 19, "
        "trance music 19, regional music 19, world music 18, alternative/indie 17, "
        "salsa 15, exotic 15"
    ),
    "praise and taste: no two listeners agree": (
        "engaging 47, chaotic 37, weird 29, hip 27, generic 24, captivating 23, eccentric 18, "
        "funny 18, unique 18, compelling 17, entertaining 17, comedic 14, enthralling 14"
    ),
    "what it is rather than how it sounds": (
        "cover 66, tutorial 58, repeated theme 39, jingle 17, dance hits 15, improvisation 15"
    ),
    "misspelt in MusicCaps; said as it should be": "memdium tempo 16",
}
