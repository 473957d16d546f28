"""What a short training can aim at: pitch classes, loudness by band, onsets (not in the paper).

The paper's quantiser learns its targets together with everything else, over weeks. In minutes ours
collapses onto few codes, the failure that the paper describes (section 5.2). These features hold,
from the first step, what semantic tokens are for: harmony and melody (pitch classes of the bass and
of the rest), drums and rhythm. MERT (Li et al. 2023, 2306.00107) teaches a constant-Q spectrum
beside its codes for the same reason.

With a pulse they also hold the place in the beat: see pulse.py. Weighted by kind, they may be
clustered into tokens without any network: see musical_tokenizer.py.

>>> MusicalFeatures(frame=960)(torch.zeros(1, 1, 9_600)).shape
torch.Size([1, 10, 38])
>>> MusicalFeatures(frame=960, pulse=True)(torch.zeros(1, 1, 9_600)).shape
torch.Size([1, 10, 40])
"""

from itertools import accumulate

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.audio import SAMPLE_RATE
from musiclm.nn.pitch import Semitones, chroma
from musiclm.nn.quantize import ResidualVQ
from musiclm.nn.spectrogram import LogMel
from musiclm.semantic.pulse import pulse
from musiclm.semantic.quantizer import Picked

STEPS, MEL_BINS, BANDS, ONSETS = 4, 40, 10, 4  # mel frames of a frame, and groups of mel bins
WIDTH = 12 + 12 + BANDS + ONSETS  # without a pulse

# Where the features themselves are clustered into tokens: the deviation of each group, all its
# numbers together. Chosen by probes: docs/log.md.
WEIGHTS = {
    "bass": 3.5,
    "treble": 3.5,
    "bands": 3.0,
    "onsets": 2.5,
    "pulse": 1.0,
}


class MusicalFeatures(nn.Module):
    """Waveform of whole frames -> features of about unit scale."""

    def __init__(self, frame: int, pulse: bool = False) -> None:
        super().__init__()
        self.frame = frame
        self.pulse = pulse
        self.mel = LogMel(SAMPLE_RATE, 1024, frame // STEPS, MEL_BINS)
        self.semitones = Semitones(SAMPLE_RATE, frame)

    @property
    def groups(self) -> dict[str, slice]:
        """Where each kind of number lies."""
        sizes = {"bass": 12, "treble": 12, "bands": BANDS, "onsets": ONSETS}
        if self.pulse:
            sizes["pulse"] = 2
        ends = list(accumulate(sizes.values()))
        return {n: slice(end - sizes[n], end) for n, end in zip(sizes, ends, strict=True)}

    @property
    def width(self) -> int:
        """Numbers of a frame."""
        return WIDTH + 2 * self.pulse

    def weights(self) -> Float[Tensor, " d"]:
        """How much each number counts in tokens."""
        sizes = {name: part.stop - part.start for name, part in self.groups.items()}
        return torch.cat([torch.full((n,), WEIGHTS[name] / n**0.5) for name, n in sizes.items()])

    @torch.no_grad()
    def forward(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b n d"]:
        """[b 1 t] -> [b t/frame width], always in float32."""
        with torch.autocast(wave.device.type, enabled=False):
            sound = wave[:, 0].float()
            mel = self.mel(sound)
            parts = [(chroma(self.semitones(sound)) - 0.25) / 0.115, self.rhythm(mel)]
            if self.pulse:
                parts.append(pulse(mel, STEPS))
            return torch.cat(parts, dim=-1)

    def rhythm(self, mel: Float[Tensor, "b m bins"]) -> Float[Tensor, "b n d"]:
        """How loud each band is, and how fast the loudness of wider bands rises."""
        rise = F.pad((mel[:, 1:] - mel[:, :-1]).clamp_min(0.0), (0, 0, 1, 0))
        shape = "b (n four) (bands bins) -> b n bands"
        loud = reduce(mel, shape, "mean", four=STEPS, bands=BANDS)
        rise = reduce(rise, "b n (bands bins) -> b n bands", "mean", bands=ONSETS)
        rise = reduce(rise, "b (n four) bands -> b n bands", "max", four=STEPS)
        return torch.cat(((loud + 5.8) / 2.0, (rise - 0.2) / 0.42), dim=-1)


class MusicalQuantizer(nn.Module):
    """Features -> codes that follow the data by moving averages, out of reach of the losses."""

    def __init__(self, codes: int, width: int = WIDTH) -> None:
        super().__init__()
        self.size = codes
        self.codebook = ResidualVQ(width, levels=1, size=codes, dropout=0.0)

    def forward(
        self, x: Float[Tensor, "b n d"], generator: torch.Generator | None = None
    ) -> Picked:
        """The nearest code of each frame; in training mode the codebook moves."""
        found = self.codebook(x, generator)
        ids = rearrange(found.codes, "b n 1 -> b n")
        chosen = F.one_hot(ids, self.size).float()
        return Picked(found.vectors.detach(), ids, ids, chosen)
