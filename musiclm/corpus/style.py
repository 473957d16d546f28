"""What a style is: one row of the tables in `styles_*.py`.

A pattern divides its bar evenly; bars of a longer pattern are parted by `|`. In comping patterns
`c` strikes the chord, `r` its low root, `5` the low fifth under the hand, digits 0-4 one tone of
it, `-` holds and `.` rests. In bass patterns `r` is the root, `5` the fifth, `8` the octave, `3`
the third, `6` the sixth, `7` the seventh below, `a` a step toward the next root, `n` the next root,
`w` a walking tone.

>>> Style("polka", tempos=("fast",), major=("I V",)).metres
('4/4',)
"""

from dataclasses import dataclass

TEMPO_RANGES = {"slow": (60, 85), "medium": (94, 124), "fast": (136, 178)}
PRODUCTIONS = ("natural", "hall", "club", "dry", "plate", "spring", "lofi", "loud")
LEADS = ("tune", "riff", "long", "bebop", "sing")


@dataclass(frozen=True)
class Style:
    """Harmony, rhythm, instruments, moods and production of a kind of music."""

    name: str
    tempos: tuple[str, ...]
    major: tuple[str, ...] = ()  # progressions, of which sections take different ones
    minor: tuple[str, ...] = ()
    metres: tuple[str, ...] = ("4/4",)
    scale: dict[str, str] | None = None  # other scale for a mode
    swing: float = 0.5
    looseness: float = 1.0  # how far from the grid its players may fall
    late: float = 0.0  # seconds by which the lead and the snare lie back
    rubato: float = 0.0  # how much a soloist bends the beats inside a bar, in beats
    grooves: tuple[str, ...] = ()
    kits: tuple[int, ...] = (0,)
    bass: tuple[str, ...] = ("r - - - r - - -",)
    bass_programs: tuple[int, ...] = (33,)
    comp: tuple[str, ...] = ("c - c - c - c -",)
    comp_programs: tuple[int, ...] = (0,)
    hands: tuple[str, ...] = ()  # comping of a soloist's left hand, if the style has its own
    lead: str = "tune"  # one of LEADS
    lead_programs: tuple[int, ...] = (0,)
    pad_programs: tuple[int, ...] = ()
    extra_programs: tuple[int, ...] = ()  # who may double the lead in thirds or answer it
    solo: tuple[int, ...] = ()  # programs that play this style alone
    ensembles: tuple[str, ...] = ()  # roles and their programs
    busy: float = 0.0  # added to the melody's density
    bpm: tuple[int, int] = (60, 178)
    moods: tuple[str, ...] = ()
    era: str | None = None  # where the style belongs to one: "80s", "baroque period"
    production: str = "natural"  # one of PRODUCTIONS

    def __post_init__(self) -> None:
        assert self.production in PRODUCTIONS and self.lead in LEADS, self.name
