"""The hierarchy as a table: what each stage is given, what it predicts, over how many seconds.

MusicLM (arXiv 2301.11325, sections 3.2 and 4.2) factors music into three autoregressive models,
MuLan -> semantic -> coarse acoustic -> fine acoustic. Each is a row here; `SEMANTIC`, `COARSE` and
`FINE` are the paper's rows. A variant (an aligned stream, a delay pattern) is a changed field:

>>> from dataclasses import replace
>>> COARSE.given, COARSE.predict, COARSE.frames
(('mulan', 'semantic'), 'coarse', 500)
>>> fast = replace(COARSE, pattern="delay", aligned=("semantic",))
>>> fast.prefix
('mulan',)

Shapes: b batch, n frames, q levels.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from musiclm.errors import UserError
from musiclm.lm.sequence import PATTERNS, Pattern
from musiclm.tokens import ACOUSTIC, MULAN, Alphabet
from musiclm.tokens import SEMANTIC as SEMANTIC_ALPHABET

COARSE_LEVELS = 4  # of the 12 acoustic levels; the fine stage predicts the others (section 3.2)


@dataclass(frozen=True)
class Part:
    """Some levels of one alphabet: what a stage reads or writes."""

    name: str
    alphabet: Alphabet
    first: int
    last: int

    @property
    def levels(self) -> int:
        """How many levels this part has."""
        return self.last - self.first

    @property
    def size(self) -> int:
        """How many codes a level has."""
        return self.alphabet.size

    def frames(self, seconds: float) -> int:
        """Frames that cover `seconds`; a clip-wide part (MuLan) is one frame."""
        return self.alphabet.frames(seconds)

    def take(self, streams: Mapping[str, Tensor]) -> Int[Tensor, "b n q"]:
        """Cut this part out of whole streams, or find it under its own name."""
        codes = streams.get(self.name)
        if codes is None:
            if self.alphabet.name not in streams:
                raise UserError(f"the {self.name} tokens are missing; got {sorted(streams)}")
            codes = streams[self.alphabet.name]
            codes = codes[..., self.first : self.last] if self.alphabet.levels > 1 else codes
        if codes.ndim == 2:  # mulan [b q] is one frame of levels; semantic [b n] is frames of one.
            codes = codes.unsqueeze(-1) if self.levels == 1 else codes.unsqueeze(1)
        if codes.ndim != 3 or codes.shape[-1] != self.levels:
            raise UserError(
                f"{self.name} tokens need {self.levels} levels, got shape {tuple(codes.shape)}"
            )
        return codes.long()


@functools.cache
def parts_of(acoustic: Alphabet = ACOUSTIC, coarse_levels: int = COARSE_LEVELS) -> dict[str, Part]:
    """What stages read and write where so many of the codec's levels are coarse."""
    parts = (
        Part("mulan", MULAN, 0, MULAN.levels),
        Part("semantic", SEMANTIC_ALPHABET, 0, SEMANTIC_ALPHABET.levels),
        Part("coarse", acoustic, 0, coarse_levels),
        Part("fine", acoustic, coarse_levels, acoustic.levels),
    )
    return {part.name: part for part in parts}


PARTS = parts_of()


@dataclass(frozen=True)
class Stage:
    """One row of the hierarchy."""

    name: str
    given: tuple[str, ...]
    predict: str
    seconds: float  # the window: training crops and the longest sequence ever seen
    temperature: float
    pattern: str = "flat"  # the paper's; "delay" and "parallel" cost one step a frame
    # Given streams that are summed onto the frames they belong to, not put before them; MuLan's
    # tokens belong to all.
    aligned: tuple[str, ...] = ()  # not in the paper, which puts everything before
    lookahead: int = 0  # a frame sees its aligned tokens this many frames ahead; not in the paper
    chunked: bool = False  # long pieces are cut into independent windows (AudioLM's fine stage)
    # Of the codec and of the chain, the same in every stage: a system's configuration tells them.
    acoustic: Alphabet = ACOUSTIC
    coarse_levels: int = COARSE_LEVELS

    def __post_init__(self) -> None:
        """Refuse rows that name nothing."""
        for name in (*self.given, self.predict):
            if name not in PARTS:
                raise UserError(f"stage {self.name}: no stream {name!r}; there are {list(PARTS)}")
        if self.pattern not in PATTERNS:
            raise UserError(f"stage {self.name}: no pattern {self.pattern!r}; {list(PATTERNS)}")
        for name in self.aligned:
            if name not in self.given:
                raise UserError(f"stage {self.name}: {name!r} cannot be aligned; {self.given}")
        if not 1 <= self.coarse_levels < self.acoustic.levels:
            raise UserError(
                f"stage {self.name}: coarse_levels must be 1 to {self.acoustic.levels - 1} of this "
                f"codec's {self.acoustic.levels}, not {self.coarse_levels}"
            )
        for part in (self.part, *(self.parts[name] for name in self.given)):
            frames = self.seconds * part.alphabet.rate
            if abs(frames - round(frames)) > 1e-6:
                raise UserError(
                    f"stage {self.name}: {self.seconds} s end within a {part.name} frame"
                )
        if self.seconds <= 0 or self.lookahead < 0 or self.temperature < 0:
            raise UserError(f"stage {self.name}: seconds, temperature, lookahead must be positive")

    @property
    def parts(self) -> dict[str, Part]:
        """What there is to read and to write, by name."""
        return parts_of(self.acoustic, self.coarse_levels)

    @property
    def part(self) -> Part:
        """What is predicted."""
        return self.parts[self.predict]

    @property
    def prefix(self) -> tuple[str, ...]:
        """Given streams that come before the predicted ones, in order."""
        return tuple(name for name in self.given if name not in self.aligned)

    @property
    def order(self) -> Pattern:
        """The pattern that says which level is predicted at which step."""
        return PATTERNS[self.pattern]

    @property
    def frames(self) -> int:
        """Predicted frames in one window."""
        return self.part.frames(self.seconds)

    @property
    def grain(self) -> int:
        """Predicted frames after which all given streams begin a frame too."""
        rates = (self.parts[name].alphabet.rate for name in self.given)
        own = self.part.alphabet.rate
        return math.lcm(*(own // math.gcd(own, rate) for rate in rates if rate))

    @property
    def steps(self) -> int:
        """Predicted steps in one window."""
        return self.order.steps(self.frames, self.part.levels)

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the loss terms, counted as the codec counts: the fine stage starts at 5."""
        part = self.part
        return tuple(f"level_{level + 1}" for level in range(part.first, part.last))


SEMANTIC = Stage("semantic", ("mulan",), "semantic", seconds=30.0, temperature=1.0)
COARSE = Stage("coarse", ("mulan", "semantic"), "coarse", seconds=10.0, temperature=0.95)
# The paper does not say whether MuLan enters the fine stage; AudioLM's sees coarse tokens only.
FINE = Stage("fine", ("coarse",), "fine", seconds=3.0, temperature=0.4, chunked=True)
STAGES = {stage.name: stage for stage in (SEMANTIC, COARSE, FINE)}
