"""The three alphabets of MusicLM (paper section 3.1): what a token is, and how many a second.

>>> ACOUSTIC.tokens_per_second, SEMANTIC.tokens_per_second, MULAN.levels
(600, 25, 12)
>>> SEMANTIC.frames(1.5), ACOUSTIC.frames(0.001)
(38, 1)
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Alphabet:
    """A stream of tokens: `levels` ids below `size` for each of `rate` frames a second."""

    name: str
    rate: int  # frames a second; 0 means once for a whole clip
    levels: int  # residual quantiser levels of a frame
    size: int  # ids of a level

    @property
    def tokens_per_second(self) -> int:
        """Tokens of one second of audio."""
        return self.rate * self.levels

    def frames(self, seconds: float) -> int:
        """Frames that cover `seconds` of audio (the last may be partly filled)."""
        # The rounding guards against 0.1 * 50 = 5.000000000000001 frames becoming 6.
        return max(1, math.ceil(round(seconds * self.rate, 6))) if self.rate else 1


MULAN = Alphabet("mulan", rate=0, levels=12, size=1024)
SEMANTIC = Alphabet("semantic", rate=25, levels=1, size=1024)
ACOUSTIC = Alphabet("acoustic", rate=50, levels=12, size=1024)
