"""EnCodec's encoder as an ear (Defossez et al. 2022): close to the sound, far from its meaning.

It hears noise and lost bands that taggers forgive (Gui et al. 2023 use it beside CLAP and MERT).

    ear = Encodec(Path("encodec_24khz"))
"""

from pathlib import Path

import numpy as np
import torch
from einops import rearrange, reduce, repeat
from jaxtyping import Float

from musiclm.evaluate.embedders.base import identity, windows
from musiclm.evaluate.embedders.pretrained import pretrained, read_config

SECONDS = 1
WINDOWS_AT_ONCE = 16


class Encodec:
    """The mean over time of what the encoder gives to its quantiser, for each second."""

    def __init__(self, folder: Path | str) -> None:
        """A folder of the 24 kHz or the 48 kHz model; the latter hears mono on both channels."""
        self.model = pretrained("EncodecModel", read_config(folder, "encodec"), folder)
        config = self.model.config
        self.name = f"encodec ({Path(folder).resolve().name})"
        self.sample_rate = int(config.sampling_rate)
        self.channels = int(config.audio_channels)
        self.normalise = bool(config.normalize)
        self.dimension = int(config.hidden_size)
        told = {"kind": "encodec", "seconds": SECONDS, "rate": self.sample_rate}
        self.fingerprint = identity(self.model, told)

    @torch.no_grad()
    def embed(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, "w d"]:
        """[t] -> [w d]."""
        rows = []
        parts = torch.from_numpy(windows(samples, SECONDS * self.sample_rate).astype(np.float32))
        for part in parts.split(WINDOWS_AT_ONCE):
            wave = repeat(part, "w t -> w c t", c=self.channels)
            if self.normalise:  # the 48 kHz model was trained on chunks of one loudness
                loudness = rearrange(part.square().mean(dim=1).sqrt(), "w -> w 1 1")
                wave = wave / (loudness + 1e-8)
            rows.append(reduce(self.model.encoder(wave), "w d n -> w d", "mean"))
        return torch.cat(rows).numpy()
